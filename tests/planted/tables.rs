//! In the place of `src/store/tables.rs`: what a checkpoint brings back.

#[path = "../../src/store/tables.rs"]
mod real;

use std::path::Path;

use super::table::Kind;
use super::{StoreError, room_tables, table};
use crate::disk::Disk;
use crate::model::Seq;
use crate::planted::is;
use crate::protocol::Event;
use crate::state_machine::{ApplyError, Snapshot};

pub(super) struct Read {
    pub snapshot: Snapshot,
    pub segment: u64,
    pub next_batch: u64,
    pub bytes: u64,
}

pub(super) fn read(disk: &dyn Disk, checkpoint: &Path) -> Result<Read, StoreError> {
    real::read(disk, checkpoint).map(with_losses)
}

pub(super) fn read_all(disk: &dyn Disk, checkpoint: &Path) -> Result<Read, Vec<StoreError>> {
    real::read_all(disk, checkpoint).map(with_losses)
}

fn with_losses(read: real::Read) -> Read {
    let real::Read { mut snapshot, segment, next_batch, bytes } = read;
    if is("ids-lost-in-a-checkpoint") {
        snapshot.ids.clear();
    }
    if is("states-lost-in-a-checkpoint") {
        snapshot.waiting.retain(|row| !matches!(row.event, Event::State { .. }));
    }
    if is("acknowledgements-lost-in-a-checkpoint") {
        snapshot.accounts.iter_mut().for_each(|account| account.acknowledged = Seq::ZERO);
    }
    if is("read-marks-lost-in-a-checkpoint") {
        snapshot.chats.iter_mut().for_each(|chat| chat.read = Seq::ZERO);
    }
    if is("members-lost-in-a-checkpoint") {
        snapshot.members.clear();
    }
    if is("room-logs-lost-in-a-checkpoint") {
        snapshot.logs.clear();
    }
    if is("numbers-given-twice-after-a-restart") {
        snapshot.last = Seq::new(snapshot.last.get().saturating_sub(1)).unwrap_or(snapshot.last);
    }
    Read { snapshot, segment, next_batch, bytes }
}

pub(super) fn inconsistent(checkpoint: &Path, error: &ApplyError) -> StoreError {
    real::inconsistent(checkpoint, error)
}

pub(super) fn misnamed(checkpoint: &Path) -> StoreError {
    real::misnamed(checkpoint)
}

pub(super) fn write(snapshot: &Snapshot, segment: u64, next_batch: u64) -> Vec<(&'static Kind, Vec<u8>)> {
    real::write(snapshot, segment, next_batch)
}
