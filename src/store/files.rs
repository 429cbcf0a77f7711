//! Calls of the disk, with the path in their errors.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::data_directory::Store;
use super::error::{Problem, StoreError};
use crate::disk::{self, File};

/// Text of the damage that a missing file is.
pub(super) const MISSING: &str = "the file is missing";

impl Store {
    pub(super) fn exists(&self, path: &Path) -> Result<bool, StoreError> {
        self.disk.exists(path).map_err(StoreError::io(path))
    }

    pub(super) fn list(&self, path: &Path) -> Result<Vec<String>, StoreError> {
        self.disk.list(path).map_err(missing_or_io(path, "the directory is missing"))
    }

    /// Opens a file that the store needs, for reading: if it is missing, that is damage.
    pub(super) fn open_file(&self, path: &Path) -> Result<Arc<dyn File>, StoreError> {
        self.disk.open_for_reading(path).map_err(missing_or_io(path, MISSING))
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
                // A directory that this process may not open or write was not made for this store; and some file systems
                // refuse this call for directories, with EINVAL.
                Err(StoreError { problem: Problem::Io(error), .. })
                    if is_refused(error.kind()) && directory != self.directory => {}
                synced => synced?,
            }
        }
        Ok(())
    }
}

/// Makes damage of a missing file. No other error of a call is damage.
pub(super) fn missing_or_io(path: &Path, what: &'static str) -> impl FnOnce(io::Error) -> StoreError {
    move |error| match error.kind() {
        io::ErrorKind::NotFound => StoreError::damaged(path, 0, what),
        _ => StoreError::io(path)(error),
    }
}

fn is_refused(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::InvalidInput)
}
