//! Checkpoints: the whole state as tables, made beside the live one from the files alone.

use std::path::PathBuf;

use super::clean_up::Cleaned;
use super::data_directory::Store;
use super::error::{Problem, StoreError};
use super::retention::CleanUp;
use super::store_row::Covers;
use super::tables::{self, Tables};
use crate::limits;
use crate::model::{Seq, Timestamp};
use crate::state_machine::{ConversationId, HistoryPrefix, Record, Restoring, StoredState};
use crate::wal::{self, Replay, make_segment};

const PREFIX: &str = "checkpoint-";

/// A checkpoint that was read.
pub(super) struct Loaded {
    pub state: StoredState,
    /// The last segment that it covers.
    pub segment: u64,
    pub next_batch: u64,
    /// The time of the last clean-up.
    pub cleaned_at: Option<Timestamp>,
    pub bytes: u64,
}

/// A checkpoint that was made.
#[derive(Debug)]
pub struct Checkpointed {
    /// The durable content of the history files that it wrote.
    pub filed: Vec<(ConversationId, HistoryPrefix)>,
    pub bytes: u64,
    /// The last segment that it covers.
    pub covered_segment: u64,
    /// The last batch that it has.
    pub covered_batch: u64,
    /// The last conversation of this step of a clean-up; `None`: there is none to do, or it is done.
    pub cleaned_upto: Option<ConversationId>,
}

impl Store {
    /// Makes a checkpoint of everything up to a closed segment: the rows into the history files, the state into
    /// tables. The commit point is the rename of the tables' directory: before it nothing that a restart reads
    /// has changed, after it the old checkpoint and the segments are superfluous.
    pub fn checkpoint(&self, upto: u64) -> Result<Checkpointed, StoreError> {
        self.checkpoint_and_clean_up(upto, None)
    }

    /// Makes a checkpoint, and does one step of a clean-up with it.
    pub fn checkpoint_and_clean_up(&self, upto: u64, clean_up: Option<&CleanUp>) -> Result<Checkpointed, StoreError> {
        let Loaded { mut state, segment, next_batch, cleaned_at, bytes } = self.load_newest()?;
        if segment >= upto {
            let covered_batch = next_batch.saturating_sub(1);
            return Ok(Checkpointed {
                filed: Vec::new(),
                bytes,
                covered_segment: segment,
                covered_batch,
                cleaned_upto: None,
            });
        }
        let location = self.wal(state.store.clone());
        let next_batch = wal::replay_closed(&location, segment, upto, next_batch, &mut ReplayInto(&mut state))?;
        if state.has_to_clean()
            && let Err(error) = location.remove_set_aside()
        {
            log::error!("a batch that was set aside stays, and may have texts that were taken back: {error}");
        }
        let mut filed = self.append_history(&state)?;
        state.mark_history_written(&filed);
        let unchanged = Cleaned { at: cleaned_at, ..Cleaned::default() };
        let cleaned = clean_up.map_or(unchanged, |clean_up| self.clean_up(&state, clean_up, cleaned_at));
        state.mark_history_written(&cleaned.rewritten);
        // A segment after the checkpoint tells a whole log from a lost one. At the end of a server it may be missing, or
        // its name may not be durable.
        if location.segments_above(upto)?.is_empty() {
            make_segment(&location, upto + 1, limits::SMALL_SEGMENT_BYTES)?;
        }
        location.sync()?;
        let covers = Covers { segment: upto, next_batch, cleaned_at: cleaned.at };
        let bytes = self.write_checkpoint(&state, covers)?;
        // The checkpoint is made, whatever becomes of the older files: the state machine has to know the newer ones.
        let has_rewritten = !cleaned.rewritten.is_empty();
        let replaced = || if has_rewritten { self.remove_replaced_history(&state) } else { Ok(()) };
        if let Err(error) = self.remove_superfluous(upto).and_then(|()| replaced()) {
            log::error!("files that the newest checkpoint has made superfluous stay until the next one: {error}");
        }
        filed.extend(cleaned.rewritten);
        let covered_batch = next_batch.saturating_sub(1);
        Ok(Checkpointed { filed, bytes, covered_segment: upto, covered_batch, cleaned_upto: cleaned.next })
    }

    /// Writes a state, durably, under the name that makes it the newest. Returns its size in bytes.
    pub(super) fn write_checkpoint(&self, state: &StoredState, covers: Covers) -> Result<u64, StoreError> {
        let new = self.unfinished_checkpoint();
        self.remove_dir(&new)?;
        self.create_dir(&new)?;
        let bytes = tables::write(&*self.disk, &new, state, covers)?;
        self.sync_dir(&new)?;
        self.rename(&new, &self.checkpoint_path(covers.segment))?;
        Ok(bytes)
    }

    /// Removes the checkpoints and segments that the newest checkpoint has made superfluous.
    pub(super) fn remove_superfluous(&self, newest: u64) -> Result<(), StoreError> {
        for older in self.checkpoints()?.into_iter().filter(|segment| *segment < newest) {
            self.remove_dir(&self.checkpoint_path(older))?;
        }
        Ok(self.wal("".into()).remove_upto(newest)?)
    }

    /// Returns the last segments that the checkpoints cover, oldest first.
    pub(super) fn checkpoints(&self) -> Result<Vec<u64>, StoreError> {
        let names = self.list(&self.directory)?;
        let mut found: Vec<u64> = names.iter().filter_map(|name| name.strip_prefix(PREFIX)?.parse().ok()).collect();
        found.sort_unstable();
        Ok(found)
    }

    pub(super) fn checkpoint_path(&self, segment: u64) -> PathBuf {
        self.directory.join(format!("{PREFIX}{segment:06}"))
    }

    pub(super) fn unfinished_checkpoint(&self) -> PathBuf {
        self.directory.join("checkpoint.new")
    }

    /// Returns the last segment that the newest checkpoint covers.
    pub(super) fn newest_checkpoint(&self) -> Result<u64, StoreError> {
        self.checkpoints()?.pop().ok_or_else(|| Problem::NoCheckpoint.at(&self.directory))
    }

    pub(super) fn load_newest(&self) -> Result<Loaded, StoreError> {
        self.load(self.newest_checkpoint()?)
    }

    /// Reads a checkpoint.
    pub(super) fn load(&self, checkpoint: u64) -> Result<Loaded, StoreError> {
        let path = self.checkpoint_path(checkpoint);
        let tables = Tables::open(&*self.disk, &path)?;
        let Covers { segment, next_batch, cleaned_at } = tables.covers();
        if segment != checkpoint {
            return Err(tables::misnamed(&path));
        }
        let mut restoring = Restoring::new(tables.head().clone(), self.capacities);
        let bytes = tables.read(&mut |row| restoring.add(row))?;
        Ok(Loaded { state: restoring.finish(), segment, next_batch, cleaned_at, bytes })
    }
}

/// Replays the log into a state.
pub(super) struct ReplayInto<'a>(pub &'a mut StoredState);

impl Replay for ReplayInto<'_> {
    type Record = (Seq, Record);

    fn parse(line: &[u8]) -> Result<Self::Record, String> {
        StoredState::parse_line(line).map_err(|error| error.to_string())
    }

    fn apply(&mut self, line: &[u8], record: Self::Record) -> Result<(), String> {
        self.0.replay_parsed(line, record).map_err(|error| error.to_string())
    }
}
