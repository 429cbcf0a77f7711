//! Backups: a whole copy of a store that a server may be writing at the same time.
//!
//! A backup takes no lock. It relies on how a store is written:
//! - a checkpoint's tables never change once they have their name;
//! - of a history file, the part that a checkpoint covers never changes; retention replaces a file, and a newer
//!   checkpoint names the new one before the old one is removed;
//! - segments are removed only after a newer checkpoint has its name.
//!
//! So a round copies the newest checkpoint's tables, the history up to the lengths in them, and the segments
//! after it. If there is a newer checkpoint by then, another round follows. What was copied of the history stays:
//! each round copies only the rows since the last one.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::check::Report;
use super::checkpoint::ReplayInto;
use super::data_directory::Store;
use super::error::{Problem, StoreError};
use super::table::{Kind, Row, RowWriter, TableReader, TableRow, write_table};
use crate::model::{Seq, Timestamp};
use crate::state_machine::{ConversationId, ConversationRow, HistoryPrefix, StoredState};
use crate::wal;

/// Rounds because of new checkpoints. Each takes the server a checkpoint's size of traffic.
const MAX_ROUNDS: u32 = 200;

/// Further rounds because of files that look damaged: while a batch is being written, a reader can see a later
/// piece of the file and not yet an earlier one. Damage stays.
const MAX_DAMAGED_ROUNDS: u32 = 5;

/// The manifest, `backup.csv`: the extent of a whole backup. It tells one from an unfinished one, and either from a store.
pub(super) struct Manifest {
    pub store: String,
    pub last: Seq,
    pub next_batch: u64,
}

impl TableRow for Manifest {
    const KIND: Kind = Kind { name: "backup", version: 1, columns: &["store", "last", "next_batch", "made_at"] };

    fn write(&self, to: &mut RowWriter) {
        to.text(&self.store).field(self.last).field(self.next_batch).field(Timestamp::now());
    }

    fn read(row: &Row) -> Option<Self> {
        Some(Self { store: row.get(0)?.to_owned(), last: row.seq(1)?, next_batch: row.number(2)? })
    }
}

impl Store {
    /// Copies this store into a directory that is new or empty, and verifies the copy. Everything that
    /// was answered OK before it began is in it. The store may be served meanwhile; it is only read.
    /// After an error nothing of the copy is left, as far as it could be removed; in no case is it
    /// taken for a whole one.
    pub fn backup(&self, destination: &Path) -> Result<Report, StoreError> {
        self.refuse_backup()?;
        self.refuse_half_restored()?;
        if !self.exists(&self.directory)? || (self.checkpoints()?.is_empty() && !self.exists(&self.wal_directory())?) {
            return Err(Problem::NoStore.at(&self.directory));
        }
        let copy = Store::with_capacities(self.disk.clone(), destination, self.capacities);
        let is_new = copy.expect_empty(&[])?;
        copy.create_dir(destination)?;
        let marker = copy.backup_marker();
        let done = copy.create_marker(&marker).and_then(|()| self.fill(&copy));
        if done.is_err() {
            copy.discard_copy(&marker, is_new);
        }
        done
    }

    fn fill(&self, copy: &Store) -> Result<Report, StoreError> {
        let checkpoint = self.copy_until_consistent(copy)?;
        for directory in [copy.wal_directory(), copy.history_directory(), copy.checkpoint_path(checkpoint)] {
            copy.sync_dir(&directory)?;
        }
        copy.sync_dir(&copy.directory)?;
        let (report, _) = copy.verify()?;
        if !report.damage.is_empty() {
            return Err(Problem::DamagedBackup(report.damage).at(&copy.directory));
        }
        copy.write_manifest(&report)?;
        Ok(report)
    }

    /// Copies in rounds. Returns the number of the checkpoint that the copy has in the end.
    fn copy_until_consistent(&self, copy: &Store) -> Result<u64, StoreError> {
        let mut copied = HashMap::new();
        let mut damaged_rounds = 0;
        for _ in 0..MAX_ROUNDS {
            let checkpoint = self.newest_checkpoint()?;
            let done =
                self.copy_once(copy, checkpoint, &mut copied).and_then(|()| copy.replay_all(checkpoint).map(drop));
            // Without this a checkpoint that removed the segments before they were listed would leave the old
            // tables alone: a copy that looks whole, and has lost the records in those segments.
            if self.newest_checkpoint()? != checkpoint {
                continue;
            }
            match done {
                Ok(()) => return Ok(checkpoint),
                Err(StoreError { problem: Problem::Damaged { .. }, .. }) if damaged_rounds < MAX_DAMAGED_ROUNDS => {
                    damaged_rounds += 1;
                }
                Err(error) => return Err(self.in_original(error, copy)),
            }
        }
        Err(Problem::TooBusy.at(&self.directory))
    }

    /// Copies one round. The copies of history files are continued, the rest begins anew.
    fn copy_once(
        &self,
        copy: &Store,
        checkpoint: u64,
        copied: &mut HashMap<ConversationId, HistoryPrefix>,
    ) -> Result<(), StoreError> {
        copy.begin_round()?;
        let tables = self.checkpoint_path(checkpoint);
        let same = copy.checkpoint_path(checkpoint);
        copy.create_dir(&same)?;
        for name in self.list(&tables)? {
            copy.copy_file(&tables.join(&name), &same.join(&name))?;
        }
        let tables = TableReader { disk: &*copy.disk, directory: &same };
        for row in tables.read::<ConversationRow>()? {
            let mut have = copied.get(&row.id).copied().unwrap_or_default();
            if have != row.filed {
                copied.remove(&row.id);
                if have.bytes > 0 && have.rewritten != row.filed.rewritten {
                    let replaced = copy.history_path(row.id, have.rewritten);
                    copy.disk.remove_file(&replaced).map_err(StoreError::io(&replaced))?;
                    have = HistoryPrefix::default();
                }
                copy.copy_history(self, row.id, have, row.filed)?;
                copied.insert(row.id, row.filed);
            }
        }
        self.copy_segments(copy, checkpoint)
    }

    /// Copies segments, the newest first. The server goes on writing, and goes on in the next segment when one is
    /// full: in their order, one might be copied before its end was written and the next one with what came after
    /// that, which is a log with a hole. In this order, where a segment is not empty, those before it were full
    /// already and are copied whole: the copy is a beginning of the log, up to the last batch that was there when
    /// its segment's turn came.
    fn copy_segments(&self, copy: &Store, after: u64) -> Result<(), StoreError> {
        let from = self.wal("".into());
        let to = copy.wal("".into());
        for number in from.segments_above(after)?.into_iter().rev() {
            copy.copy_file(&from.segment(number), &to.segment(number))?;
        }
        Ok(())
    }

    /// Removes the copies of an earlier round, but for the history.
    fn begin_round(&self) -> Result<(), StoreError> {
        for checkpoint in self.checkpoints()? {
            self.remove_dir(&self.checkpoint_path(checkpoint))?;
        }
        self.remove_dir(&self.wal_directory())?;
        self.create_directories()
    }

    /// Checks that this is a checkpoint and all of the log after it, and returns the state.
    pub(super) fn replay_all(&self, checkpoint: u64) -> Result<StoredState, StoreError> {
        let mut loaded = self.load(checkpoint)?;
        let location = self.wal(loaded.state.store.clone());
        wal::inspect(&location, loaded.segment, loaded.next_batch, &mut ReplayInto(&mut loaded.state))?;
        Ok(loaded.state)
    }

    /// Names the original in an error about the copy: it is wrong there as well, and can be looked at.
    fn in_original(&self, mut error: StoreError, copy: &Store) -> StoreError {
        if !matches!(error.problem, Problem::Io(_))
            && let Ok(rest) = error.path.strip_prefix(&copy.directory)
        {
            error.path = self.directory.join(rest);
        }
        error
    }

    /// Writes the manifest of a verified backup, last of all: the commit point.
    pub(super) fn write_manifest(&self, report: &Report) -> Result<(), StoreError> {
        let store = report.store.clone();
        let last = report.last;
        let next_batch = report.next_batch;
        let new = self.backup_marker();
        write_table(&*self.disk, &new, [Manifest { store, last, next_batch }])?;
        self.rename(&new, &self.manifest())
    }

    /// Reads the manifest; `None` if this is no backup.
    pub(super) fn read_manifest(&self) -> Result<Option<Manifest>, StoreError> {
        if !self.exists(&self.manifest())? {
            return Ok(None);
        }
        let row = TableReader { disk: &*self.disk, directory: &self.directory }.read()?.pop();
        row.map(Some).ok_or_else(|| StoreError::damaged(&self.manifest(), 3, "there should be one row"))
    }

    pub(super) fn manifest(&self) -> PathBuf {
        self.directory.join(Manifest::KIND.file_name())
    }

    /// Returns the path of the file that exists as long as a backup is not finished.
    pub(super) fn backup_marker(&self) -> PathBuf {
        self.directory.join("backup.new")
    }

    /// Refuses a backup: see [`Problem::IsBackup`].
    pub(super) fn refuse_backup(&self) -> Result<(), StoreError> {
        if self.exists(&self.backup_marker())? || self.exists(&self.manifest())? {
            return Err(Problem::IsBackup.at(&self.directory));
        }
        Ok(())
    }
}
