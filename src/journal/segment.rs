//! One file of the journal.

use std::io;
use std::sync::Arc;

use super::Location;
use super::format::Head;
use crate::disk::File;

/// What is written at once while a segment is filled.
const FILL_BYTES: usize = 1 << 16;

/// A segment that is open for writing.
pub struct Segment {
    file: Arc<dyn File>,
    head: Head,
    /// Where the next batch goes; line feeds from here on.
    end: u64,
    size: u64,
}

impl Segment {
    pub(super) fn opened(file: Arc<dyn File>, head: Head, end: u64, size: u64) -> Self {
        Self { file, head, end, size }
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
    pub(super) fn write(&mut self, batch: &mut Vec<u8>, number: u64) -> io::Result<()> {
        let mark = self.head.mark(number, batch);
        batch.extend_from_slice(mark.as_bytes());
        batch.push(b'\n');
        self.file.write_at(batch, self.end)?;
        self.file.sync()?;
        self.end += batch.len() as u64;
        Ok(())
    }
}

/// Makes a segment of this size: filled and synced under another name, then renamed, so that a
/// segment that is there is there in full.
pub fn make_segment(location: &Location, number: u64, size: u64) -> io::Result<Segment> {
    let head = Head { store: location.store.clone(), number, salt: getrandom::u64()? };
    let mut first = Vec::new();
    head.write(&mut first);
    let (path, new) = (location.segment(number), location.segment(number).with_extension("new"));
    let file = location.disk.create(&new)?;
    file.write_at(&first, 0)?;
    fill(&*file, first.len() as u64, size)?;
    file.sync()?;
    location.disk.rename(&new, &path)?;
    location.disk.sync_dir(&location.directory)?;
    Ok(Segment::opened(file, head, first.len() as u64, size))
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
