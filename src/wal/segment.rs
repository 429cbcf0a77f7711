//! One file of the write-ahead log, open for writing.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::WalError;
use super::format::{HEAD_BYTES, Head, MARK_BYTES};
use super::location::Location;
use crate::disk::{Disk, File};

/// Length of one write while a segment is filled. Each is synced by itself: a batch that is committed meanwhile waits at the disk for
/// one of them, not for a whole segment.
const FILL_BYTES: usize = 1 << 17;

/// A segment and the offset of its next batch: line feeds from there to its end.
pub struct Segment {
    file: Arc<dyn File>,
    pub(super) path: PathBuf,
    pub(super) head: Head,
    pub(super) end: u64,
}

impl Segment {
    pub(super) fn new(file: Arc<dyn File>, path: PathBuf, head: Head, end: usize) -> Self {
        Self { file, path, head, end: end as u64 }
    }

    /// Checks that nothing has been written after the head.
    pub(super) fn is_fresh(&self) -> bool {
        self.end == self.head.len() as u64
    }

    /// Checks that a batch of this length fits with its commit mark.
    pub(super) fn has_room(&self, batch: usize) -> bool {
        self.head.size.saturating_sub(self.end) >= batch.saturating_add(MARK_BYTES) as u64
    }

    /// Writes a batch after the others with its commit mark, and syncs it. Refuses a batch that does not fit, before it
    /// writes a byte: a segment that is longer than its head says is taken for damage.
    pub(super) fn write(&mut self, batch: &mut Vec<u8>, number: u64) -> Result<(), WalError> {
        if !self.has_room(batch.len()) {
            return Err(WalError::TooLong { file: self.path.clone(), bytes: batch.len() });
        }
        batch.extend_from_slice(self.head.mark(number, batch).as_bytes());
        self.write_durably(batch, self.end)?;
        self.end += batch.len() as u64;
        Ok(())
    }

    /// Makes what was read from this segment durable. It may be in the system's cache only, if the process
    /// that wrote it was killed.
    pub(super) fn sync(&self) -> Result<(), WalError> {
        self.file.sync().map_err(WalError::io(&self.path))
    }

    /// Writes bytes at an offset and syncs them.
    pub(super) fn write_durably(&self, bytes: &[u8], offset: u64) -> Result<(), WalError> {
        self.file.write_at(bytes, offset).map_err(WalError::io(&self.path))?;
        self.sync()
    }

    /// Overwrites the bytes after the last batch with line feeds, durably.
    pub(super) fn erase(&self, bytes: usize) -> Result<(), WalError> {
        fill(&*self.file, self.end, self.end + bytes as u64).map_err(WalError::io(&self.path))?;
        self.sync()
    }
}

/// Returns the size of the smallest segment that holds a batch of this length.
pub(super) fn segment_size(batch: usize) -> u64 {
    (HEAD_BYTES + batch + MARK_BYTES) as u64
}

/// Creates a segment of this size in a log that begins with segment 1.
pub fn make_segment(location: &Location, number: u64, size: u64) -> Result<Segment, WalError> {
    create(location, number, 1, size, &[])
}

/// Creates a segment with at most one batch, number 1: written, filled and synced under another name, then
/// renamed, so that a segment that exists exists in full. The commit point is the sync of the directory.
pub(super) fn create(
    location: &Location,
    number: u64,
    first: u64,
    size: u64,
    records: &[u8],
) -> Result<Segment, WalError> {
    let path = location.segment(number);
    let new = location.segment(number).with_extension("new");
    let head = Head::new(location.owner.clone(), number, first, size).map_err(WalError::io(&new))?;
    let mut content = head.to_bytes();
    if !records.is_empty() {
        content.extend_from_slice(records);
        content.extend_from_slice(head.mark(1, records).as_bytes());
    }
    let file = write_full(&*location.disk, &new, &content, size).map_err(WalError::io(&new))?;
    location.disk.rename(&new, &path).map_err(WalError::io(&path))?;
    location.sync()?;
    Ok(Segment::new(file, path, head, content.len()))
}

/// Writes a file with this content and line feeds up to its size, durable but for its name.
pub(super) fn write_full(disk: &dyn Disk, path: &Path, content: &[u8], size: u64) -> io::Result<Arc<dyn File>> {
    let file = disk.create(path)?;
    file.write_at(content, 0)?;
    fill(&*file, content.len() as u64, size)?;
    file.sync()?;
    Ok(file)
}

/// Writes line feeds between two offsets. The last piece of them is not synced yet.
fn fill(file: &dyn File, from: u64, to: u64) -> io::Result<()> {
    let feeds = vec![b'\n'; FILL_BYTES];
    let mut at = from;
    while at < to {
        let len = usize::try_from(to - at).unwrap_or(FILL_BYTES).min(FILL_BYTES);
        file.write_at(feeds.get(..len).unwrap_or(&feeds), at)?;
        at += len as u64;
        if at < to {
            file.sync()?;
        }
    }
    Ok(())
}
