//! A data directory: its paths, and what its readers share.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::disk::Disk;
use crate::state_machine::{Capacities, ConversationId, HistoryPrefix};
use crate::wal::Location;

/// The file that the process that uses the directory has locked.
pub(super) const LOCK: &str = "lock";

/// Files that belong beside a store: the page that comes with the source, the roster and the passwords of
/// `wachat user import`, and the certificate of `serve --tls`. They may be there before any store.
pub(super) const BESIDE: [&str; 4] = ["README.md", "roster.csv", "passwords.csv", "tls"];

/// The socket by which the server that has the directory takes the administrator's commands.
pub const CONTROL_SOCKET: &str = "control.sock";

/// A data directory.
#[derive(Clone)]
pub struct Store {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) directory: PathBuf,
    pub(super) capacities: Capacities,
    /// The damaged places in history files that were logged.
    pub(super) reported: Arc<Mutex<HashSet<(PathBuf, u64)>>>,
    /// The valid prefixes of the history files that retention has put into the place of others: a reader that has been
    /// told of an old one finds the new one here.
    pub(super) replaced: Arc<Mutex<HashMap<ConversationId, HistoryPrefix>>>,
    /// Bytes that were read from history files since the last look, with a minimum for each read.
    pub(super) history_read: Arc<AtomicUsize>,
}

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

    /// Returns the free space of the disk that the directory is on.
    pub fn free_bytes(&self) -> io::Result<u64> {
        self.disk.free_bytes(&self.directory)
    }

    pub(super) fn lock_path(&self) -> PathBuf {
        self.directory.join(LOCK)
    }

    pub(super) fn wal(&self, store: Arc<str>) -> Location {
        Location { disk: self.disk.clone(), directory: self.wal_directory(), owner: store }
    }

    pub(super) fn wal_directory(&self) -> PathBuf {
        self.directory.join("wal")
    }

    pub(super) fn history_directory(&self) -> PathBuf {
        self.directory.join("history")
    }
}
