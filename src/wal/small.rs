//! The log of a program that does little: the client's, and the bridge's.

use super::append::Wal;
use super::error::WalError;
use super::location::Location;
use super::recover::{Recovered, inspect, recover_kept, replay_closed};
use super::replay::{TornTail, check_head};
use super::segment::{create, segment_size};
use crate::disk;
use crate::limits;
use crate::record::Fields;

/// A log that makes its own segments, and that its owner compacts. One thread owns it. After any failed call it
/// is closed: it accepts nothing more, and the next start reads what is on the disk.
pub struct SmallWal {
    location: Location,
    wal: Wal,
    /// Bytes in the closed segments, and in those of them that a checkpoint covers.
    closed_bytes: u64,
    covered_bytes: u64,
}

/// The part of a log that a checkpoint of its owner covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Covered {
    /// The log's first segment and the last covered one.
    pub first: u64,
    pub segment: u64,
    /// The number of the batch that comes next.
    pub next_batch: u64,
}

impl SmallWal {
    /// Opens the log, or creates it; the directory above has to exist. Hands each record of each whole batch to
    /// `replay`, which returns `None` for one that it does not know: that is damage. When this returns,
    /// everything that was replayed is durable. A torn tail was moved aside, and is described.
    pub fn open(
        location: Location,
        replay: &mut dyn FnMut(&Fields) -> Option<()>,
    ) -> Result<(Self, Option<TornTail>), WalError> {
        Self::open_after(location, None, replay)
    }

    /// Opens the log as [`SmallWal::open`] does, and replays only what a checkpoint does not cover. It has to be one of this
    /// log ([`is_covered`]).
    pub fn open_after(
        location: Location,
        covered: Option<Covered>,
        replay: &mut dyn FnMut(&Fields) -> Option<()>,
    ) -> Result<(Self, Option<TornTail>), WalError> {
        create_directory(&location)?;
        let before = find_first(&location)?.saturating_sub(1);
        location.clean_up(before)?;
        let (after, batch) = covered.map_or((before, 1), |covered| (covered.segment, covered.next_batch));
        let recovered = recover_kept(&location, after, batch, limits::SMALL_SEGMENT_BYTES, &mut replay_fields(replay))?;
        let Recovered { wal, closed_bytes, torn_tail } = recovered;
        Ok((Self { location, wal, closed_bytes, covered_bytes: 0 }, torn_tail))
    }

    /// Adds records, each ended by a line feed, as one batch: after a crash all of them are there, or none. When
    /// this returns they are durable. The commit point is the batch's sync.
    pub fn append_batch(&mut self, records: &[u8]) -> Result<(), WalError> {
        self.close_on_error(|log| {
            log.wal.append(|batch| batch.extend_from_slice(records));
            log.closed_bytes += log.wal.make_room(&log.location, size_after(log.bytes()))?;
            log.wal.commit()
        })
    }

    /// Begins the log anew with these records alone, each ended by a line feed: after a crash it holds either
    /// what it held before, or these. The commit point is the sync of the directory that names the new first
    /// segment; then the older segments are removed.
    pub fn compact(&mut self, records: &[u8]) -> Result<(), WalError> {
        self.close_on_error(|log| {
            let number = log.wal.newest() + 1;
            // Room for as much again: the next compaction is as far away as this one was large.
            let size = size_after(2 * records.len() as u64).max(segment_size(records.len()));
            let segment = create(&log.location, number, number, size, records)?;
            let next_batch = if records.is_empty() { 1 } else { 2 };
            (log.wal, log.closed_bytes, log.covered_bytes) = (Wal::new(segment, None, next_batch), 0, 0);
            log.location.remove_upto(number - 1)
        })
    }

    /// Returns how many bytes the log holds. An owner compacts it when much of that is superfluous.
    pub fn bytes(&self) -> u64 {
        self.closed_bytes + self.wal.segment.end
    }

    /// Closes the segment, so that a checkpoint may cover everything that was written, and returns what it would cover. The
    /// segments stay.
    pub fn close_segment(&mut self) -> Result<Covered, WalError> {
        self.close_on_error(|log| {
            if !log.wal.is_fresh() {
                let number = log.wal.newest() + 1;
                let first = log.wal.segment.head.first;
                let segment = create(&log.location, number, first, size_after(log.bytes()), &[])?;
                log.wal.give_spare(segment);
                log.closed_bytes += log.wal.switch().unwrap_or(0);
            }
            Ok(())
        })?;
        self.covered_bytes = self.closed_bytes;
        let first = self.wal.segment.head.first;
        let segment = self.wal.segment() - 1;
        Ok(Covered { first, segment, next_batch: self.wal.number() })
    }

    /// Returns how many bytes no checkpoint covers.
    pub fn uncovered_bytes(&self) -> u64 {
        self.bytes().saturating_sub(self.covered_bytes)
    }

    pub fn location(&self) -> &Location {
        &self.location
    }

    /// Closes the log: the process is about to end, and its last batch shall not be torn.
    pub fn close(&mut self) {
        self.wal.close();
    }

    fn close_on_error(&mut self, write: impl FnOnce(&mut Self) -> Result<(), WalError>) -> Result<(), WalError> {
        self.wal.check_open()?;
        write(self).inspect_err(|_| self.wal.close())
    }
}

/// Checks that a checkpoint covers a part of this log, as it is now.
pub fn is_covered(location: &Location, covered: &Covered) -> Result<bool, WalError> {
    let exists = location.disk.exists(&location.directory).map_err(WalError::io(&location.directory))?;
    let follows = || Ok(location.segments_above(covered.segment)?.first() == Some(&(covered.segment + 1)));
    Ok(exists && find_first(location)? == covered.first && follows()?)
}

/// Replays the part of a log that a checkpoint covers. The log may be open: those segments are only
/// replaced as a whole, by the same records without texts that were taken back.
pub fn replay_covered(
    location: &Location,
    covered: &Covered,
    replay: &mut dyn FnMut(&Fields) -> Option<()>,
) -> Result<(), WalError> {
    replay_closed(location, covered.first.saturating_sub(1), covered.segment, 1, &mut replay_fields(replay)).map(drop)
}

/// Replays a whole log that this thread has open.
pub fn replay_all(location: &Location, replay: &mut dyn FnMut(&Fields) -> Option<()>) -> Result<(), WalError> {
    let before = find_first(location)?.saturating_sub(1);
    inspect(location, before, 1, &mut replay_fields(replay)).map(drop)
}

fn replay_fields<'a>(replay: &'a mut dyn FnMut(&Fields) -> Option<()>) -> impl FnMut(&[u8]) -> Result<(), String> + 'a {
    |record| {
        let fields = Fields::parse(record).map_err(|error| error.to_string())?;
        replay(&fields).ok_or_else(|| "not a record of this log".to_owned())
    }
}

/// Returns the size of the next segment of a log: as large as the whole log, within limits. So a small log is a
/// small file, a large one is few files, and less than half of it is empty.
fn size_after(bytes: u64) -> u64 {
    bytes.clamp(limits::SMALL_SEGMENT_BYTES, limits::MAX_SMALL_SEGMENT_BYTES)
}

/// Creates the log's directory, and makes its name durable.
fn create_directory(location: &Location) -> Result<(), WalError> {
    let directory = &location.directory;
    location.disk.create_dir(directory).map_err(WalError::io(directory))?;
    disk::sync_name(&*location.disk, directory).map_err(WalError::io(directory))
}

/// Returns the number of the log's first segment, as its newest one has it. Segments below were left by a
/// compaction that was interrupted after its commit point.
fn find_first(location: &Location) -> Result<u64, WalError> {
    let Some(newest) = location.segments_above(0)?.pop() else { return Ok(1) };
    let path = location.segment(newest);
    let content = disk::read(&*location.disk, &path).map_err(WalError::io(&path))?;
    check_head(location, newest, &content).map(|head| head.first)
}
