//! The end of a log, where the next batch goes.

use super::error::WalError;
use super::location::Location;
use super::segment::{Segment, create, segment_size};
use crate::limits;

/// A log that is open for writing. One thread owns it.
pub struct Wal {
    pub(super) segment: Segment,
    /// The segment after this one, made ahead of need.
    spare: Option<Segment>,
    /// Records that are not written yet.
    batch: Vec<u8>,
    /// The number of the batch that is being filled.
    number: u64,
    /// A write or sync failed, or the owner has closed the log.
    closed: bool,
}

impl Wal {
    /// Continues a log behind `segment`'s last batch: `number` is the next batch's.
    pub fn new(segment: Segment, spare: Option<Segment>, number: u64) -> Self {
        Self { segment, spare, batch: Vec::new(), number, closed: false }
    }

    /// Adds records to the batch. `write` ends each with a line feed, and none begins with one.
    pub fn append(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.batch);
    }

    /// Returns the records of the batch.
    pub fn batch(&self) -> &[u8] {
        &self.batch
    }

    /// Returns the number of the batch that is being filled.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Returns how many bytes the next [`Wal::commit`] will write.
    pub fn pending(&self) -> usize {
        self.batch.len()
    }

    /// Writes the batch with its commit mark and syncs it: the commit point of everything in it. A failed write
    /// or sync closes the log, since what is on the disk is then known to the next recovery only.
    pub fn commit(&mut self) -> Result<(), WalError> {
        self.check_open()?;
        if self.batch.is_empty() {
            return Ok(());
        }
        self.closed = true;
        self.segment.write(&mut self.batch, self.number)?;
        self.closed = false;
        self.number += 1;
        self.batch.clear();
        self.batch.shrink_to(limits::BATCH_BYTES);
        Ok(())
    }

    /// Returns how many bytes the segment that is being written holds.
    pub fn segment_bytes(&self) -> u64 {
        self.segment.end
    }

    /// Checks that the batch fits into the segment with this many more bytes of records.
    pub fn has_room_for(&self, bytes: usize) -> bool {
        self.segment.has_room(self.batch.len().saturating_add(bytes))
    }

    /// Goes on in a segment that is made now, of at least this size, if the batch does not fit into this one: for a
    /// log without a thread that makes segments. Returns how many bytes the segments that are now closed hold.
    pub fn make_room(&mut self, location: &Location, size: u64) -> Result<u64, WalError> {
        let mut closed = 0;
        let batch = self.batch.len();
        while !self.segment.has_room(batch) {
            if let Some(number) = self.wants_spare() {
                let first = self.segment.head.first;
                self.spare = Some(create(location, number, first, size.max(segment_size(batch)), &[])?);
            }
            closed += self.switch().unwrap_or(0);
        }
        Ok(closed)
    }

    /// Returns the number of the segment that is to be made ahead of need; `None` if it exists.
    pub fn wants_spare(&self) -> Option<u64> {
        self.spare.is_none().then_some(self.segment.head.number + 1)
    }

    pub fn give_spare(&mut self, segment: Segment) {
        self.spare = Some(segment);
    }

    /// Goes on in the spare segment. Returns how many bytes the segment that is now closed holds; `None`
    /// without a spare one.
    pub fn switch(&mut self) -> Option<u64> {
        let closed = std::mem::replace(&mut self.segment, self.spare.take()?);
        Some(closed.end)
    }

    /// Checks that nothing has been written into the segment yet.
    pub fn is_fresh(&self) -> bool {
        self.segment.is_fresh()
    }

    /// Returns the number of the segment that is being written: all below it are closed.
    pub fn segment(&self) -> u64 {
        self.segment.head.number
    }

    /// Returns the number of the newest segment, which may be the spare one.
    pub(super) fn newest(&self) -> u64 {
        self.spare.as_ref().unwrap_or(&self.segment).head.number
    }

    /// Closes the log: the process is about to end, and its last batch shall not be torn.
    pub fn close(&mut self) {
        self.closed = true;
    }

    pub(super) fn check_open(&self) -> Result<(), WalError> {
        match self.closed {
            true => Err(WalError::Closed { file: self.segment.path.clone() }),
            false => Ok(()),
        }
    }
}
