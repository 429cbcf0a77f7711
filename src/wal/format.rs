//! What a segment looks like: a head line, batches, and line feeds up to its end.

use std::sync::Arc;

use memchr::memchr;

use crate::record::{Fields, Writer};

const KIND: &str = "wachat-wal";
const VERSION: u64 = 1;
const COMMIT: &str = "COMMIT";

/// More than a commit mark ever takes.
pub(super) const MARK_BYTES: usize = 96;

/// The first line of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub store: Arc<str>,
    pub number: u64,
    /// Random, and part of every checksum: nobody who sends messages can write a text that looks
    /// like a commit mark of this segment, should a torn batch leave it at the start of a line.
    pub salt: u64,
}

pub(super) enum HeadError {
    Newer,
    Damaged,
}

impl Head {
    pub fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let salt = format!("{:016x}", self.salt);
        Writer::new(out).plain(KIND).plain(VERSION).plain(&self.store).plain(self.number).plain(salt);
        let checksum = crc32fast::hash(out.get(start..).unwrap_or_default());
        out.extend_from_slice(format!(";{checksum:08x}\n").as_bytes());
    }

    /// How many bytes the head takes.
    pub fn len(&self) -> u64 {
        let mut line = Vec::new();
        self.write(&mut line);
        line.len() as u64
    }

    /// Reads the first line, without its LF.
    pub fn parse(line: &[u8]) -> Result<Self, HeadError> {
        let fields = Fields::parse(line).map_err(|_| HeadError::Damaged)?;
        let version = fields.get(1).and_then(|v| v.parse::<u64>().ok());
        if fields.get(0) == Some(KIND) && version.is_some_and(|v| v > VERSION) {
            return Err(HeadError::Newer);
        }
        Self::from_fields(&fields).filter(|head| head.is_written_as(line)).ok_or(HeadError::Damaged)
    }

    fn from_fields(f: &Fields) -> Option<Self> {
        let salt = u64::from_str_radix(f.get(4)?, 16).ok()?;
        Some(Self { store: f.get(2)?.into(), number: f.get(3)?.parse().ok()?, salt })
    }

    /// The strictest check there is: the line says this and nothing else, its checksum included.
    fn is_written_as(&self, line: &[u8]) -> bool {
        let mut written = Vec::new();
        self.write(&mut written);
        written.strip_suffix(b"\n") == Some(line)
    }

    fn checksum(&self, batch: u64, lines: &[u8]) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&self.salt.to_be_bytes());
        hasher.update(&batch.to_be_bytes());
        hasher.update(lines);
        hasher.finalize()
    }

    /// The line that ends a batch, without its LF.
    pub fn mark(&self, batch: u64, lines: &[u8]) -> String {
        format!("{COMMIT};{batch};{};{:08x}", lines.len(), self.checksum(batch, lines))
    }
}

/// A whole batch.
pub(super) struct Batch<'a> {
    pub number: u64,
    pub lines: &'a [u8],
    /// Where what follows it begins.
    pub end: usize,
}

/// The batch that begins at this place, if there is a whole one.
pub(super) fn batch_at<'a>(head: &Head, content: &'a [u8], start: usize) -> Option<Batch<'a>> {
    let mut at = start;
    loop {
        let rest = content.get(at..)?;
        let line = &rest[..memchr(b'\n', rest)?];
        if line.starts_with(COMMIT.as_bytes()) {
            return marked(head, content, at, line).filter(|(from, _)| *from == start).map(|(_, batch)| batch);
        }
        at += line.len() + 1;
    }
}

/// The whole batch that a commit mark at this place ends, and where that batch begins.
fn marked<'a>(head: &Head, content: &'a [u8], at: usize, line: &[u8]) -> Option<(usize, Batch<'a>)> {
    let fields = Fields::parse(line).ok()?;
    let (number, bytes) = (fields.get(1)?.parse().ok()?, fields.get(2)?.parse::<usize>().ok()?);
    let start = at.checked_sub(bytes)?;
    let lines = content.get(start..at)?;
    // Written again and compared, so that a mark has one form only.
    let same = head.mark(number, lines).as_bytes() == line;
    same.then_some((start, Batch { number, lines, end: at + line.len() + 1 }))
}

/// A whole batch anywhere behind a place, with a number above `above`: proof that what is broken
/// at that place was once synced.
pub(super) fn any_batch_behind(head: &Head, content: &[u8], start: usize, above: u64) -> Option<u64> {
    let mut at = start;
    while let Some(rest) = content.get(at..).filter(|rest| !rest.is_empty()) {
        let line = &rest[..memchr(b'\n', rest).unwrap_or(rest.len())];
        if line.starts_with(COMMIT.as_bytes())
            && let Some((from, batch)) = marked(head, content, at, line)
            && from >= start
            && batch.number > above
        {
            return Some(batch.number);
        }
        at += line.len() + 1;
    }
    None
}
