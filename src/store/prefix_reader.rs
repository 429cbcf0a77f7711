//! Reads a file up to a given length, and its checksum: the valid prefix of a history file.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use crc32fast::Hasher;

use super::data_directory::Store;
use super::error::StoreError;
use crate::disk::File;
use crate::state_machine::HistoryPrefix;

pub(super) struct PrefixReader {
    file: Arc<dyn File>,
    at: u64,
    end: u64,
    checksum: Hasher,
}

impl PrefixReader {
    /// Begins after the prefix `after`, whose bytes are part of the checksum.
    pub fn new(file: Arc<dyn File>, after: HistoryPrefix, end: u64) -> Self {
        Self { file, at: after.bytes, end, checksum: Hasher::new_with_initial_len(after.checksum, after.bytes) }
    }

    /// Returns the checksum of the file up to the last byte that was read.
    pub fn checksum(self) -> u32 {
        self.checksum.finalize()
    }
}

impl Read for PrefixReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(buffer.len());
        let (buffer, _) = buffer.split_at_mut(length);
        if self.file.read_at(buffer, self.at)? < length {
            return Err(io::Error::other("the file became shorter while it was read"));
        }
        self.checksum.update(buffer);
        self.at += length as u64;
        Ok(length)
    }
}

impl Store {
    /// Opens a history file, which has to be at least as long as its valid prefix. Returns its length as well.
    pub(super) fn open_history(&self, path: &Path, prefix: u64) -> Result<(Arc<dyn File>, u64), StoreError> {
        let file = self.open_file(path)?;
        let len = file.len().map_err(StoreError::io(path))?;
        if len < prefix {
            return Err(StoreError::damaged(path, 0, format!("the file has {len} bytes and should have {prefix}")));
        }
        Ok((file, len))
    }
}
