//! In the place of `src/disk/real.rs`: the disk of the machine. Of what a disk can do wrong, a test
//! sees on it only that the lock is none: a killed process takes nothing with it.

#[path = "../../src/disk/real.rs"]
mod machine;

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::{Disk, File};
use crate::planted::is;

#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        machine::RealDisk.open(path)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        machine::RealDisk.create(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        machine::RealDisk.create_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        machine::RealDisk.list(path)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        machine::RealDisk.exists(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        machine::RealDisk.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        machine::RealDisk.remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        machine::RealDisk.remove_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        machine::RealDisk.sync_dir(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send>> {
        if is("lock-skipped") { Ok(Box::new(())) } else { machine::RealDisk.lock(path) }
    }
}
