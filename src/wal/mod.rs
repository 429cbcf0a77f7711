//! One append-only log in numbered segments. It carries lines and does not know what they mean.
//!
//! Lines come in numbered batches; each batch ends in a commit mark with its number, its length and
//! a checksum. A batch is one write and one sync: it is there whole, or it never was. Segments are
//! made in full ahead of need, filled with line feeds, so that a sync has no file length to record
//! and a full disk is met before anything was promised.

mod error;
mod format;
mod recover;
mod segment;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use error::WalError;
pub use recover::{Inspected, Recovered, inspect, recover, replay_closed};
pub use segment::{Segment, make_segment};

use crate::disk::Disk;
use crate::limits;
use format::MARK_BYTES;

/// The end of the log: where the next batch goes. Owned by the router.
pub struct Wal {
    segment: Segment,
    /// The segment after this one, made ahead of need.
    spare: Option<Segment>,
    /// Lines that are not written yet.
    batch: Vec<u8>,
    /// The number of the batch that is being filled.
    number: u64,
}

impl Wal {
    /// Continues a log: `number` is the next batch's.
    pub fn new(segment: Segment, spare: Option<Segment>, number: u64) -> Self {
        Self { segment, spare, batch: Vec::new(), number }
    }

    /// Adds lines to the batch. `write` ends each with a line feed, and none begins with one.
    pub fn append(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.batch);
    }

    /// How many bytes wait for the next [`Wal::commit`].
    pub fn pending(&self) -> usize {
        self.batch.len()
    }

    /// Writes the batch with its mark and syncs it: the commit point of everything in it. After an
    /// error nobody knows what is on the disk: the log must not be written again.
    pub fn commit(&mut self) -> Result<(), WalError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        self.segment.write(&mut self.batch, self.number)?;
        self.number += 1;
        self.batch.clear();
        if self.batch.capacity() > limits::BATCH_BYTES {
            self.batch = Vec::new();
        }
        Ok(())
    }

    /// Whether one more record of any length fits into the batch and the batch into the segment.
    pub fn has_room(&self) -> bool {
        self.segment.room() >= self.batch.len() + limits::RECORD_BYTES + MARK_BYTES
    }

    /// The number of the segment that is to be made ahead of need, if there is none yet.
    pub fn wants_spare(&self) -> Option<u64> {
        self.spare.is_none().then_some(self.segment.number() + 1)
    }

    pub fn give_spare(&mut self, segment: Segment) {
        self.spare = Some(segment);
    }

    /// Goes on in the spare segment, with an empty batch. Returns how many bytes the segment that is
    /// now closed holds; `None` without a spare one.
    pub fn switch(&mut self) -> Option<u64> {
        let closed = std::mem::replace(&mut self.segment, self.spare.take()?);
        Some(closed.end())
    }

    /// Whether nothing has been written into the segment yet.
    pub fn is_fresh(&self) -> bool {
        self.segment.is_fresh()
    }

    /// The number of the segment that is being written: all below it are closed.
    pub fn segment(&self) -> u64 {
        self.segment.number()
    }
}

/// A write-ahead log's directory, and whose it is.
#[derive(Clone)]
pub struct Location {
    pub disk: Arc<dyn Disk>,
    pub directory: PathBuf,
    /// The store's name: a segment of another store is refused.
    pub store: Arc<str>,
}

impl Location {
    pub fn segment(&self, number: u64) -> PathBuf {
        self.directory.join(format!("{number:06}.csv"))
    }
}

/// The number of the segment that a file's name stands for.
fn segment_number(name: &str) -> Option<u64> {
    Path::new(name).extension().filter(|e| *e == "csv")?;
    name.strip_suffix(".csv")?.parse().ok()
}

/// The segments that are there above a number, in order.
pub fn segments_above(disk: &dyn Disk, directory: &Path, number: u64) -> io::Result<Vec<u64>> {
    let numbers = disk.list(directory)?.iter().filter_map(|name| segment_number(name)).collect::<Vec<_>>();
    let mut above: Vec<u64> = numbers.into_iter().filter(|n| *n > number).collect();
    // Names of more than six digits are not in the order of their numbers.
    above.sort_unstable();
    Ok(above)
}

/// Removes the segments that a checkpoint has made superfluous: all up to this number.
pub fn remove_upto(disk: &dyn Disk, directory: &Path, number: u64) -> io::Result<()> {
    for name in disk.list(directory)? {
        if segment_number(&name).is_some_and(|n| n <= number) {
            disk.remove_file(&directory.join(name))?;
        }
    }
    Ok(())
}
