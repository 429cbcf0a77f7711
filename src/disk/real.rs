//! The file system of the machine.

use std::fs;
use std::io;
#[cfg(target_os = "linux")]
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::{Disk, File, SyncAll, private};

/// The real disk. Durability depends on its fdatasync.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(private::options().open(path)?))
    }

    fn open_for_reading(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(fs::File::open(path)?))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(private::create(path)?))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        private::create_directory(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(path)? {
            // This program makes no names that are not UTF-8.
            names.extend(entry?.file_name().into_string().ok());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        path.try_exists()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir_all(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        fs::File::open(path)?.sync_all()
    }

    /// Linux syncs a whole file system, and has reported here since version 5.8 that a write into it failed.
    #[cfg(target_os = "linux")]
    fn open_to_sync(&self, directory: &Path) -> io::Result<Option<Box<dyn SyncAll>>> {
        let release = rustix::system::uname();
        let version = release.release().to_str().ok().and_then(|release| {
            let mut numbers = release.split(['.', '-']).map_while(|number| number.parse::<u32>().ok());
            numbers.next().zip(numbers.next())
        });
        if version < Some((5, 8)) {
            return Ok(None);
        }
        Ok(Some(Box::new(FileSystem(fs::File::open(directory)?))))
    }

    fn free_bytes(&self, directory: &Path) -> io::Result<u64> {
        let space = rustix::fs::statvfs(directory)?;
        Ok(space.f_bavail.saturating_mul(space.f_frsize))
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send>> {
        let file = private::options().create(true).open(path)?;
        file.try_lock()?;
        Ok(Box::new(Locked(file)))
    }

    fn lock_for_reading(&self, path: &Path) -> io::Result<Box<dyn Send>> {
        let file = fs::File::open(path)?;
        file.try_lock_shared()?;
        Ok(Box::new(Locked(file)))
    }
}

/// The file system that a directory is in.
#[cfg(target_os = "linux")]
struct FileSystem(fs::File);

#[cfg(target_os = "linux")]
impl SyncAll for FileSystem {
    fn sync_all(&self) -> io::Result<()> {
        Ok(rustix::fs::syncfs(&self.0)?)
    }
}

/// A locked file. Closing it would not be enough: a process that another thread is starting has a copy of the descriptor
/// until it runs its program, and the lock with it.
struct Locked(fs::File);

impl Drop for Locked {
    fn drop(&mut self) {
        // The end of the process unlocks it in any case.
        let _ = self.0.unlock();
    }
}

impl File for fs::File {
    fn read_at(&self, mut buffer: &mut [u8], mut offset: u64) -> io::Result<usize> {
        let mut total = 0;
        while !buffer.is_empty() {
            match FileExt::read_at(self, buffer, offset) {
                Ok(0) => break,
                Ok(n) => {
                    (total, offset) = (total + n, offset + n as u64);
                    buffer = buffer.get_mut(n..).unwrap_or_default();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(total)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        fs::File::set_len(self, len)
    }

    /// The advice makes the kernel write the pages. A file system like ext4 finds their places on the disk then, for all files
    /// in one transaction: without it each sync has one of its own.
    #[cfg(target_os = "linux")]
    fn begin_sync(&self, offset: u64, len: u64) {
        let _ = rustix::fs::fadvise(self, offset, NonZeroU64::new(len), rustix::fs::Advice::DontNeed);
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}
