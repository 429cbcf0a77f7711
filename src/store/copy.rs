//! Copies files from one store's directory to another's, for a backup and a restore.

use std::io;
use std::path::Path;

use crc32fast::Hasher;

use super::{Problem, Store, StoreError};
use crate::disk;
use crate::state_machine::{ConversationId, HistoryPrefix};

/// Length of one read of a history file, which may be of any size.
const BLOCK_BYTES: u64 = 256 << 10;

impl Store {
    /// Copies a table or a segment, neither of which is large.
    pub(super) fn copy_file(&self, from: &Path, to: &Path) -> Result<(), StoreError> {
        let bytes = disk::read(&*self.disk, from).map_err(StoreError::io(from))?;
        self.create_file(to)?.write_at(&bytes, 0).map_err(StoreError::io(to))
    }

    /// Continues the copy of a history file of `from` from `have` to `want`, and compares its checksum.
    pub(super) fn copy_history(
        &self,
        from: &Store,
        id: ConversationId,
        have: HistoryPrefix,
        want: HistoryPrefix,
    ) -> Result<(), StoreError> {
        let (source, target) = (from.history_path(id), self.history_path(id));
        let original = from.open_file(&source)?;
        let copy = if have.bytes == 0 { self.create_file(&target)? } else { self.open_file(&target)? };
        let mut checksum = Hasher::new_with_initial_len(have.checksum, have.bytes);
        let mut at = have.bytes;
        while at < want.bytes {
            let mut block = vec![0; usize::try_from((want.bytes - at).min(BLOCK_BYTES)).unwrap_or(0)];
            let read = original.read_at(&mut block, at).map_err(StoreError::io(&source))?;
            block.truncate(read);
            if block.is_empty() {
                let what = format!("the file has {at} bytes and should have {}", want.bytes);
                return Err(StoreError::damaged(&source, 0, what));
            }
            checksum.update(&block);
            copy.write_at(&block, at).map_err(StoreError::io(&target))?;
            at += read as u64;
        }
        match checksum.finalize() == want.checksum {
            true => Ok(()),
            false => Err(StoreError::damaged(&source, 0, "its checksum does not fit: wachat check says where")),
        }
    }

    /// Creates a file, durably, that marks the content of this directory as unfinished.
    pub(super) fn create_marker(&self, marker: &Path) -> Result<(), StoreError> {
        self.write_file(marker, b"")?;
        self.sync_names()
    }

    /// Removes an unfinished copy, as far as that is possible. Its marker goes last: the rest is never taken for
    /// a store.
    pub(super) fn discard_copy(&self, marker: &Path, directory_too: bool) {
        let removed = self.remove_content().and_then(|()| self.sync_dir(&self.directory));
        if removed.is_ok() {
            // It may not exist yet.
            let _ = self.disk.remove_file(marker);
            if directory_too {
                let _ = self.disk.remove_dir(&self.directory);
            }
        }
    }

    /// Removes checkpoints, durably, and then the rest.
    pub(super) fn remove_content(&self) -> Result<(), StoreError> {
        for segment in self.checkpoints()? {
            self.remove_dir(&self.checkpoint_path(segment))?;
        }
        self.sync_dir(&self.directory)?;
        for directory in [self.unfinished_checkpoint(), self.wal_directory(), self.history_directory()] {
            self.remove_dir(&directory)?;
        }
        Ok(())
    }

    /// Refuses a directory with anything in it but these names. Returns `true` if it does not exist yet.
    pub(super) fn expect_empty(&self, allowed: &[&str]) -> Result<bool, StoreError> {
        if !self.exists(&self.directory)? {
            return Ok(true);
        }
        let mut names = self.disk.list(&self.directory).map_err(|error| match error.kind() {
            io::ErrorKind::NotADirectory => Problem::NotEmpty.at(&self.directory),
            _ => StoreError::io(&self.directory)(error),
        })?;
        names.retain(|name| !allowed.contains(&name.as_str()));
        if names.is_empty() { Ok(false) } else { Err(Problem::NotEmpty.at(&self.directory)) }
    }
}
