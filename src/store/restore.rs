//! Putting a backup back: a new store that begins with what the backup held.
//!
//! It gets a name of its own. What was said after the backup is lost to the server and not to the
//! clients, and its numbers will be given again: by the new name clients know that numbers mean
//! something else from here on (protocol, section 6).

use std::path::PathBuf;

use super::check::Report;
use super::{LOCK, README, Store, StoreError};
use crate::state_machine::{HistoryPrefix, StateMachine};

/// In the target as long as it is not finished.
const UNFINISHED: &str = "restore.new";

impl Store {
    /// Makes this directory, which is new, empty, or left by a restore that was interrupted, the store
    /// that a backup holds. The backup is verified first, and only read. Returns what the backup holds.
    /// After an error nothing is left, as far as it could be removed; in no case is it taken for a store.
    pub fn restore(&self, backup: &Store) -> Result<Report, StoreError> {
        let (report, machine) = backup.verify_backup()?;
        let new = self.expect_target()?;
        let _lock = self.lock()?;
        // Once more: nobody can come in between any longer.
        self.expect_target()?;
        let marker = self.restore_marker();
        let done = self.mark(&marker).and_then(|()| self.fill_from(backup, machine));
        match done {
            Ok(()) => self.finish_restore(),
            Err(_) => self.discard(&marker, new),
        }
        done.map(|()| report)
    }

    /// A backup that is whole in every byte, or the reason why not.
    fn verify_backup(&self) -> Result<(Report, StateMachine), StoreError> {
        if !self.exists(&self.directory)? || self.extent()?.is_none() {
            return Err(StoreError::NoBackup { directory: self.directory.clone() });
        }
        match self.verify() {
            (report, Some(machine)) if report.damage.is_empty() => Ok((report, machine)),
            (Report { damage, .. }, _) => Err(StoreError::DamagedBackup { directory: self.directory.clone(), damage }),
        }
    }

    fn expect_target(&self) -> Result<bool, StoreError> {
        if self.exists(&self.directory)? && self.is_half_restored()? {
            return Ok(false);
        }
        self.expect_empty(&[LOCK, README])
    }

    /// History first, then a checkpoint of everything: giving it its name is the commit point.
    fn fill_from(&self, backup: &Store, mut machine: StateMachine) -> Result<(), StoreError> {
        self.remove_content()?;
        self.make_directories()?;
        self.sync_dir(&self.directory)?;
        for row in machine.snapshot().conversations.into_iter().filter(|row| row.filed.bytes > 0) {
            self.copy_history(backup, row.id, HistoryPrefix::default(), row.filed)?;
        }
        let filed = self.append_history(&machine)?;
        machine.mark_history_written(&filed);
        self.sync_files(&self.history_directory())?;
        let mut snapshot = machine.snapshot();
        snapshot.store = self.new_name()?;
        self.write_checkpoint(&snapshot, 0, 1).map(drop)
    }

    /// The store is there. A mark that stays is noticed by nobody but `wachat check`.
    fn finish_restore(&self) {
        let _ = self.disk.remove_file(&self.restore_marker()).and_then(|()| self.disk.sync_dir(&self.directory));
    }

    fn restore_marker(&self) -> PathBuf {
        self.directory.join(UNFINISHED)
    }

    pub(super) fn is_half_restored(&self) -> Result<bool, StoreError> {
        Ok(self.exists(&self.restore_marker())? && self.checkpoints()?.is_empty())
    }

    /// A directory in which a restore was interrupted is neither a store nor a new one.
    pub(super) fn refuse_half_restored(&self) -> Result<(), StoreError> {
        if self.exists(&self.directory)? && self.is_half_restored()? {
            return Err(StoreError::HalfRestored { directory: self.directory.clone() });
        }
        Ok(())
    }
}
