//! Calls of the disk, with the path in their errors.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::{Problem, Store, StoreError};
use crate::disk::{self, File};

impl Store {
    pub(super) fn exists(&self, path: &Path) -> Result<bool, StoreError> {
        self.disk.exists(path).map_err(StoreError::io(path))
    }

    pub(super) fn list(&self, path: &Path) -> Result<Vec<String>, StoreError> {
        self.disk.list(path).map_err(StoreError::io(path))
    }

    /// Opens a file that the store needs: if it is missing, that is damage.
    pub(super) fn open_file(&self, path: &Path) -> Result<Arc<dyn File>, StoreError> {
        self.disk.open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => StoreError::damaged(path, 0, "the file is missing"),
            _ => StoreError::io(path)(error),
        })
    }

    pub(super) fn create_file(&self, path: &Path) -> Result<Arc<dyn File>, StoreError> {
        self.disk.create(path).map_err(StoreError::io(path))
    }

    /// Writes a new file, durable but for its name.
    pub(super) fn write_file(&self, path: &Path, content: &[u8]) -> Result<(), StoreError> {
        disk::write(&*self.disk, path, content).map_err(StoreError::io(path))
    }

    pub(super) fn create_dir(&self, path: &Path) -> Result<(), StoreError> {
        self.disk.create_dir(path).map_err(StoreError::io(path))
    }

    /// Removes a directory and the files in it, if it exists.
    pub(super) fn remove_dir(&self, path: &Path) -> Result<(), StoreError> {
        if self.exists(path)? { self.disk.remove_dir(path).map_err(StoreError::io(path)) } else { Ok(()) }
    }

    /// Renames a file or directory in the store's directory, durably.
    pub(super) fn rename(&self, from: &Path, to: &Path) -> Result<(), StoreError> {
        self.disk.rename(from, to).map_err(StoreError::io(to))?;
        self.sync_dir(&self.directory)
    }

    pub(super) fn sync_dir(&self, path: &Path) -> Result<(), StoreError> {
        self.disk.sync_dir(path).map_err(StoreError::io(path))
    }

    /// Makes durable the names of the store's directory and of those above it. The process that made them may
    /// have been killed before it could: then they are in the system's cache, and a power cut would undo them.
    pub(super) fn sync_names(&self) -> Result<(), StoreError> {
        for directory in self.directory.ancestors() {
            let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
            match self.sync_dir(directory) {
                // A directory that this process may not open was not made for this store.
                Err(StoreError { problem: Problem::Io(error), .. })
                    if error.kind() == io::ErrorKind::PermissionDenied && directory != self.directory => {}
                synced => synced?,
            }
        }
        Ok(())
    }
}
