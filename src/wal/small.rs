//! The log of a program that does little: the client's, and the bridge's.

use super::append::Wal;
use super::error::WalError;
use super::location::Location;
use super::recover::{Recovered, recover};
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
    /// Bytes in the closed segments.
    closed_bytes: u64,
}

impl SmallWal {
    /// Opens the log, or creates it; the directory above has to exist. Hands each record of each whole batch to
    /// `replay`, which returns `None` for one that it does not know: that is damage. When this returns,
    /// everything that was replayed is durable. A torn tail was moved aside, and is described.
    pub fn open(
        location: Location,
        replay: &mut dyn FnMut(&Fields) -> Option<()>,
    ) -> Result<(Self, Option<TornTail>), WalError> {
        create_directory(&location)?;
        let before = find_first(&location)?.saturating_sub(1);
        let recovered = recover(&location, before, 1, limits::SMALL_SEGMENT_BYTES, &mut |record| {
            let fields = Fields::parse(record).map_err(|error| error.to_string())?;
            replay(&fields).ok_or_else(|| "not a record of this log".to_owned())
        })?;
        let Recovered { wal, closed_bytes, torn_tail } = recovered;
        Ok((Self { location, wal, closed_bytes }, torn_tail))
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
            (log.wal, log.closed_bytes) = (Wal::new(segment, None, next_batch), 0);
            log.location.remove_upto(number - 1)
        })
    }

    /// Returns how many bytes the log holds. An owner compacts it when much of that is superfluous.
    pub fn bytes(&self) -> u64 {
        self.closed_bytes + self.wal.segment.end
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

/// Returns the size of the next segment of a log: as large as the whole log, within limits. So a small log is a
/// small file, a large one is few files, and less than half of it is empty.
fn size_after(bytes: u64) -> u64 {
    bytes.clamp(limits::SMALL_SEGMENT_BYTES, limits::SEGMENT_BYTES)
}

/// Creates the log's directory, and makes its name durable.
fn create_directory(location: &Location) -> Result<(), WalError> {
    let directory = &location.directory;
    location.disk.create_dir(directory).map_err(WalError::io(directory))?;
    disk::sync_name(&*location.disk, directory).map_err(WalError::io(directory))
}

/// Returns the number of the log's first segment, as its newest one has it. Segments below were left by a
/// compaction that was interrupted behind its commit point.
fn find_first(location: &Location) -> Result<u64, WalError> {
    let Some(newest) = location.segments_above(0)?.pop() else { return Ok(1) };
    let path = location.segment(newest);
    let content = disk::read(&*location.disk, &path).map_err(WalError::io(&path))?;
    check_head(location, newest, &content).map(|head| head.first)
}
