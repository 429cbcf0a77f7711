//! Recovery of a log, and reading it without changing it.

use super::append::Wal;
use super::error::WalError;
use super::location::Location;
use super::replay::{Open, ReadSegment, Replay, TornTail, expect_batch_first, replay_segments};
use super::segment::make_segment;
use crate::disk::{self, Disk};

/// A recovered log.
pub struct Recovered {
    pub wal: Wal,
    /// Bytes in the closed segments.
    pub closed_bytes: u64,
    /// The torn tail that was moved to a file of its own, if there was one.
    pub torn_tail: Option<TornTail>,
}

/// Replays all segments above `after`, the first of their batches being `batch`; the log goes on where it ended.
/// Removes the segments up to `after`: a checkpoint covers them. When this returns, everything that was replayed
/// is durable.
pub fn recover(
    location: &Location,
    after: u64,
    batch: u64,
    segment_bytes: u64,
    replay: &mut impl Replay,
) -> Result<Recovered, WalError> {
    location.clean_up(after)?;
    recover_kept(location, after, batch, segment_bytes, replay)
}

/// Recovers a log as [`recover`] does, and keeps the segments up to `after`.
pub(super) fn recover_kept(
    location: &Location,
    after: u64,
    batch: u64,
    segment_bytes: u64,
    replay: &mut impl Replay,
) -> Result<Recovered, WalError> {
    let (segments, next_batch) = replay_above(location, <dyn Disk>::open, after, batch, replay)?;
    // Only now: had there been damage, nothing would have been changed.
    segments.iter().try_for_each(|read| read.segment.sync())?;
    let torn = segments.iter().find_map(|read| Some((read, read.torn_tail()?)));
    let torn_tail = torn.map(|(read, tail)| move_aside(location, read, tail)).transpose()?;
    let current = segments.iter().rposition(|read| !read.is_empty()).unwrap_or(0);
    segments.get(current).map_or(Ok(()), write_last_batch_again)?;
    let closed_bytes = segments.iter().take(current).map(|read| read.segment.end).sum();
    let mut open = segments.into_iter().map(|read| read.segment).skip(current);
    let segment = match open.next() {
        Some(segment) => segment,
        None => make_segment(location, after + 1, segment_bytes)?,
    };
    Ok(Recovered { wal: Wal::new(segment, open.next(), next_batch), closed_bytes, torn_tail })
}

/// A log that was read and not changed.
pub struct Inspected {
    pub segments: u64,
    /// Bytes that the segments take on the disk.
    pub bytes: u64,
    /// The number of the batch that comes next.
    pub next_batch: u64,
    pub torn_tail: Option<TornTail>,
}

/// Replays all segments above `after` as [`recover`] does, and changes nothing.
pub fn inspect(location: &Location, after: u64, batch: u64, replay: &mut impl Replay) -> Result<Inspected, WalError> {
    let (segments, next_batch) = replay_above(location, <dyn Disk>::open_for_reading, after, batch, replay)?;
    Ok(Inspected {
        segments: segments.len() as u64,
        bytes: segments.iter().map(|read| read.segment.head.size).sum(),
        next_batch,
        torn_tail: segments.iter().find_map(ReadSegment::torn_tail),
    })
}

/// Replays the closed segments above `after` up to `upto`, for a checkpoint. Returns the number of the batch
/// that comes after them. In a closed segment a torn tail is damage; so is a last batch that is not the one before the
/// first of the next segment.
pub fn replay_closed(
    location: &Location,
    after: u64,
    upto: u64,
    batch: u64,
    replay: &mut impl Replay,
) -> Result<u64, WalError> {
    let (segments, next_batch) =
        replay_segments(location, <dyn Disk>::open_for_reading, after + 1..=upto, batch, replay)?;
    match segments.iter().find_map(ReadSegment::torn_tail) {
        Some(TornTail { file, line, .. }) => {
            Err(WalError::Damaged { file, line, what: "a broken batch in a closed segment".to_owned() })
        }
        None => expect_batch_first(location, upto + 1, next_batch).map(|()| next_batch),
    }
}

fn replay_above(
    location: &Location,
    open: Open,
    after: u64,
    batch: u64,
    replay: &mut impl Replay,
) -> Result<(Vec<ReadSegment>, u64), WalError> {
    let last = location.segments_above(after)?.pop().unwrap_or(after);
    replay_segments(location, open, after + 1..=last, batch, replay)
}

/// Writes the last whole batch once more. Should its sync have failed in the process before this one, the system
/// still shows it, but has forgotten that it is not on the disk, and a sync alone would not put it there.
fn write_last_batch_again(read: &ReadSegment) -> Result<(), WalError> {
    match &read.last_batch {
        Some((offset, batch)) => read.segment.write_durably(batch, *offset),
        None => Ok(()),
    }
}

/// Copies a torn tail to a file of its own, durably, and then erases it.
fn move_aside(location: &Location, read: &ReadSegment, tail: TornTail) -> Result<TornTail, WalError> {
    // A crash during this may lead here again, with fewer bytes left: they get another file.
    let stem = format!("{:06}-batch-{}", read.segment.head.number, tail.batch);
    let copy = disk::free_name(&*location.disk, |copy| location.directory.join(format!("{stem}-{copy}.broken")));
    let copy = copy.map_err(WalError::io(&location.directory))?;
    disk::write(&*location.disk, &copy, &read.torn).map_err(WalError::io(&copy))?;
    location.sync()?;
    read.segment.erase(read.torn.len())?;
    Ok(TornTail { moved_to: Some(copy), ..tail })
}
