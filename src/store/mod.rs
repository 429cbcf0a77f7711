//! What the files of a data directory mean (data/README.md has their columns).
//!
//! The truth is the newest checkpoint and the write-ahead log after it. A checkpoint is made from the closed
//! segments alone, by recovery run beside the live the state machine: what it writes is what a restart would have
//! found.

mod backup;
mod check;
mod check_history;
mod checkpoint;
mod copy;
mod cross_check;
mod error;
mod history;
mod manifest;
mod orphans;
mod restore;
mod room_tables;
mod table;
mod tables;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use check::Report;
pub use checkpoint::Checkpointed;
pub use error::StoreError;
pub use history::HistoryFile;

use crate::disk::Disk;
use crate::state_machine::{Policy, StateMachine};
use crate::wal::{self, Location, Wal};

/// The file that whoever uses the directory holds.
const LOCK: &str = "lock";

/// The page that comes with the source, and is in the default directory before any store.
const README: &str = "README.md";

/// A data directory.
#[derive(Clone)]
pub struct Store {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
}

/// How much is written before something is done about it.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// A write-ahead log segment's.
    pub segment_bytes: u64,
    /// What the closed segments hold before the next checkpoint.
    pub checkpoint_bytes: u64,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { segment_bytes: crate::limits::SEGMENT_BYTES, checkpoint_bytes: crate::limits::CHECKPOINT_BYTES }
    }
}

/// A store that was recovered and is ready to serve.
pub struct Opened {
    pub machine: StateMachine,
    pub wal: Wal,
    /// Where the write-ahead log is, for whoever makes its segments.
    pub location: Location,
    /// How many bytes the closed segments hold that no checkpoint covers.
    pub closed_bytes: u64,
    /// How many bytes the newest checkpoint takes.
    pub checkpoint_bytes: u64,
    /// What the administrator should know: a broken last batch that was set aside.
    pub notice: Option<String>,
    /// Held for the life of the server.
    pub lock: Box<dyn Send>,
}

impl Store {
    pub fn new(disk: Arc<dyn Disk>, directory: &Path) -> Self {
        Self { disk, directory: directory.to_path_buf() }
    }

    /// Locks the directory, makes it what it should be if it is new, and recovers what is in it.
    pub fn open(&self, policy: Policy, sizes: Sizes) -> Result<Opened, StoreError> {
        self.refuse_backup()?;
        let lock = self.lock()?;
        self.refuse_half_restored()?;
        let new = self.is_new()?;
        if new {
            for directory in [self.wal_directory(), self.history_directory()] {
                self.disk.create_dir(&directory).map_err(StoreError::io(&directory))?;
            }
        }
        self.sync_names()?;
        if new {
            // From here on it is a store.
            self.write_checkpoint(&StateMachine::new(self.new_name()?, Policy::default()).snapshot(), 0, 1)?;
        }
        let loaded = self.load_newest(policy)?;
        let location = self.wal(loaded.machine.store().clone());
        let mut machine = loaded.machine;
        let recovered = wal::recover(&location, loaded.segment, loaded.next_batch, sizes.segment_bytes, &mut |line| {
            machine.replay(line).map_err(|error| error.to_string())
        })?;
        self.remove_superfluous(loaded.segment)?;
        Ok(Opened {
            machine,
            wal: recovered.wal,
            location,
            closed_bytes: recovered.closed_bytes,
            checkpoint_bytes: loaded.bytes,
            notice: recovered.set_aside,
            lock,
        })
    }

    /// Takes the directory for this process.
    fn lock(&self) -> Result<Box<dyn Send>, StoreError> {
        self.disk.create_dir(&self.directory).map_err(StoreError::io(&self.directory))?;
        let path = self.lock_path();
        self.disk.lock(&path).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => StoreError::Locked { directory: self.directory.clone() },
            _ => StoreError::io(&path)(error),
        })
    }

    /// A directory is new until its first checkpoint is there: nothing is answered before.
    fn is_new(&self) -> Result<bool, StoreError> {
        let mut used = !self.checkpoints()?.is_empty();
        for directory in [self.wal_directory(), self.history_directory()] {
            if self.disk.exists(&directory).map_err(StoreError::io(&directory))? {
                used |= !self.disk.list(&directory).map_err(StoreError::io(&directory))?.is_empty();
            }
        }
        Ok(!used)
    }

    /// A name that no store has had.
    fn new_name(&self) -> Result<Arc<str>, StoreError> {
        let random = getrandom::u64().map_err(|error| StoreError::io(&self.directory)(error.into()))?;
        Ok(format!("{random:016x}").into())
    }

    /// Makes durable the names that are about to be relied on. Whoever made them may have been killed
    /// before it could: then they are in the system's cache, and a power cut would still undo them.
    fn sync_names(&self) -> Result<(), StoreError> {
        for directory in self.directory.ancestors() {
            let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
            match self.disk.sync_dir(directory) {
                // One that we may not even look into is none that was made for this store.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied && directory != self.directory => {}
                synced => synced.map_err(StoreError::io(directory))?,
            }
        }
        Ok(())
    }

    fn exists(&self, path: &Path) -> Result<bool, StoreError> {
        self.disk.exists(path).map_err(StoreError::io(path))
    }

    fn sync_dir(&self, path: &Path) -> Result<(), StoreError> {
        self.disk.sync_dir(path).map_err(StoreError::io(path))
    }

    fn list(&self, path: &Path) -> Result<Vec<String>, StoreError> {
        self.disk.list(path).map_err(StoreError::io(path))
    }

    fn lock_path(&self) -> PathBuf {
        self.directory.join(LOCK)
    }

    fn wal(&self, store: Arc<str>) -> Location {
        Location { disk: self.disk.clone(), directory: self.wal_directory(), store }
    }

    fn wal_directory(&self) -> PathBuf {
        self.directory.join("wal")
    }

    fn history_directory(&self) -> PathBuf {
        self.directory.join("history")
    }
}
