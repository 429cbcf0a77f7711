//! Restores a backup: a new store that begins with the backup's content.
//!
//! It gets a name of its own. Messages after the backup are lost to the server and not to the clients, and their
//! numbers will be given again: by the new name clients notice that numbers have another meaning from here on
//! (protocol, section 6).

use std::path::PathBuf;

use super::check::Report;
use super::data_directory::{BESIDE, CONTROL_SOCKET, LOCK, Store};
use super::error::{Problem, StoreError};
use super::recovery::new_name;
use super::store_row::Covers;
use crate::state_machine::{HistoryPrefix, StoredState};

impl Store {
    /// Makes this directory the store that a backup holds. It has to be new, empty, or left by a restore that was
    /// interrupted. The backup is verified first, and only read. Returns the backup's report. After an error
    /// nothing is left, as far as it could be removed; in no case is it taken for a store.
    pub fn restore(&self, backup: &Store) -> Result<Report, StoreError> {
        self.restore_as(backup, false).map(|(report, _)| report)
    }

    /// Restores a backup. `in_cluster`: of a server of a cluster, whose name and position in the log the store keeps; else of
    /// one that is in none. Returns the state, too.
    pub(super) fn restore_as(&self, backup: &Store, in_cluster: bool) -> Result<(Report, StoredState), StoreError> {
        let (report, state) = backup.verify_backup()?;
        match (&state.chain, in_cluster) {
            (Some(_), false) => return Err(Problem::OfCluster.at(&backup.directory)),
            (None, true) => return Err(Problem::OfNoCluster.at(&backup.directory)),
            _ => {}
        }
        let next_batch = if in_cluster { report.next_batch } else { 1 };
        let is_new = self.expect_target()?;
        let _lock = self.lock()?;
        // Once more, now that no other process can change it.
        self.expect_target()?;
        let marker = self.restore_marker();
        let done = self.create_marker(&marker).and_then(|()| self.fill_from(backup, state, next_batch));
        match &done {
            // A marker that stays is a note in `wachat check`, and no more.
            Ok(_) => _ = self.disk.remove_file(&marker).and_then(|()| self.disk.sync_dir(&self.directory)),
            Err(_) => self.discard_copy(&marker, is_new),
        }
        done.map(|state| (report, state))
    }

    /// Verifies that this is a backup and whole in every byte.
    fn verify_backup(&self) -> Result<(Report, StoredState), StoreError> {
        if !self.exists(&self.directory)? || self.read_manifest()?.is_none() {
            return Err(Problem::NoBackup.at(&self.directory));
        }
        match self.verify()? {
            (report, Some(state)) if report.damage.is_empty() => Ok((report, state)),
            (Report { damage, .. }, _) => Err(Problem::DamagedBackup(damage).at(&self.directory)),
        }
    }

    fn expect_target(&self) -> Result<bool, StoreError> {
        if self.exists(&self.directory)? && self.is_half_restored()? {
            return Ok(false);
        }
        self.expect_empty(&[&[LOCK, CONTROL_SOCKET], &BESIDE[..]].concat())
    }

    /// Copies the history, then writes a checkpoint of everything: its name is the commit point.
    fn fill_from(&self, backup: &Store, mut state: StoredState, next_batch: u64) -> Result<StoredState, StoreError> {
        self.remove_content()?;
        self.create_directories()?;
        self.sync_dir(&self.directory)?;
        for (id, filed) in state.filed_conversations() {
            self.copy_history(backup, id, HistoryPrefix::default(), filed)?;
        }
        let filed = self.append_history(&state)?;
        state.mark_history_written(&filed);
        self.sync_dir(&self.history_directory())?;
        if state.chain.is_none() {
            state.rename(new_name(&self.directory)?);
        }
        // By this time a clean-up notices a clock that has jumped: messages of the wrong time would hide it.
        let cleaned_at = backup.load_newest()?.cleaned_at;
        self.write_checkpoint(&state, Covers { next_batch, cleaned_at, ..Covers::default() })?;
        Ok(state)
    }

    /// Returns the path of the file that exists as long as a restore is not finished.
    fn restore_marker(&self) -> PathBuf {
        self.directory.join("restore.new")
    }

    fn is_half_restored(&self) -> Result<bool, StoreError> {
        Ok(self.exists(&self.restore_marker())? && self.checkpoints()?.is_empty())
    }

    /// Refuses a directory in which a restore was interrupted: it is neither a store nor a new one.
    pub(super) fn refuse_half_restored(&self) -> Result<(), StoreError> {
        if self.exists(&self.directory)? && self.is_half_restored()? {
            return Err(Problem::HalfRestored.at(&self.directory));
        }
        Ok(())
    }
}
