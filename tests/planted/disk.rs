//! A disk around another one, that breaks the rules of the seam in one chosen way.

use std::io;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::is;
use crate::disk::{Disk, File};

/// The records of a client's log that end a poll, and that queue a message.
const POSITION: &[u8] = b"POSITION;";
const QUEUED: &[u8] = b"QUEUED;";

/// A sync that was called done, and is done at the next call of the disk.
type Owed = Arc<Mutex<Option<Arc<dyn File>>>>;

/// If it fails, who would want to know?
fn pay(owed: &Owed) {
    let file = owed.lock().take();
    let _ = file.map(|file| file.sync());
}

#[derive(Clone, Default)]
pub struct Planted<D> {
    real: D,
    owed: Owed,
}

impl<D> Planted<D> {
    pub fn new(real: D) -> Self {
        Self { real, owed: Owed::default() }
    }

    fn file(&self, path: &Path, opened: bool, real: Arc<dyn File>) -> Arc<dyn File> {
        let (owed, untouched) = (self.owed.clone(), AtomicBool::new(opened));
        let (holds_news, holds_queued) = (AtomicBool::new(false), AtomicBool::new(false));
        Arc::new(PlantedFile { real, path: path.to_path_buf(), owed, opened, untouched, holds_news, holds_queued })
    }

    fn pay(&self) -> &D {
        pay(&self.owed);
        &self.real
    }
}

impl<D> Deref for Planted<D> {
    type Target = D;

    fn deref(&self) -> &D {
        &self.real
    }
}

impl<D: Disk> Disk for Planted<D> {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        Ok(self.file(path, true, self.pay().open(path)?))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        Ok(self.file(path, false, self.pay().create(path)?))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.pay().create_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.pay().list(path)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.pay().exists(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        if is("checkpoint-removed-before-its-successor") && name(from) == "checkpoint.new" {
            self.remove_checkpoints(to.parent().unwrap_or(Path::new("/")))?;
        }
        self.pay().rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.pay().remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.pay().remove_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let skipped = is("no-directory-sync") || is("no-sync-of-segment-names") && name(path) == "wal";
        if skipped { Ok(()) } else { self.pay().sync_dir(path) }
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send>> {
        self.pay().lock(path)
    }
}

impl<D: Disk> Planted<D> {
    fn remove_checkpoints(&self, directory: &Path) -> io::Result<()> {
        for name in self.real.list(directory)?.iter().filter(|name| name.starts_with("checkpoint-")) {
            self.real.remove_dir(&directory.join(name))?;
        }
        self.real.sync_dir(directory)
    }
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

struct PlantedFile {
    real: Arc<dyn File>,
    path: PathBuf,
    owed: Owed,
    /// It was there before.
    opened: bool,
    /// It was there before, and this handle has changed nothing.
    untouched: AtomicBool,
    /// What was written last is what a poll has brought.
    holds_news: AtomicBool,
    /// What was written last is a message that was typed.
    holds_queued: AtomicBool,
}

impl PlantedFile {
    fn pay(&self) -> &dyn File {
        pay(&self.owed);
        &*self.real
    }

    fn directory(&self) -> &str {
        self.path.parent().map(name).unwrap_or_default()
    }

    /// It is of a client's log, and not of the server's.
    fn is_clients(&self) -> bool {
        self.directory() == "wal" && self.path.starts_with("/home")
    }

    /// Whether this is what the file holds there: then writing it again changes nothing.
    fn is_there(&self, bytes: &[u8], offset: u64) -> bool {
        let mut there = vec![0; bytes.len()];
        self.real.read_at(&mut there, offset).is_ok_and(|read| read == bytes.len()) && there == bytes
    }

    fn is_sync_skipped(&self) -> bool {
        let untouched = self.untouched.load(Ordering::Relaxed);
        let (directory, name) = (self.directory(), name(&self.path));
        is("no-sync")
            || is("no-sync-of-what-recovery-read") && untouched && directory == "wal" && !self.is_clients()
            || is("no-sync-of-what-the-client-read") && untouched && self.is_clients()
            || is("no-sync-of-new-segments") && directory == "wal" && name.ends_with(".new")
            || is("no-sync-of-checkpoint-tables") && directory == "checkpoint.new"
            || is("no-sync-of-history") && directory == "history"
    }

    fn is_sync_late(&self) -> bool {
        is("ok-before-sync")
            || is("queued-before-the-outbox-is-synced") && self.holds_queued.load(Ordering::Relaxed)
            || is("acknowledged-before-the-history-is-synced") && self.holds_news.load(Ordering::Relaxed)
    }
}

impl File for PlantedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.pay().read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let clears = self.opened && self.directory() == "wal" && bytes.iter().all(|byte| *byte == b'\n');
        let defect =
            if self.is_clients() { "torn-batch-left-in-the-outbox" } else { "torn-batch-left-in-the-write-ahead log" };
        if clears && is(defect) {
            return Ok(());
        }
        if !self.is_there(bytes, offset) {
            self.untouched.store(false, Ordering::Relaxed);
        }
        let holds = |word: &[u8]| bytes.windows(word.len()).any(|part| part == word);
        self.holds_news.store(holds(POSITION), Ordering::Relaxed);
        self.holds_queued.store(holds(QUEUED), Ordering::Relaxed);
        self.pay().write_at(bytes, offset)
    }

    fn len(&self) -> io::Result<u64> {
        self.pay().len()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.untouched.store(false, Ordering::Relaxed);
        self.pay().set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        if self.is_sync_skipped() {
            return Ok(());
        }
        let real = self.pay();
        if self.is_sync_late() {
            *self.owed.lock() = Some(self.real.clone());
            return Ok(());
        }
        match real.sync() {
            // The second sync finds nothing to do: the system calls the pages clean that it could not write.
            Err(_) if is("sync-retried-after-failure") => Ok(()),
            done => done,
        }
    }
}
