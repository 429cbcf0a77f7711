//! Checkpoints: the state machine's whole state as tables, made beside the live the state machine from what is on the disk.

use std::path::PathBuf;

use super::tables::{self, Read};
use super::{Store, StoreError};
use crate::disk;
use crate::state_machine::{ConversationId, Filed, Policy, Snapshot, StateMachine};
use crate::wal;

const PREFIX: &str = "checkpoint-";

/// A checkpoint as it was read.
pub(super) struct Loaded {
    pub machine: StateMachine,
    /// It covers the write-ahead log up to this segment.
    pub segment: u64,
    pub next_batch: u64,
    pub bytes: u64,
}

/// What a new checkpoint came to.
#[derive(Debug)]
pub struct Checkpointed {
    /// What the history files hold now, durably.
    pub filed: Vec<(ConversationId, Filed)>,
    pub bytes: u64,
    /// How many bytes of write-ahead log it made superfluous.
    pub covered_upto: u64,
}

impl Store {
    /// Makes a checkpoint of everything up to a closed segment: the rows into the history files, the
    /// state into tables. Renaming the tables' directory is the commit point; before it nothing that a
    /// restart reads has changed, after it the old checkpoint and the segments are superfluous.
    pub fn checkpoint(&self, upto: u64) -> Result<Checkpointed, StoreError> {
        let Loaded { mut machine, segment, next_batch, bytes } = self.load_newest(Policy::default())?;
        if segment >= upto {
            return Ok(Checkpointed { filed: Vec::new(), bytes, covered_upto: segment });
        }
        let location = self.wal(machine.store().clone());
        let next_batch = wal::replay_closed(&location, segment, upto, next_batch, &mut |line| {
            machine.replay(line).map_err(|error| error.to_string())
        })?;
        let filed = self.append_history(&machine)?;
        machine.filed(&filed);
        let bytes = self.write_checkpoint(&machine.snapshot(), upto, next_batch)?;
        self.remove_superfluous(upto)?;
        Ok(Checkpointed { filed, bytes, covered_upto: upto })
    }

    /// Writes the state machine's state, durably, under the name that makes it the newest. Returns its size.
    pub(super) fn write_checkpoint(
        &self,
        snapshot: &Snapshot,
        segment: u64,
        next_batch: u64,
    ) -> Result<u64, StoreError> {
        let (new, path) = (self.directory.join("checkpoint.new"), self.checkpoint_path(segment));
        let io = StoreError::io;
        if self.disk.exists(&new).map_err(io(&new))? {
            self.disk.remove_dir(&new).map_err(io(&new))?;
        }
        self.disk.create_dir(&new).map_err(io(&new))?;
        let mut bytes = 0;
        for (kind, table) in tables::write(snapshot, segment, next_batch) {
            let file = kind.file(&new);
            disk::write(&*self.disk, &file, &table).map_err(io(&file))?;
            bytes += table.len() as u64;
        }
        self.disk.sync_dir(&new).map_err(io(&new))?;
        self.disk.rename(&new, &path).map_err(io(&path))?;
        self.disk.sync_dir(&self.directory).map_err(io(&self.directory))?;
        Ok(bytes)
    }

    /// Removes what the newest checkpoint has made superfluous.
    pub(super) fn remove_superfluous(&self, newest: u64) -> Result<(), StoreError> {
        for older in self.checkpoints()?.into_iter().filter(|segment| *segment < newest) {
            let path = self.checkpoint_path(older);
            self.disk.remove_dir(&path).map_err(StoreError::io(&path))?;
        }
        Ok(self.wal("".into()).remove_upto(newest)?)
    }

    /// The segments up to which there are checkpoints, oldest first.
    pub(super) fn checkpoints(&self) -> Result<Vec<u64>, StoreError> {
        let names = self.disk.list(&self.directory).map_err(StoreError::io(&self.directory))?;
        let mut found: Vec<u64> = names.iter().filter_map(|name| name.strip_prefix(PREFIX)?.parse().ok()).collect();
        found.sort_unstable();
        Ok(found)
    }

    pub(super) fn checkpoint_path(&self, segment: u64) -> PathBuf {
        self.directory.join(format!("{PREFIX}{segment:06}"))
    }

    /// The segment up to which the newest checkpoint goes.
    pub(super) fn newest_checkpoint(&self) -> Result<u64, StoreError> {
        self.checkpoints()?.pop().ok_or_else(|| StoreError::NoCheckpoint { directory: self.directory.clone() })
    }

    pub(super) fn load_newest(&self, policy: Policy) -> Result<Loaded, StoreError> {
        let newest = self.newest_checkpoint()?;
        let path = self.checkpoint_path(newest);
        let Read { snapshot, segment, next_batch, bytes } = tables::read(&*self.disk, &path)?;
        if segment != newest {
            return Err(tables::misnamed(&path));
        }
        let machine = StateMachine::restore(snapshot, policy).map_err(|error| tables::inconsistent(&path, &error))?;
        Ok(Loaded { machine, segment, next_batch, bytes })
    }
}
