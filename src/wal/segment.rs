//! One file of the write-ahead log.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::format::Head;
use super::{Location, WalError};
use crate::disk::File;

/// What is written at once while a segment is filled.
const FILL_BYTES: usize = 1 << 16;

/// A segment that is open for writing.
pub struct Segment {
    file: Arc<dyn File>,
    path: PathBuf,
    head: Head,
    /// Where the next batch goes; line feeds from here on.
    end: u64,
    size: u64,
}

impl Segment {
    pub(super) fn opened(file: Arc<dyn File>, path: PathBuf, head: Head, end: u64, size: u64) -> Self {
        Self { file, path, head, end, size }
    }

    pub fn number(&self) -> u64 {
        self.head.number
    }

    pub fn end(&self) -> u64 {
        self.end
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn is_fresh(&self) -> bool {
        self.end == self.head.len()
    }

    pub(super) fn room(&self) -> usize {
        usize::try_from(self.size.saturating_sub(self.end)).unwrap_or(usize::MAX)
    }

    /// Writes a batch behind the others with its mark, and syncs it.
    pub(super) fn write(&mut self, batch: &mut Vec<u8>, number: u64) -> Result<(), WalError> {
        let mark = self.head.mark(number, batch);
        batch.extend_from_slice(mark.as_bytes());
        batch.push(b'\n');
        let written = self.file.write_at(batch, self.end).and_then(|()| self.file.sync());
        written.map_err(WalError::io(&self.path))?;
        self.end += batch.len() as u64;
        Ok(())
    }
}

/// Makes a segment of this size: filled and synced under another name, then renamed, so that a
/// segment that is there is there in full.
pub fn make_segment(location: &Location, number: u64, size: u64) -> Result<Segment, WalError> {
    let (path, new) = (location.segment(number), location.segment(number).with_extension("new"));
    let salt = getrandom::u64().map_err(|error| WalError::io(&new)(error.into()))?;
    let head = Head { store: location.store.clone(), number, salt };
    let file = write_empty(location, &new, &head, size).map_err(WalError::io(&new))?;
    location.disk.rename(&new, &path).map_err(WalError::io(&path))?;
    location.disk.sync_dir(&location.directory).map_err(WalError::io(&location.directory))?;
    let start = head.len();
    Ok(Segment::opened(file, path, head, start, size))
}

/// A file with a head and line feeds, durable but for its name.
fn write_empty(location: &Location, new: &Path, head: &Head, size: u64) -> io::Result<Arc<dyn File>> {
    let mut first = Vec::new();
    head.write(&mut first);
    let file = location.disk.create(new)?;
    file.write_at(&first, 0)?;
    fill(&*file, first.len() as u64, size)?;
    file.sync()?;
    Ok(file)
}

/// Fills a file with line feeds between two places.
pub(super) fn fill(file: &dyn File, from: u64, to: u64) -> io::Result<()> {
    let feeds = vec![b'\n'; FILL_BYTES];
    let mut at = from;
    while at < to {
        let len = usize::try_from(to - at).unwrap_or(FILL_BYTES).min(FILL_BYTES);
        file.write_at(feeds.get(..len).unwrap_or(&feeds), at)?;
        at += len as u64;
    }
    Ok(())
}
