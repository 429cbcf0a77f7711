//! A disk in memory that is as slow, or as full, as a test wants it.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use wachat::disk::{Disk, File, SimulatedDisk};

#[derive(Clone, Default)]
pub struct TestDisk {
    pub disk: SimulatedDisk,
    /// How long a sync takes, so that a test does not depend on the machine's.
    pub sync_takes: Duration,
    /// Whether there is no room for another file.
    pub full: Arc<AtomicBool>,
}

struct TestFile {
    file: Arc<dyn File>,
    sync_takes: Duration,
}

impl TestDisk {
    fn opened(&self, file: Arc<dyn File>) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(TestFile { file, sync_takes: self.sync_takes }))
    }
}

impl File for TestFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_at(bytes, offset)
    }
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }
    fn sync(&self) -> io::Result<()> {
        std::thread::sleep(self.sync_takes);
        self.file.sync()
    }
}

impl Disk for TestDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        self.opened(self.disk.open(path)?)
    }
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        if self.full.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.opened(self.disk.create(path)?)
    }
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.create_dir(path)
    }
    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.disk.list(path)
    }
    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.disk.exists(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.disk.remove_file(path)
    }
    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.remove_dir(path)
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.sync_dir(path)
    }
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send>> {
        self.disk.lock(path)
    }
}
