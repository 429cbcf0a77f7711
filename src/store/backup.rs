//! Backups: a whole copy of a store that a server may be writing at the same time.
//!
//! It takes no lock. What it relies on is how a store is written:
//! - a checkpoint's tables never change once they have their name;
//! - of a history file, the part that a checkpoint knows never changes;
//! - segments are removed only after a newer checkpoint has its name.
//!
//! So: the newest checkpoint's tables, the history up to the lengths in them, the segments after it;
//! and if the newest checkpoint is another one by then, again. What was copied of the history stays:
//! each round has only what came since to copy.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::check::Report;
use super::{Store, StoreError, tables};
use crate::state_machine::{ConversationId, Filed, Policy, StateMachine};
use crate::wal::{self, WalError};

/// How often it begins again because of new checkpoints. Each takes a checkpoint's size of traffic.
const ROUNDS: u32 = 200;

/// How often it looks again at segments that look damaged: while a batch is being written, a reader
/// can see a later piece of the file and not yet an earlier one. Damage stays.
const LOOKS: u32 = 5;

impl Store {
    /// Copies this store into a directory that is new or empty, and verifies the copy. Everything that
    /// was answered OK before it began is in it. The store may be served meanwhile; it is only read.
    /// After an error nothing of the copy is left, as far as it could be removed; in no case is it
    /// taken for a whole one.
    pub fn backup(&self, destination: &Path) -> Result<Report, StoreError> {
        self.refuse_backup()?;
        self.refuse_half_restored()?;
        if !self.exists(&self.directory)? || (self.checkpoints()?.is_empty() && !self.exists(&self.wal_directory())?) {
            return Err(StoreError::NoStore { directory: self.directory.clone() });
        }
        let copy = Store::new(self.disk.clone(), destination);
        let new = copy.expect_empty(&[])?;
        copy.disk.create_dir(destination).map_err(StoreError::io(destination))?;
        let done = copy.mark(&copy.unfinished()).and_then(|()| self.fill(&copy));
        if done.is_err() {
            copy.discard(&copy.unfinished(), new);
        }
        done
    }

    fn fill(&self, copy: &Store) -> Result<Report, StoreError> {
        let checkpoint = self.copy_until_consistent(copy)?;
        for directory in [copy.wal_directory(), copy.history_directory(), copy.checkpoint_path(checkpoint)] {
            copy.sync_files(&directory)?;
        }
        copy.sync_dir(&copy.directory)?;
        let (report, _) = copy.verify();
        if !report.damage.is_empty() {
            return Err(StoreError::DamagedBackup { directory: copy.directory.clone(), damage: report.damage });
        }
        copy.seal(&report)?;
        Ok(report)
    }

    /// Returns which checkpoint was copied in the end.
    fn copy_until_consistent(&self, copy: &Store) -> Result<u64, StoreError> {
        let mut copied = HashMap::new();
        let mut looks = 0;
        for _ in 0..ROUNDS {
            let checkpoint = self.newest_checkpoint()?;
            let outcome = self.copy_once(copy, checkpoint, &mut copied).and_then(|()| copy.replay_all(checkpoint));
            // Without this a checkpoint that took the segments with it, before they were listed, would
            // leave the old tables alone: a store that looks whole, and has lost what was in them.
            if self.newest_checkpoint()? != checkpoint {
                continue;
            }
            match outcome {
                Ok(()) => return Ok(checkpoint),
                Err(StoreError::Wal(_)) if looks < LOOKS => looks += 1,
                Err(error) => return Err(self.own(error, copy)),
            }
        }
        Err(StoreError::TooBusy { directory: self.directory.clone() })
    }

    /// One round. What an earlier one has copied of the history is continued, the rest begun anew.
    fn copy_once(
        &self,
        copy: &Store,
        checkpoint: u64,
        copied: &mut HashMap<ConversationId, Filed>,
    ) -> Result<(), StoreError> {
        copy.begin_round()?;
        let (tables, same) = (self.checkpoint_path(checkpoint), copy.checkpoint_path(checkpoint));
        copy.disk.create_dir(&same).map_err(StoreError::io(&same))?;
        for name in self.list(&tables)? {
            copy.copy_file(&tables.join(&name), &same.join(&name))?;
        }
        for row in tables::read(&*copy.disk, &same)?.snapshot.conversations {
            let have = copied.get(&row.id).copied().unwrap_or_default();
            if have != row.filed {
                copied.remove(&row.id);
                copy.copy_history(self, row.id, have, row.filed)?;
                copied.insert(row.id, row.filed);
            }
        }
        self.copy_segments(copy, checkpoint)
    }

    /// The newest segment first. The server goes on writing, and goes on in the next segment when one is
    /// full: copied in their order, one might be copied before its end was written and the next one with
    /// what came after that, which is a write-ahead log with a hole. In this order, where anything is found in a
    /// segment, those before it were full already and are copied whole: what is copied is a beginning of
    /// the write-ahead log, to the last batch that was there when its segment's turn came.
    fn copy_segments(&self, copy: &Store, after: u64) -> Result<(), StoreError> {
        let (from, to) = (self.wal("".into()), copy.wal("".into()));
        for number in from.segments_above(after)?.into_iter().rev() {
            copy.copy_file(&from.segment(number), &to.segment(number))?;
        }
        Ok(())
    }

    /// Removes what an earlier round has copied, but for the history.
    fn begin_round(&self) -> Result<(), StoreError> {
        for path in self.checkpoints()?.into_iter().map(|segment| self.checkpoint_path(segment)) {
            self.disk.remove_dir(&path).map_err(StoreError::io(&path))?;
        }
        let wal = self.wal_directory();
        if self.exists(&wal)? {
            self.disk.remove_dir(&wal).map_err(StoreError::io(&wal))?;
        }
        self.make_directories()
    }

    /// Whether what was copied is a checkpoint and all of the write-ahead log after it.
    fn replay_all(&self, checkpoint: u64) -> Result<(), StoreError> {
        let read = tables::read(&*self.disk, &self.checkpoint_path(checkpoint))?;
        let location = self.wal(read.snapshot.store.clone());
        let mut machine = StateMachine::restore(read.snapshot, Policy::default())
            .map_err(|error| tables::inconsistent(&self.checkpoint_path(checkpoint), &error))?;
        wal::inspect(&location, read.segment, read.next_batch, &mut |line| {
            machine.replay(line).map_err(|error| error.to_string())
        })?;
        Ok(())
    }

    /// An error about the copy says the same of the original, and that is what somebody can look at.
    fn own(&self, error: StoreError, copy: &Store) -> StoreError {
        let here = |file: PathBuf| match file.strip_prefix(&copy.directory) {
            Ok(rest) => self.directory.join(rest),
            Err(_) => file,
        };
        match error {
            StoreError::Damaged { file, line, what } => StoreError::Damaged { file: here(file), line, what },
            StoreError::Newer { file } => StoreError::Newer { file: here(file) },
            StoreError::Development { file } => StoreError::Development { file: here(file) },
            StoreError::Wal(WalError::Damaged { file, line, what }) => {
                StoreError::Wal(WalError::Damaged { file: here(file), line, what })
            }
            StoreError::Wal(WalError::Missing { file }) => StoreError::Wal(WalError::Missing { file: here(file) }),
            other => other,
        }
    }
}
