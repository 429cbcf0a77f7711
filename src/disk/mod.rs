//! The seam: every byte that the write-ahead log, the store and the outbox read or write goes through here,
//! and nothing else does. Two implementations: [`RealDisk`], and [`SimulatedDisk`], which keeps what
//! a power cut could keep.
//!
//! The rules that both obey, and that everything above is written for:
//! - what was written is durable only after [`File::sync`]; before that a power cut keeps any part of it;
//! - a name made, changed or removed is durable only after [`Disk::sync_dir`] of its directory;
//! - a rename is all or nothing.

mod real;
mod simulated;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use real::RealDisk;
pub use simulated::{Fault, SimulatedDisk};

/// Files and directories. Errors are those of the operating system; the caller adds which file.
pub trait Disk: Send + Sync {
    /// Opens a file that exists, for reading and writing.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>>;
    /// Makes an empty file, for reading and writing; one that exists is emptied.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>>;
    /// Makes a directory, and those above it; one that exists is left as it is.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// The names in a directory, sorted.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;
    fn exists(&self, path: &Path) -> io::Result<bool>;
    /// Puts a file or directory in the place of another name; a file there is replaced.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Removes a directory and the files in it.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Takes a lock that ends with the process, or when the guard is dropped. `WouldBlock`: somebody
    /// else has it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send>>;
}

/// An open file. Reading and writing name their place: there is no shared position.
pub trait File: Send + Sync {
    /// Reads up to a buffer's length; fewer bytes only at the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes all of it; past its end the file grows.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    fn len(&self) -> io::Result<u64>;
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Makes all that was written durable, and the file's length.
    fn sync(&self) -> io::Result<()>;
}

/// Reads a whole file.
pub fn read(disk: &dyn Disk, path: &Path) -> io::Result<Vec<u8>> {
    read_all(&*disk.open(path)?)
}

/// Reads all of an open file.
pub fn read_all(file: &dyn File) -> io::Result<Vec<u8>> {
    let len = usize::try_from(file.len()?).map_err(|_| io::ErrorKind::FileTooLarge)?;
    let mut bytes = vec![0; len];
    let read = file.read_at(&mut bytes, 0)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// Makes a file with this in it, durable but for its name.
pub fn write(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let file = disk.create(path)?;
    file.write_at(bytes, 0)?;
    file.sync()
}

/// Makes a file's or directory's name durable.
pub fn sync_name(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    disk.sync_dir(path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new(".")))
}

/// A path where nothing is: the first such that `path` makes of 1, 2, 3, ...
pub fn free_name(disk: &dyn Disk, path: impl Fn(u64) -> PathBuf) -> io::Result<PathBuf> {
    let mut number = 1;
    while disk.exists(&path(number))? {
        number += 1;
    }
    Ok(path(number))
}
