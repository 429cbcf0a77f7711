//! Reads segments back and replays every whole batch, in order. What follows the last one may be a torn tail: a
//! batch that was being written when the process ended. Nothing depended on it, since its sync had not returned: its
//! commit mark is missing, or at least one of its sectors.
//! Everything else that is not as it was written is damage. Reading changes nothing.
//!
//! One thread reads the segments and parses their records, another one applies them: each takes about half of the time.

use std::fmt;
use std::io;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{Builder, yield_now};

use crossbeam_channel::bounded;
use memchr::memchr_iter;

use super::error::{WalError, missing_or_io};
use super::format::{Head, HeadError, any_batch_behind, batch_at, was_written};
use super::location::Location;
use super::segment::Segment;
use crate::disk::{self, Disk, File};

/// Segments that are parsed before they are applied, at most.
const SEGMENTS_AHEAD: usize = 2;

/// Records that are applied before others may have the processor: while a checkpoint replays them, the router may wait for it,
/// and the scheduler would let it wait for some milliseconds.
const RECORDS_A_TURN: usize = 64;

/// The receiver of the records of a log. Errors say why a record is none of this log.
pub trait Replay {
    type Record: Send;

    /// Parses a line without its LF, on the thread that reads.
    fn parse(line: &[u8]) -> Result<Self::Record, String>;

    fn apply(&mut self, line: &[u8], record: Self::Record) -> Result<(), String>;
}

/// A function parses and applies a line at once.
impl<F: FnMut(&[u8]) -> Result<(), String>> Replay for F {
    type Record = ();

    fn parse(_: &[u8]) -> Result<(), String> {
        Ok(())
    }

    fn apply(&mut self, line: &[u8], (): ()) -> Result<(), String> {
        self(line)
    }
}

/// Opens a segment: for reading, or for writing as well.
pub(super) type Open = fn(&(dyn Disk + 'static), &Path) -> io::Result<Arc<dyn File>>;

/// The last batch of a log, where it is not whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornTail {
    pub file: PathBuf,
    /// The line where it begins, counted from 1.
    pub line: u64,
    pub batch: u64,
    pub bytes: usize,
    /// The file that its bytes were moved to; `None` if nothing was changed.
    pub moved_to: Option<PathBuf>,
}

impl fmt::Display for TornTail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, batch, bytes, moved_to } = self;
        write!(f, "{} line {line}: batch {batch} is torn: the process ended while it was written, ", file.display())?;
        write!(f, "and nothing depended on it yet")?;
        match moved_to {
            Some(copy) => write!(f, "; its {bytes} bytes are now in {}", copy.display()),
            None => Ok(()),
        }
    }
}

/// A segment that was read.
pub(super) struct ReadSegment {
    /// It ends after its last whole batch.
    pub segment: Segment,
    /// Offset of the last whole batch, and its bytes with the commit mark.
    pub last_batch: Option<(u64, Vec<u8>)>,
    /// The bytes after it, without the line feeds up to the segment's end.
    pub torn: Vec<u8>,
    /// The number of the line after the last whole batch.
    line: u64,
    /// The number of the batch that comes next.
    next_batch: u64,
}

impl ReadSegment {
    /// Checks that nothing was written after the head.
    pub fn is_empty(&self) -> bool {
        self.last_batch.is_none() && self.torn.is_empty()
    }

    /// Describes the torn tail, if there is one.
    pub fn torn_tail(&self) -> Option<TornTail> {
        let file = self.segment.path.clone();
        let bytes = self.torn.len();
        (bytes > 0).then_some(TornTail { file, line: self.line, batch: self.next_batch, bytes, moved_to: None })
    }
}

/// Replays segments, the first of their batches being `batch`. Returns them, and the number of the batch that
/// comes next. Only the last segment that is not empty can end in a torn tail.
pub(super) fn replay_segments<R: Replay>(
    location: &Location,
    open: Open,
    numbers: RangeInclusive<u64>,
    batch: u64,
    replay: &mut R,
) -> Result<(Vec<ReadSegment>, u64), WalError> {
    let is_long = numbers.clone().nth(SEGMENTS_AHEAD).is_some();
    let (give, parsed) = bounded::<Parsed<R::Record>>(SEGMENTS_AHEAD);
    // A refused segment: applying one before it has failed.
    let read = move || read_segments(location, open, numbers, batch, R::parse, &|parsed| give.send(parsed).is_ok());
    let apply = || parsed.into_iter().map(|parsed| parsed.apply(replay)).collect::<Result<Vec<_>, _>>();
    let segments = if is_long { read_beside(location, read, apply)? } else { read().and_then(|()| apply())? };
    let next_batch = segments.last().map_or(batch, |segment| segment.next_batch);
    Ok((segments, next_batch))
}

/// Reads on a thread of its own, while this one applies.
fn read_beside<T>(
    location: &Location,
    read: impl FnOnce() -> Result<(), WalError> + Send,
    apply: impl FnOnce() -> Result<T, WalError>,
) -> Result<T, WalError> {
    std::thread::scope(|scope| {
        let reading = Builder::new().name("reading log".to_owned()).spawn_scoped(scope, read);
        let reading = reading.map_err(WalError::io(&location.directory))?;
        let applied = apply()?;
        reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok(applied)
    })
}

/// Reads segments, parses their records, and gives them on, unless that is refused.
fn read_segments<T>(
    location: &Location,
    open: Open,
    numbers: RangeInclusive<u64>,
    batch: u64,
    parse: Parse<T>,
    give: &dyn Fn(Parsed<T>) -> bool,
) -> Result<(), WalError> {
    let mut next_batch: u64 = batch;
    let mut torn: Option<TornTail> = None;
    for number in numbers {
        let content = Content::read(location, open, number)?;
        if let Some(TornTail { file, line, batch, .. }) = torn.take_if(|_| !content.is_fresh()) {
            let what = format!("batch {batch} is broken, and there are later ones in {}", content.path.display());
            return Err(WalError::Damaged { file, line, what });
        }
        let parsed = content.parse(next_batch, parse)?;
        next_batch = parsed.segment.next_batch;
        torn = parsed.segment.torn_tail().or(torn);
        if !give(parsed) {
            break;
        }
    }
    Ok(())
}

type Parse<T> = fn(&[u8]) -> Result<T, String>;

/// A segment whose records are parsed, and not yet applied.
struct Parsed<T> {
    bytes: Vec<u8>,
    /// The number of the line of each, and where it is.
    records: Vec<(u64, Range<usize>, T)>,
    segment: ReadSegment,
}

impl<T> Parsed<T> {
    fn apply(self, replay: &mut impl Replay<Record = T>) -> Result<ReadSegment, WalError> {
        let Self { bytes, records, segment } = self;
        for (index, (line, range, record)) in records.into_iter().enumerate() {
            if index % RECORDS_A_TURN == 0 {
                yield_now();
            }
            let applied = replay.apply(bytes.get(range).unwrap_or_default(), record);
            applied.map_err(|what| WalError::Damaged { file: segment.segment.path.clone(), line, what })?;
        }
        Ok(segment)
    }
}

/// The bytes of a segment whose head is good.
pub(super) struct Content {
    file: Arc<dyn File>,
    path: PathBuf,
    pub head: Head,
    pub bytes: Vec<u8>,
}

impl Content {
    pub fn read(location: &Location, open: Open, number: u64) -> Result<Self, WalError> {
        let path = location.segment(number);
        let file = open(&*location.disk, &path).map_err(missing_or_io(&path))?;
        let bytes = disk::read_all(&*file).map_err(WalError::io(&path))?;
        let head = check_head(location, number, &bytes)?;
        Ok(Self { file, path, head, bytes })
    }

    /// Checks that there are only line feeds after the head.
    fn is_fresh(&self) -> bool {
        self.bytes.get(self.head.len()..).is_none_or(|rest| rest.iter().all(|byte| *byte == b'\n'))
    }

    /// Parses the records of the whole batches, the first of them being `batch`.
    fn parse<T>(self, batch: u64, parse: Parse<T>) -> Result<Parsed<T>, WalError> {
        let damaged = |line, what| WalError::Damaged { file: self.path.clone(), line, what };
        let mut end = self.head.len();
        let mut line = 2;
        let mut next_batch = batch;
        let mut last = None;
        let mut records = Vec::new();
        while self.bytes.get(end).is_some_and(|byte| *byte != b'\n')
            && let Some(batch) = batch_at(&self.head, &self.bytes, end).filter(|batch| batch.number == next_batch)
        {
            yield_now();
            let mut start = batch.start;
            for record in lines(batch.records) {
                let range = start..start + record.len();
                start = range.end + 1;
                records.push((line, range, parse(record).map_err(|what| damaged(line, what))?));
                line += 1;
            }
            last = Some(batch.start);
            (end, next_batch, line) = (batch.end, next_batch + 1, line + 1);
        }
        let torn = without_feeds(self.bytes.get(end..).unwrap_or_default()).to_vec();
        if !torn.is_empty()
            && let Some(later) = any_batch_behind(&self.head, &self.bytes, end, next_batch)
        {
            return Err(damaged(line, format!("batch {next_batch} is broken, and batch {later} comes after it")));
        }
        if !torn.is_empty() && was_written(&self.head, &self.bytes, end, next_batch) {
            return Err(damaged(line, format!("batch {next_batch} is broken, and was written in full before")));
        }
        let last_batch = last.and_then(|start| Some((start as u64, self.bytes.get(start..end)?.to_vec())));
        let segment = Segment::new(self.file, self.path, self.head, end);
        Ok(Parsed { bytes: self.bytes, records, segment: ReadSegment { segment, last_batch, torn, line, next_batch } })
    }
}

/// Checks that a segment begins with this batch, as far as it can be seen: it may not exist, or its first batch may be about
/// to be written. Without this a checkpoint would cover a segment that has lost its last batches, and nobody could tell.
pub(super) fn expect_batch_first(location: &Location, number: u64, batch: u64) -> Result<(), WalError> {
    let content = match Content::read(location, <dyn Disk>::open_for_reading, number) {
        Err(WalError::Missing { .. }) => return Ok(()),
        content => content?,
    };
    match batch_at(&content.head, &content.bytes, content.head.len()) {
        Some(first) if first.number != batch => {
            let what = format!("it begins with batch {}, and batch {batch} comes next", first.number);
            Err(WalError::Damaged { file: content.path, line: 2, what })
        }
        _ => Ok(()),
    }
}

/// Splits records at their line feeds.
pub(super) fn lines(records: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    memchr_iter(b'\n', records)
        .map(move |end| records.get(std::mem::replace(&mut start, end + 1)..end).unwrap_or_default())
}

/// Cuts off the line feeds at the end.
pub(super) fn without_feeds(bytes: &[u8]) -> &[u8] {
    let length = bytes.iter().rposition(|byte| *byte != b'\n').map_or(0, |last| last + 1);
    bytes.get(..length).unwrap_or_default()
}

/// Reads a segment's head, and checks that it is the head of this segment and that the file has its length.
pub(super) fn check_head(location: &Location, number: u64, bytes: &[u8]) -> Result<Head, WalError> {
    let file = location.segment(number);
    let what = match Head::parse(bytes) {
        Err(HeadError::Newer) => return Err(WalError::Newer { file }),
        Err(HeadError::Damaged) => "not the first line of a WAL segment".to_owned(),
        Ok(head) if head.number != number || head.owner != location.owner => {
            format!("this is segment {} of {}", head.number, head.owner)
        }
        Ok(head) if head.size != bytes.len() as u64 => {
            format!("the segment has to have {} bytes and has {}", head.size, bytes.len())
        }
        Ok(head) => return Ok(head),
    };
    Err(WalError::Damaged { file, line: 1, what })
}
