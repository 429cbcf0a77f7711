//! Copying files from one store's directory to another's: what a backup and a restore share.

use std::path::Path;

use crc32fast::Hasher;

use super::{Store, StoreError};
use crate::disk;
use crate::state_machine::{ConversationId, HistoryPrefix};

/// What is copied at once of a history file, which may be of any size.
const BLOCK_BYTES: u64 = 256 << 10;

impl Store {
    /// Copies a table or a segment, neither of which is large.
    pub(super) fn copy_file(&self, from: &Path, to: &Path) -> Result<(), StoreError> {
        let bytes = disk::read(&*self.disk, from).map_err(StoreError::io(from))?;
        let copy = self.disk.create(to).map_err(StoreError::io(to))?;
        copy.write_at(&bytes, 0).map_err(StoreError::io(to))
    }

    /// Continues the copy of a history file of `from`: it holds what `have` says, and shall hold what
    /// `want` says. What is copied is what was written: its checksum is compared.
    pub(super) fn copy_history(
        &self,
        from: &Store,
        id: ConversationId,
        have: HistoryPrefix,
        want: HistoryPrefix,
    ) -> Result<(), StoreError> {
        let (source, target) = (from.history_path(id), self.history_path(id));
        let original = self.disk.open(&source).map_err(StoreError::io(&source))?;
        let opened = if have.bytes == 0 { self.disk.create(&target) } else { self.disk.open(&target) };
        let copy = opened.map_err(StoreError::io(&target))?;
        let mut checksum = Hasher::new_with_initial_len(have.checksum, have.bytes);
        let mut at = have.bytes;
        while at < want.bytes {
            let mut block = vec![0; usize::try_from((want.bytes - at).min(BLOCK_BYTES)).unwrap_or(0)];
            let read = original.read_at(&mut block, at).map_err(StoreError::io(&source))?;
            block.truncate(read);
            if block.is_empty() {
                return Err(damaged(&source, format!("the file has {at} bytes and should have {}", want.bytes)));
            }
            checksum.update(&block);
            copy.write_at(&block, at).map_err(StoreError::io(&target))?;
            at += read as u64;
        }
        if checksum.finalize() == want.checksum {
            Ok(())
        } else {
            Err(damaged(&source, "its checksum does not fit: wachat check says where".to_owned()))
        }
    }

    /// Makes every file in a directory durable, and their names.
    pub(super) fn sync_files(&self, directory: &Path) -> Result<(), StoreError> {
        for name in self.list(directory)? {
            let path = directory.join(name);
            self.disk.open(&path).and_then(|file| file.sync()).map_err(StoreError::io(&path))?;
        }
        self.sync_dir(directory)
    }

    /// Says in a new file, durably, that what is in this directory is not finished.
    pub(super) fn mark(&self, marker: &Path) -> Result<(), StoreError> {
        disk::write(&*self.disk, marker, b"").map_err(StoreError::io(marker))?;
        self.sync_names()
    }

    /// Removes what a copy that is given up has made, as far as that goes. Its mark goes last: what is
    /// left on the way is never taken for a store.
    pub(super) fn discard(&self, marker: &Path, directory_too: bool) {
        let removed = self.remove_content().and_then(|()| self.sync_dir(&self.directory));
        if removed.is_ok() {
            // It may not be there yet.
            let _ = self.disk.remove_file(marker);
            if directory_too {
                let _ = self.disk.remove_dir(&self.directory);
            }
        }
    }

    /// Removes checkpoints, durably, and then the rest.
    pub(super) fn remove_content(&self) -> Result<(), StoreError> {
        let remove = |path: &Path| match self.exists(path)? {
            true => self.disk.remove_dir(path).map_err(StoreError::io(path)),
            false => Ok(()),
        };
        for segment in self.checkpoints()? {
            remove(&self.checkpoint_path(segment))?;
        }
        self.sync_dir(&self.directory)?;
        for directory in [self.directory.join("checkpoint.new"), self.wal_directory(), self.history_directory()] {
            remove(&directory)?;
        }
        Ok(())
    }

    /// Refuses a directory with anything in it but what is allowed. Returns whether it is not there yet.
    pub(super) fn expect_empty(&self, allowed: &[&str]) -> Result<bool, StoreError> {
        if !self.exists(&self.directory)? {
            return Ok(true);
        }
        let mut names = self.disk.list(&self.directory).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotADirectory => StoreError::NotEmpty { directory: self.directory.clone() },
            _ => StoreError::io(&self.directory)(error),
        })?;
        names.retain(|name| !allowed.contains(&name.as_str()));
        if names.is_empty() { Ok(false) } else { Err(StoreError::NotEmpty { directory: self.directory.clone() }) }
    }

    /// Makes the two directories that every store has.
    pub(super) fn make_directories(&self) -> Result<(), StoreError> {
        for directory in [self.wal_directory(), self.history_directory()] {
            self.disk.create_dir(&directory).map_err(StoreError::io(&directory))?;
        }
        Ok(())
    }
}

fn damaged(file: &Path, what: String) -> StoreError {
    StoreError::Damaged { file: file.to_path_buf(), line: 0, what }
}
