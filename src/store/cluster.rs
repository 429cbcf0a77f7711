//! A store that becomes one of a cluster's, or stops being one.

use super::checkpoint::Loaded;
use super::data_directory::Store;
use super::error::{Problem, StoreError};
use super::recovery::{Sizes, new_name};
use super::store_row::Covers;
use crate::cluster::{Chain, EntryHash, Link};
use crate::limits;
use crate::model::Timestamp;
use crate::state_machine::{Policy, StoredState};
use crate::wal::make_segment;

impl Store {
    /// Gives the store a position in the log of a new cluster, whose first state it is. Returns the position: one that has a
    /// position already keeps it. No server may hold it.
    pub fn begin_cluster(&self) -> Result<Link, StoreError> {
        if !self.exists(&self.directory)? || self.is_new()? {
            return Err(Problem::NoStore.at(&self.directory));
        }
        let opened = self.open(Policy::default(), Sizes::default())?;
        if let Some(chain) = &opened.machine.stored.chain {
            return Ok(chain.link());
        }
        let hash = EntryHash::random().map_err(|error| StoreError::io(&self.directory)(error.into()))?;
        let link = Link { number: opened.wal.number().saturating_sub(1), hash, bytes: 0, time: Timestamp::now() };
        self.checkpoint(opened.wal.segment())?;
        self.change_newest(|state| state.chain = Some(Chain::new(link)))?;
        Ok(link)
    }

    /// Takes the store out of its cluster. `keeps_name`: nobody else goes on under the name of the store; otherwise it gets
    /// one of its own, by which clients notice that numbers have another meaning from here on (protocol, section 6).
    pub fn leave_cluster(&self, keeps_name: bool) -> Result<(), StoreError> {
        let name = if keeps_name { None } else { Some(new_name(&self.directory)?) };
        let opened = self.open(Policy::default(), Sizes::default())?;
        if opened.machine.stored.chain.is_none() {
            return Err(Problem::OfNoCluster.at(&self.directory));
        }
        self.checkpoint(opened.wal.segment())?;
        self.change_newest(|state| {
            state.chain = None;
            if let Some(name) = name {
                state.rename(name);
            }
        })
    }

    /// Returns the position of this store, or of the one that this is a backup of, in the log of its cluster.
    pub fn position(&self) -> Result<Link, StoreError> {
        if !self.exists(&self.directory)? {
            return Err(Problem::NoStore.at(&self.directory));
        }
        let state = self.replay_all(self.newest_checkpoint()?)?;
        state.chain.as_ref().map(Chain::link).ok_or_else(|| Problem::OfNoCluster.at(&self.directory))
    }

    /// Makes this directory a server's of the cluster that a backup is of. It has to be new or empty.
    pub fn join_cluster(&self, backup: &Store) -> Result<(), StoreError> {
        self.restore_as(backup, true).map(drop)
    }

    /// Returns the error for a store that is one of a cluster's.
    pub fn refuse_cluster(&self) -> StoreError {
        Problem::OfCluster.at(&self.directory)
    }

    /// Replaces the newest checkpoint, after which there is an empty segment, by one that covers that segment, too. The
    /// commit point is the name of the new one.
    fn change_newest(&self, change: impl FnOnce(&mut StoredState)) -> Result<(), StoreError> {
        let Loaded { mut state, segment, next_batch, cleaned_at, .. } = self.load_newest()?;
        let name = state.store.clone();
        change(&mut state);
        let covered = segment + 1;
        // A store of another name has not been served: it needs no segment yet, and one of the old name would be damage.
        if state.store == name {
            make_segment(&self.wal(name), covered + 1, limits::SMALL_SEGMENT_BYTES)?;
        }
        self.write_checkpoint(&state, Covers { segment: covered, next_batch, cleaned_at })?;
        self.remove_superfluous(covered)
    }
}
