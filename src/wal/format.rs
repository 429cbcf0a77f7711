//! The form of a segment: a head, batches, and line feeds up to its end. Pure: bytes in, values out.
//!
//! ```text
//! wachat-wal;1;<owner>;<number>;<first>;<size>;<salt>;<checksum>     the head
//! <records>                                                          a batch
//! COMMIT;<batch>;<bytes>;<checksum>                                  its commit mark
//! ```

use std::io;
use std::sync::Arc;

use memchr::{memchr, memmem, memrchr};

use crate::record::{Fields, Writer, end_with_checksum};

const KIND: &str = "wachat-wal";
const VERSION: u64 = 1;
const COMMIT: &str = "COMMIT";
const CHECKSUM_DIGITS: usize = 8;

/// Length in bytes of what a disk writes whole or not at all.
const SECTOR: usize = 512;

/// Upper bound of the length of a head, and of a commit mark.
pub(super) const HEAD_BYTES: usize = 256;
pub(super) const MARK_BYTES: usize = 96;

/// The first line of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub owner: Arc<str>,
    pub number: u64,
    /// Number of the log's first segment. A compaction begins the log anew: segments below are superfluous.
    pub first: u64,
    /// Length of the file in bytes. A segment has it before it has its name: another length is damage.
    pub size: u64,
    /// Random, and part of every checksum. So a sender cannot forge the commit marks of this segment in a
    /// message's text, where a torn batch would leave it at the beginning of a line.
    pub salt: u64,
}

#[derive(Debug)]
pub(super) enum HeadError {
    Newer,
    Damaged,
}

impl Head {
    /// Returns a head with a salt of its own.
    pub fn new(owner: Arc<str>, number: u64, first: u64, size: u64) -> io::Result<Self> {
        Ok(Self { owner, number, first, size, salt: getrandom::u64()? })
    }

    /// Writes the line, its LF included.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut line = Vec::new();
        let salt = format!("{:016x}", self.salt);
        let mut writer = Writer::new(&mut line);
        writer.plain(KIND).plain(VERSION).plain(&self.owner).plain(self.number).plain(self.first);
        writer.plain(self.size).plain(salt);
        end_with_checksum(&mut line, 0);
        line
    }

    /// Returns the length of the line in bytes.
    pub fn len(&self) -> usize {
        self.to_bytes().len()
    }

    /// Reads the line that a content begins with.
    pub fn parse(content: &[u8]) -> Result<Self, HeadError> {
        let line = content.get(..line_end(content, 0)).unwrap_or_default();
        let fields = Fields::parse(line).map_err(|_| HeadError::Damaged)?;
        let version = fields.get(1).and_then(|version| version.parse::<u64>().ok());
        if fields.get(0) == Some(KIND) && version.is_some_and(|version| version > VERSION) {
            return Err(HeadError::Newer);
        }
        // Written again and compared, checksum and LF included: the strictest check there is.
        Self::from_fields(&fields).filter(|head| content.starts_with(&head.to_bytes())).ok_or(HeadError::Damaged)
    }

    fn from_fields(f: &Fields) -> Option<Self> {
        let head = Self {
            owner: f.get(2)?.into(),
            number: f.get(3)?.parse().ok()?,
            first: f.get(4)?.parse().ok()?,
            size: f.get(5)?.parse().ok()?,
            salt: u64::from_str_radix(f.get(6)?, 16).ok()?,
        };
        (1..=head.number).contains(&head.first).then_some(head)
    }

    fn checksum(&self, batch: u64, records: &[u8]) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&self.salt.to_be_bytes());
        hasher.update(&batch.to_be_bytes());
        hasher.update(records);
        hasher.finalize()
    }

    /// Returns the commit mark of a batch, its LF included.
    pub fn mark(&self, batch: u64, records: &[u8]) -> String {
        format!("{COMMIT};{batch};{};{:08x}\n", records.len(), self.checksum(batch, records))
    }
}

/// A whole batch: its commit mark fits.
pub(super) struct Batch<'a> {
    pub number: u64,
    /// Offset of its first record.
    pub start: usize,
    pub records: &'a [u8],
    /// Offset of what follows its commit mark.
    pub end: usize,
}

/// Returns the batch that begins at an offset, if it is whole.
pub(super) fn batch_at<'a>(head: &Head, content: &'a [u8], start: usize) -> Option<Batch<'a>> {
    batch_before(head, content, next_mark(content, start)?).filter(|batch| batch.start == start)
}

/// Returns the number of a whole batch anywhere after an offset that is higher than `above`: proof that what
/// is broken at that offset was once synced.
pub(super) fn any_batch_behind(head: &Head, content: &[u8], start: usize, above: u64) -> Option<u64> {
    let marks = std::iter::successors(next_mark(content, start), |at| next_mark(content, line_end(content, *at) + 1));
    let mut batches = marks.filter_map(|at| batch_before(head, content, at));
    batches.find(|batch| batch.start >= start && batch.number > above).map(|batch| batch.number)
}

/// Checks that the broken batch at an offset, the last one, was once written in full: its commit mark exists, and
/// none of its sectors is still as it was before. A disk writes a sector whole or not at all, so a write that was
/// interrupted leaves either no mark or such a sector.
pub(super) fn was_written(head: &Head, content: &[u8], start: usize, number: u64) -> bool {
    let batch = content.get(start..).unwrap_or_default();
    let Some(batch) = mark_end(head, batch, number).and_then(|end| batch.get(..end)) else { return false };
    let (first, others) = batch.split_at((SECTOR - start % SECTOR).min(batch.len()));
    let is_written = |sector: &[u8]| sector.iter().any(|byte| !matches!(byte, b'\n' | 0));
    is_written(first) && others.chunks(SECTOR).all(is_written)
}

/// Returns the end of the commit mark of a broken batch: the mark is whole, or what it says about the records fits.
fn mark_end(head: &Head, batch: &[u8], number: u64) -> Option<usize> {
    if let Some(at) = memmem::rfind(batch, format!("{COMMIT};{number};").as_bytes()) {
        let end = at + format!("{COMMIT};{number};{at};").len() + CHECKSUM_DIGITS;
        let fits = batch.get(at..)?.starts_with(format!("{COMMIT};{number};{at};").as_bytes());
        let is_complete = batch.get(at..end)?.iter().all(|byte| *byte != b'\n');
        if fits && is_complete {
            return Some(end);
        }
    }
    let end = batch.iter().rposition(|byte| *byte != b'\n')? + 1;
    let at = memrchr(b'\n', batch.get(..end)?).map_or(0, |feed| feed + 1);
    let checksum = format!("{:08x}", head.checksum(number, batch.get(..at)?));
    batch.get(at..end)?.ends_with(checksum.as_bytes()).then_some(end)
}

/// Returns the whole batch that a commit mark at this offset ends.
fn batch_before<'a>(head: &Head, content: &'a [u8], at: usize) -> Option<Batch<'a>> {
    let line = content.get(at..line_end(content, at))?;
    let fields = Fields::parse(line).ok()?;
    let number = fields.get(1)?.parse().ok()?;
    let bytes = fields.get(2)?.parse::<usize>().ok()?;
    let start = at.checked_sub(bytes)?;
    let records = content.get(start..at)?;
    // Written again and compared, so that a mark has one form only.
    let mark = head.mark(number, records);
    let is_whole = content.get(at..)?.starts_with(mark.as_bytes());
    is_whole.then_some(Batch { number, start, records, end: at + mark.len() })
}

/// Returns the offset of the first commit mark at or after the beginning of a line.
fn next_mark(content: &[u8], line: usize) -> Option<usize> {
    let mut at = line;
    while !content.get(at..)?.starts_with(COMMIT.as_bytes()) {
        at += memchr(b'\n', content.get(at..)?)? + 1;
    }
    Some(at)
}

/// Returns the offset of the LF that ends the line at an offset, or the content's length.
fn line_end(content: &[u8], at: usize) -> usize {
    let rest = content.get(at..).unwrap_or_default();
    memchr(b'\n', rest).map_or(content.len(), |length| at + length)
}
