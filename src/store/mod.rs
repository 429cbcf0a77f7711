//! The files of a data directory (data/README.md has their columns): recovery, checkpoints, history, check,
//! backup and restore, retention, and the life of one message.
//!
//! The newest checkpoint and the write-ahead log after it are the state. A checkpoint is made from the closed
//! segments alone, by recovery beside the live state machine: it is the state that a restart would have reached.

mod backup;
mod check;
mod check_history;
mod checkpoint;
mod clean_up;
mod copy;
mod cross_check;
mod error;
mod files;
mod history;
mod history_file;
mod life;
mod prefix_reader;
mod restore;
mod retention;
mod room_tables;
mod rotation;
mod table;
mod tables;

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

pub use check::Report;
pub use checkpoint::Checkpointed;
pub use error::{Problem, StoreError};
pub use history_file::{HistoryFile, Row};
pub use life::{Change, Life};
pub use retention::{CleanUp, Retention};
pub use rotation::Rotated;

use checkpoint::Loaded;
use parking_lot::Mutex;
use tables::Covers;

use crate::disk::{self, Disk};
use crate::state_machine::{Capacities, ConversationId, HistoryPrefix, Policy, StateMachine, StoredState};
use crate::wal::{self, Location, Wal, WalError};

/// The file that the process that uses the directory has locked.
const LOCK: &str = "lock";

/// Files that belong beside a store: the page that comes with the source, the roster and the passwords of
/// `wachat user import`, and the certificate of `serve --tls`. They may be there before any store.
const BESIDE: [&str; 4] = ["README.md", "roster.csv", "passwords.csv", "tls"];

/// The socket by which the server that has the directory takes the administrator's commands.
pub const CONTROL_SOCKET: &str = "control.sock";

/// A data directory.
#[derive(Clone)]
pub struct Store {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    capacities: Capacities,
    /// The damaged places in history files that were logged.
    reported: Arc<Mutex<HashSet<(PathBuf, u64)>>>,
    /// The valid prefixes of the history files that retention has put into the place of others: a reader that has been
    /// told of an old one finds the new one here.
    replaced: Arc<Mutex<HashMap<ConversationId, HistoryPrefix>>>,
    /// Bytes that were read from history files since the last look, with a minimum for each read.
    history_read: Arc<AtomicUsize>,
}

/// Sizes in bytes that decide about segments and checkpoints.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    pub segment_bytes: u64,
    /// Bytes in closed segments that make a checkpoint due.
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
    /// The log's directory, for the thread that makes its segments.
    pub location: Location,
    /// Bytes in the closed segments that no checkpoint covers.
    pub closed_bytes: u64,
    /// Bytes that the newest checkpoint takes.
    pub checkpoint_bytes: u64,
    /// A message for the administrator: a torn tail was moved aside.
    pub notice: Option<String>,
    pub lock: DirectoryLock,
}

/// The right to use a data directory: no other process has it until this is dropped, or this process ends. Every
/// thread that writes into the directory has to be joined before.
#[must_use]
pub struct DirectoryLock(#[expect(dead_code, reason = "dropping it unlocks the file")] Box<dyn Send>);

impl Store {
    pub fn new(disk: Arc<dyn Disk>, directory: &Path) -> Self {
        Self::with_capacities(disk, directory, Capacities::default())
    }

    /// Makes a store with other capacities, for tests: it has to have the same ones in each life.
    pub fn with_capacities(disk: Arc<dyn Disk>, directory: &Path, capacities: Capacities) -> Self {
        Self {
            disk,
            directory: directory.to_path_buf(),
            capacities,
            reported: Arc::default(),
            replaced: Arc::default(),
            history_read: Arc::default(),
        }
    }

    /// Returns the same store for a thread that counts what it reads of history files.
    pub fn with_own_count(&self) -> Self {
        Self { history_read: Arc::default(), ..self.clone() }
    }

    /// Returns how many bytes of history files were read since the last call. A read counts as
    /// [`crate::limits::MIN_READ_BYTES`] at least.
    pub fn take_count(&self) -> usize {
        self.history_read.swap(0, Ordering::Relaxed)
    }

    /// Locks the directory, makes a store in it if it is new, and recovers the state.
    pub fn open(&self, policy: Policy, sizes: Sizes) -> Result<Opened, StoreError> {
        self.refuse_backup()?;
        let lock = self.lock()?;
        self.refuse_half_restored()?;
        let is_new = self.is_new()?;
        if is_new {
            self.create_directories()?;
        }
        self.sync_names()?;
        if is_new {
            // The commit point: from here on it is a store.
            let state = StoredState::with_capacities(new_name(&self.directory)?, self.capacities);
            self.write_checkpoint(&state.snapshot(), Covers { next_batch: 1, ..Covers::default() })?;
        }
        let Loaded { mut state, segment, next_batch, bytes: checkpoint_bytes, .. } = self.load_newest()?;
        let location = self.wal(state.store.clone());
        self.expect_segment_after(segment, &state.store)?;
        let segment_bytes = sizes.segment_bytes;
        let recovered = wal::recover(&location, segment, next_batch, segment_bytes, &mut replay_into(&mut state))?;
        self.note_served(&state.store)?;
        self.remove_superfluous(segment)?;
        self.remove_replaced_history(&state)?;
        Ok(Opened {
            machine: StateMachine::new(state, policy),
            wal: recovered.wal,
            location,
            closed_bytes: recovered.closed_bytes,
            checkpoint_bytes,
            notice: recovered.torn_tail.map(|torn| torn.to_string()),
            lock,
        })
    }

    /// Returns the free space of the disk that the directory is on.
    pub fn free_bytes(&self) -> io::Result<u64> {
        self.disk.free_bytes(&self.directory)
    }

    /// Locks the directory for this process.
    fn lock(&self) -> Result<DirectoryLock, StoreError> {
        self.create_dir(&self.directory)?;
        let path = self.lock_path();
        let lock = self.disk.lock(&path).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => Problem::Locked.at(&self.directory),
            _ => StoreError::io(&path)(error),
        })?;
        Ok(DirectoryLock(lock))
    }

    /// Checks that the directory has no checkpoint, log or history, and never had: until its first checkpoint nothing is
    /// answered.
    fn is_new(&self) -> Result<bool, StoreError> {
        let mut is_used = !self.checkpoints()?.is_empty() || !self.served_store()?.is_empty();
        for directory in [self.wal_directory(), self.history_directory()] {
            is_used |= self.exists(&directory)? && !self.list(&directory)?.is_empty();
        }
        Ok(!is_used)
    }

    /// Returns the name of the store that was served in this directory, as the lock's file has it; empty if none was.
    fn served_store(&self) -> Result<Vec<u8>, StoreError> {
        let path = self.lock_path();
        if !self.exists(&path)? {
            return Ok(Vec::new());
        }
        disk::read(&*self.disk, &path).map_err(StoreError::io(&path))
    }

    /// Notes, durably, that this store is served from here on: its checkpoint is there, and a segment after it.
    fn note_served(&self, store: &str) -> Result<(), StoreError> {
        let line = format!("{store}\n").into_bytes();
        if self.served_store()? == line {
            return Ok(());
        }
        self.write_file(&self.lock_path(), &line)?;
        self.sync_dir(&self.directory)
    }

    /// Refuses a store that was served and has no segment after its checkpoint: one was there.
    fn expect_segment_after(&self, checkpoint: u64, store: &Arc<str>) -> Result<(), StoreError> {
        let location = self.wal(store.clone());
        if self.served_store()? == format!("{store}\n").into_bytes() && location.segments_above(checkpoint)?.is_empty()
        {
            return Err(WalError::Missing { file: location.segment(checkpoint + 1) }.into());
        }
        Ok(())
    }

    /// Creates the two directories that every store has.
    fn create_directories(&self) -> Result<(), StoreError> {
        self.create_dir(&self.wal_directory())?;
        self.create_dir(&self.history_directory())
    }

    fn lock_path(&self) -> PathBuf {
        self.directory.join(LOCK)
    }

    fn wal(&self, store: Arc<str>) -> Location {
        Location { disk: self.disk.clone(), directory: self.wal_directory(), owner: store }
    }

    fn wal_directory(&self) -> PathBuf {
        self.directory.join("wal")
    }

    fn history_directory(&self) -> PathBuf {
        self.directory.join("history")
    }
}

/// Returns a function that applies the log's records to a state.
fn replay_into(state: &mut StoredState) -> impl FnMut(&[u8]) -> Result<(), String> + '_ {
    |record| state.replay(record).map_err(|error| error.to_string())
}

/// Returns a name that no store has had.
fn new_name(directory: &Path) -> Result<Arc<str>, StoreError> {
    let random = getrandom::u64().map_err(|error| StoreError::io(directory)(error.into()))?;
    Ok(format!("{random:016x}").into())
}
