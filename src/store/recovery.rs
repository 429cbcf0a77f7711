//! Recovery: locks a data directory, makes a store in it if it is new, and rebuilds the state from the newest checkpoint and
//! the log after it.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::checkpoint::{Loaded, ReplayInto};
use super::data_directory::Store;
use super::error::{Problem, StoreError};
use super::store_row::Covers;
use crate::disk;
use crate::state_machine::{IdKey, Policy, StateMachine, StoredState};
use crate::wal::{self, Location, Wal, WalError};

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
    /// The last batch that it has.
    pub covered_batch: u64,
    /// A message for the administrator: a torn tail was moved aside.
    pub notice: Option<String>,
    pub lock: DirectoryLock,
}

/// The right to use a data directory: no other process has it until this is dropped, or this process ends. Every
/// thread that writes into the directory has to be joined before.
#[must_use]
pub struct DirectoryLock(#[expect(dead_code, reason = "dropping it unlocks the file")] Box<dyn Send>);

impl Store {
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
            let id_key = IdKey::random().map_err(StoreError::io(&self.directory))?;
            let name = new_name(&self.directory)?;
            let state = StoredState::with_capacities(name, self.capacities).with_id_key(id_key);
            self.write_checkpoint(&state, Covers { next_batch: 1, ..Covers::default() })?;
        }
        let Loaded { mut state, segment, next_batch, bytes: checkpoint_bytes, .. } = self.load_newest()?;
        let location = self.wal(state.store.clone());
        self.expect_segment_after(segment, &state.store)?;
        let segment_bytes = sizes.segment_bytes;
        let recovered = wal::recover(&location, segment, next_batch, segment_bytes, &mut ReplayInto(&mut state))?;
        self.note_served(&state.store)?;
        self.remove_superfluous(segment)?;
        self.remove_replaced_history(&state)?;
        Ok(Opened {
            machine: StateMachine::new(state, policy),
            wal: recovered.wal,
            location,
            closed_bytes: recovered.closed_bytes,
            checkpoint_bytes,
            covered_batch: next_batch.saturating_sub(1),
            notice: recovered.torn_tail.map(|torn| torn.to_string()),
            lock,
        })
    }

    /// Locks the directory for this process.
    pub(super) fn lock(&self) -> Result<DirectoryLock, StoreError> {
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
    pub(super) fn is_new(&self) -> Result<bool, StoreError> {
        let mut is_used = !self.checkpoints()?.is_empty() || !self.served_store()?.is_empty();
        for directory in [self.wal_directory(), self.history_directory()] {
            is_used |= self.exists(&directory)? && !self.list(&directory)?.is_empty();
        }
        Ok(!is_used)
    }

    /// Returns the name of the store that was served in this directory, as the lock's file has it; empty if none was.
    pub(super) fn served_store(&self) -> Result<Vec<u8>, StoreError> {
        let path = self.lock_path();
        if !self.exists(&path)? {
            return Ok(Vec::new());
        }
        disk::read(&*self.disk, &path).map_err(StoreError::io(&path))
    }

    /// Notes, durably, that this store is served from here on: its checkpoint exists, and a segment after it.
    pub(super) fn note_served(&self, store: &str) -> Result<(), StoreError> {
        let line = format!("{store}\n").into_bytes();
        if self.served_store()? == line {
            return Ok(());
        }
        self.write_file(&self.lock_path(), &line)?;
        self.sync_dir(&self.directory)
    }

    /// Refuses a store that was served and has no segment after its checkpoint: one was there.
    pub(super) fn expect_segment_after(&self, checkpoint: u64, store: &Arc<str>) -> Result<(), StoreError> {
        let location = self.wal(store.clone());
        if self.served_store()? == format!("{store}\n").into_bytes() && location.segments_above(checkpoint)?.is_empty()
        {
            return Err(WalError::Missing { file: location.segment(checkpoint + 1) }.into());
        }
        Ok(())
    }

    /// Creates the two directories that every store has.
    pub(super) fn create_directories(&self) -> Result<(), StoreError> {
        self.create_dir(&self.wal_directory())?;
        self.create_dir(&self.history_directory())
    }
}

/// Returns a name that no store has had.
pub(super) fn new_name(directory: &Path) -> Result<Arc<str>, StoreError> {
    let random = getrandom::u64().map_err(|error| StoreError::io(directory)(error.into()))?;
    Ok(format!("{random:016x}").into())
}
