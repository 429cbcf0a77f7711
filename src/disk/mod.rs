//! The seam to files and directories: the write-ahead logs and the store read and write through it alone. The real
//! one is [`RealDisk`]; the tests have another one, which loses power (`tests/support/simulated_disk`).
//!
//! A disk obeys these rules, and the callers rely on no others:
//! - a write is durable only after [`File::sync`]; before that a power cut keeps any part of it;
//! - a name made, changed or removed is durable only after [`Disk::sync_dir`] of its directory;
//! - a rename is all or nothing.

mod durable;
mod private;
mod real;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use durable::{append, replace, sync_name, sync_name_where_possible, unfinished, write_new};
pub use private::{check_directory, check_file, check_socket, open_to_append, open_to_replace};
pub use real::RealDisk;

/// Files and directories. Errors are those of the operating system; the caller adds the file.
pub trait Disk: Send + Sync {
    /// Opens a file that exists, for reading and writing.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>>;
    /// Opens a file that exists, for reading only: also where nothing can be written.
    fn open_for_reading(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        self.open(path)
    }
    /// Creates an empty file, for reading and writing; one that exists is emptied, a link is replaced.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>>;
    /// Creates a directory, and those above it; one that exists is left as it is, and refused if other users can change it.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// Returns the names in a directory, sorted.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;
    fn exists(&self, path: &Path) -> io::Result<bool>;
    /// Renames a file or directory; a file of the new name is replaced.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Removes a directory and the files in it.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Opens the files of a directory to be synced all at once, before they are written: for many files that takes a tenth of
    /// the time. `None`: each has to be synced by itself.
    fn open_to_sync(&self, _directory: &Path) -> io::Result<Option<Box<dyn SyncAll>>> {
        Ok(None)
    }
    /// Returns the bytes that are free for this process where a directory is.
    fn free_bytes(&self, directory: &Path) -> io::Result<u64>;
    /// Locks a file until the process ends or the guard is dropped. `WouldBlock`: another process has the lock.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send>>;
    /// Keeps other processes from locking a file that exists, and writes nothing. `WouldBlock`: one has locked it.
    fn lock_for_reading(&self, path: &Path) -> io::Result<Box<dyn Send>> {
        self.lock(path)
    }
}

/// An open file. Reads and writes name their offset: there is no shared position.
pub trait File: Send + Sync {
    /// Reads up to a buffer's length; fewer bytes only at the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes all bytes; past its end the file grows.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    fn len(&self) -> io::Result<u64>;
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Begins to make this part durable and does not wait: the syncs of several files take less time then.
    fn begin_sync(&self, _offset: u64, _len: u64) {}
    /// Makes all writes and the file's length durable.
    fn sync(&self) -> io::Result<()>;
}

/// The files of a directory, and whatever else the disk syncs with them.
pub trait SyncAll {
    /// Makes all writes into the files durable. An error: one of them since this was opened may not be.
    fn sync_all(&self) -> io::Result<()>;
}

/// Reads a whole file.
pub fn read(disk: &dyn Disk, path: &Path) -> io::Result<Vec<u8>> {
    read_all(&*disk.open_for_reading(path)?)
}

/// Reads all of an open file.
pub fn read_all(file: &dyn File) -> io::Result<Vec<u8>> {
    let len = usize::try_from(file.len()?).map_err(|_| io::ErrorKind::FileTooLarge)?;
    let mut bytes = vec![0; len];
    let read = file.read_at(&mut bytes, 0)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// Writes a new file, durable but for its name.
pub fn write(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let file = disk.create(path)?;
    file.write_at(bytes, 0)?;
    file.sync()
}

/// Returns the first path that does not exist, of those that `path` makes of 1, 2, 3, ...
pub fn free_name(disk: &dyn Disk, path: impl Fn(u64) -> PathBuf) -> io::Result<PathBuf> {
    let mut number = 1;
    while disk.exists(&path(number))? {
        number += 1;
    }
    Ok(path(number))
}
