//! A disk on which something else happens before some of its calls: another process works on it, or it takes
//! its time, or it is full.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::support::simulated_disk::SimulatedDisk;
use wachat::disk::{Disk, File, SyncAll};

/// Is told what is about to be done (`open`, `create`, `read`, `write`, `sync`, `sync_dir`, `list`, `remove`, `free`), and to which
/// file; an error is the answer then.
pub type Hook = Arc<dyn Fn(&str, &Path) -> io::Result<()> + Send + Sync>;

#[derive(Clone)]
pub struct InterceptedDisk {
    pub disk: SimulatedDisk,
    pub hook: Hook,
}

struct InterceptedFile {
    file: Arc<dyn File>,
    path: PathBuf,
    hook: Hook,
}

impl InterceptedDisk {
    fn opened(&self, path: &Path, file: Arc<dyn File>) -> Arc<dyn File> {
        Arc::new(InterceptedFile { file, path: path.to_path_buf(), hook: self.hook.clone() })
    }
}

impl File for InterceptedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        (self.hook)("read", &self.path)?;
        self.file.read_at(buffer, offset)
    }
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        (self.hook)("write", &self.path)?;
        self.file.write_at(bytes, offset)
    }
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }
    fn sync(&self) -> io::Result<()> {
        (self.hook)("sync", &self.path)?;
        self.file.sync()
    }
}

impl Disk for InterceptedDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        (self.hook)("open", path)?;
        Ok(self.opened(path, self.disk.open(path)?))
    }
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        (self.hook)("create", path)?;
        Ok(self.opened(path, self.disk.create(path)?))
    }
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.create_dir(path)
    }
    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        (self.hook)("list", path)?;
        self.disk.list(path)
    }
    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.disk.exists(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove_file(&self, path: &Path) -> io::Result<()> {
        (self.hook)("remove", path)?;
        self.disk.remove_file(path)
    }
    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.remove_dir(path)
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        (self.hook)("sync_dir", path)?;
        self.disk.sync_dir(path)
    }
    fn open_to_sync(&self, directory: &Path) -> io::Result<Option<Box<dyn SyncAll>>> {
        self.disk.open_to_sync(directory)
    }
    fn free_bytes(&self, directory: &Path) -> io::Result<u64> {
        match (self.hook)("free", directory) {
            Err(error) if error.kind() == io::ErrorKind::StorageFull => Ok(0),
            told => told.and_then(|()| self.disk.free_bytes(directory)),
        }
    }
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send>> {
        self.disk.lock(path)
    }
}
