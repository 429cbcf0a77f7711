//! Copies files from one store's directory to another's, for a backup and a restore.

use std::io::{self, Read as _};
use std::path::Path;

use super::data_directory::Store;
use super::error::{Problem, StoreError};
use super::prefix_reader::PrefixReader;
use crate::disk;
use crate::state_machine::{ConversationId, HistoryPrefix};

/// Length of one read of a history file, which may be of any size.
const BLOCK_BYTES: usize = 256 << 10;

impl Store {
    /// Copies a table or a segment, neither of which is large, durably but for its name.
    pub(super) fn copy_file(&self, from: &Path, to: &Path) -> Result<(), StoreError> {
        let bytes = disk::read(&*self.disk, from).map_err(StoreError::io(from))?;
        self.write_file(to, &bytes)
    }

    /// Continues the copy of a history file of `from` from `have` to `want`, and compares its checksum.
    /// The copy is durable but for its name.
    pub(super) fn copy_history(
        &self,
        from: &Store,
        id: ConversationId,
        have: HistoryPrefix,
        want: HistoryPrefix,
    ) -> Result<(), StoreError> {
        let source = from.history_path(id, want.rewritten);
        let target = self.history_path(id, want.rewritten);
        let (original, _) = from.open_history(&source, want.bytes)?;
        let mut reader = PrefixReader::new(original, have, want.bytes);
        let copy = match have.bytes {
            0 => self.create_file(&target)?,
            _ => self.disk.open(&target).map_err(StoreError::io(&target))?,
        };
        let mut at = have.bytes;
        let mut block = vec![0; BLOCK_BYTES];
        while at < want.bytes {
            let read = reader.read(&mut block).map_err(StoreError::io(&source))?;
            copy.write_at(block.get(..read).unwrap_or_default(), at).map_err(StoreError::io(&target))?;
            at += read as u64;
        }
        copy.sync().map_err(StoreError::io(&target))?;
        match reader.checksum() == want.checksum {
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
            // It may not exist yet; and that of a backup may have become its manifest.
            for file in [marker, &self.manifest()] {
                let _ = self.disk.remove_file(file);
            }
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
