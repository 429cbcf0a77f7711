//! Reads a write-ahead log back: every whole batch is replayed, in order. A broken last batch was never
//! answered for and is set aside; anything else that is not as it was written is damage.

use std::sync::Arc;

use memchr::memchr_iter;

use super::format::{Head, HeadError, any_batch_behind, batch_at};
use super::segment::{Segment, fill};
use super::{Location, Wal, WalError, make_segment, segment_number, segments_above};
use crate::disk::{self, File};

/// What a recovery came to.
pub struct Recovered {
    pub wal: Wal,
    /// How many bytes the closed segments hold.
    pub closed_bytes: u64,
    /// The file that a broken last batch was copied to, where there was one, and what is to be said.
    pub set_aside: Option<String>,
}

/// What a segment's content came to.
struct Scan {
    head: Head,
    /// Where the last whole batch begins, if there is one.
    last: Option<usize>,
    /// The end of the last whole batch.
    end: usize,
    /// The line at which it ends.
    line: usize,
    /// The number of the batch that comes next.
    next: u64,
    broken: bool,
}

impl Scan {
    /// Whether there is anything behind the head.
    fn is_empty(&self) -> bool {
        self.line == 2 && !self.broken
    }
}

/// Takes a line (without its LF), or says why it cannot.
type Replay<'a> = dyn FnMut(&[u8]) -> Result<(), String> + 'a;

/// A segment that was read.
struct Found {
    segment: Segment,
    file: Arc<dyn File>,
    scan: Scan,
    /// The last whole batch, and where it begins.
    last: Option<(u64, Vec<u8>)>,
    /// What follows it, but for line feeds at the end.
    torn: Vec<u8>,
}

/// Replays all segments above `after`, the first of their batches being `batch`; then the write-ahead log
/// goes on where it ended. Segments up to `after` are removed: a checkpoint covers them.
pub fn recover(
    location: &Location,
    after: u64,
    batch: u64,
    segment_bytes: u64,
    replay: &mut Replay,
) -> Result<Recovered, WalError> {
    let count = tidy(location, after).map_err(WalError::io(&location.directory))?;
    let (found, next) = read_all(location, after + 1..=after + count, batch, replay)?;
    // Only now: had there been damage, nothing would have been changed.
    let torn = found.iter().find(|found| found.scan.broken).map(|torn| cut(location, torn));
    let set_aside = torn.transpose()?;
    let current = found.iter().rposition(|found| !found.scan.is_empty()).unwrap_or(0);
    if let Some(found) = found.get(current) {
        make_durable(found).map_err(WalError::io(&location.segment(found.scan.head.number)))?;
    }
    let closed_bytes = found.iter().take(current).map(|found| found.segment.end()).sum();
    let mut open = found.into_iter().map(|found| found.segment).skip(current);
    let segment = match open.next() {
        Some(segment) => segment,
        None => make_segment(location, after + 1, segment_bytes)?,
    };
    Ok(Recovered { wal: Wal::new(segment, open.next(), next), closed_bytes, set_aside })
}

/// What the write-ahead log holds, found by reading alone.
pub struct Inspected {
    pub segments: u64,
    /// What the segments take on the disk.
    pub bytes: u64,
    /// The number of the batch that comes next.
    pub next_batch: u64,
    /// What is to be said of a broken last batch, where there is one.
    pub torn: Option<String>,
}

/// Replays all segments above `after` as [`recover`] does, and changes nothing.
pub fn inspect(location: &Location, after: u64, batch: u64, replay: &mut Replay) -> Result<Inspected, WalError> {
    let segments = segments_above(&*location.disk, &location.directory, after);
    let last = segments.map_err(WalError::io(&location.directory))?.pop().unwrap_or(after);
    let (found, next_batch) = read_all(location, after + 1..=last, batch, replay)?;
    let torn = found.iter().find(|found| found.scan.broken).map(|found| {
        let (file, line) = (location.segment(found.scan.head.number), found.scan.line);
        format!(
            "{} line {line}: batch {next_batch} is broken: it was being written when the server ended, and was \
             answered to nobody",
            file.display()
        )
    });
    let bytes = found.iter().map(|found| found.segment.size()).sum();
    Ok(Inspected { segments: found.len() as u64, bytes, next_batch, torn })
}

/// Reads and replays segments, the first of their batches being `batch`. Returns them, and the number of
/// the batch that comes next.
fn read_all(
    location: &Location,
    segments: std::ops::RangeInclusive<u64>,
    batch: u64,
    replay: &mut Replay,
) -> Result<(Vec<Found>, u64), WalError> {
    let (mut found, mut next): (Vec<Found>, u64) = (Vec::new(), batch);
    for number in segments {
        let segment = read(location, number, next, found.last(), replay)?;
        next = segment.scan.next;
        found.push(segment);
    }
    Ok((found, next))
}

/// Reads and replays one segment. After a broken batch nothing more may come, here or in a later one.
fn read(
    location: &Location,
    number: u64,
    next: u64,
    before: Option<&Found>,
    replay: &mut Replay,
) -> Result<Found, WalError> {
    let path = location.segment(number);
    let file = location.disk.open(&path).map_err(missing_or_io(&path))?;
    let content = disk::read(&*location.disk, &path).map_err(WalError::io(&path))?;
    // What was read may be in the cache of a system that crashed before it was on the disk.
    file.sync().map_err(WalError::io(&path))?;
    let written = content.get(head_bytes(&content)..).is_some_and(|rest| rest.iter().any(|byte| *byte != b'\n'));
    if let Some(before) = before.filter(|before| before.scan.broken && written) {
        let what = format!("batch {} is broken, and there are later ones in {}", before.scan.next, path.display());
        return Err(WalError::Damaged { file: location.segment(number - 1), line: before.scan.line, what });
    }
    let scan = scan(location, number, &content, next, replay)?;
    let rest = content.get(scan.end..).unwrap_or_default();
    let torn = rest.iter().rposition(|byte| *byte != b'\n').map_or(0, |last| last + 1);
    let torn = rest.get(..torn).unwrap_or_default().to_vec();
    let segment = Segment::opened(file.clone(), path, scan.head.clone(), scan.end as u64, content.len() as u64);
    let last = scan.last.and_then(|start| Some((start as u64, content.get(start..scan.end)?.to_vec())));
    Ok(Found { segment, file, scan, last, torn })
}

/// Replays closed segments, for a checkpoint: `first` to `last`. Returns the number of the batch
/// that comes after them. Here a broken batch is damage.
pub fn replay_closed(
    location: &Location,
    segments: std::ops::RangeInclusive<u64>,
    batch: u64,
    replay: &mut Replay,
) -> Result<u64, WalError> {
    let mut next = batch;
    for number in segments {
        let path = location.segment(number);
        let content = disk::read(&*location.disk, &path).map_err(missing_or_io(&path))?;
        let scan = scan(location, number, &content, next, replay)?;
        if scan.broken {
            return Err(WalError::Damaged { file: path, line: scan.line, what: "a broken batch".to_owned() });
        }
        next = scan.next;
    }
    Ok(next)
}

fn missing_or_io(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> WalError + '_ {
    |error| match error.kind() {
        std::io::ErrorKind::NotFound => WalError::Missing { file: path.to_path_buf() },
        _ => WalError::io(path)(error),
    }
}

/// Removes what is covered by a checkpoint, and segments that were never finished. Returns how many
/// segments there are to read, were none missing.
fn tidy(location: &Location, after: u64) -> std::io::Result<u64> {
    let mut highest = after;
    for name in location.disk.list(&location.directory)? {
        match segment_number(&name) {
            Some(number) if number > after => highest = highest.max(number),
            Some(_) => location.disk.remove_file(&location.directory.join(name))?,
            None if name.ends_with(".new") => location.disk.remove_file(&location.directory.join(name))?,
            None => {}
        }
    }
    // The names of the segments that are left may not be durable yet.
    location.disk.sync_dir(&location.directory)?;
    Ok(highest - after)
}

/// Replays the whole batches of a segment.
fn scan(location: &Location, number: u64, content: &[u8], first: u64, replay: &mut Replay) -> Result<Scan, WalError> {
    let damaged = |line, what: String| WalError::Damaged { file: location.segment(number), line, what };
    let head = read_head(location, number, content)?;
    let mut scan = Scan { last: None, end: head_bytes(content), head, line: 2, next: first, broken: false };
    while content.get(scan.end).is_some_and(|byte| *byte != b'\n') {
        let Some(batch) = batch_at(&scan.head, content, scan.end).filter(|batch| batch.number == scan.next) else {
            break;
        };
        let mut start = 0;
        for end in memchr_iter(b'\n', batch.lines) {
            let line = batch.lines.get(start..end).unwrap_or_default();
            replay(line).map_err(|what| damaged(scan.line, what))?;
            (start, scan.line) = (end + 1, scan.line + 1);
        }
        scan.last = Some(scan.end);
        (scan.end, scan.next, scan.line) = (batch.end, scan.next + 1, scan.line + 1);
    }
    let rest = content.get(scan.end..).unwrap_or_default();
    scan.broken = rest.iter().any(|byte| *byte != b'\n');
    if scan.broken
        && let Some(later) = any_batch_behind(&scan.head, content, scan.end, scan.next)
    {
        let what = format!("batch {} is broken, and batch {later} comes after it", scan.next);
        return Err(damaged(scan.line, what));
    }
    Ok(scan)
}

fn head_bytes(content: &[u8]) -> usize {
    content.iter().position(|byte| *byte == b'\n').map_or(content.len(), |end| end + 1)
}

fn read_head(location: &Location, number: u64, content: &[u8]) -> Result<Head, WalError> {
    let file = location.segment(number);
    let line = content.get(..head_bytes(content)).unwrap_or_default();
    // Without its line feed, what is written next would be a part of it.
    let what = match line.strip_suffix(b"\n").ok_or(HeadError::Damaged).and_then(Head::parse) {
        Ok(head) if head.number == number && head.store == location.store => return Ok(head),
        Ok(head) => format!("this is segment {} of store {}", head.number, head.store),
        Err(HeadError::Newer) => return Err(WalError::Newer { file }),
        Err(HeadError::Damaged) => "not the first line of a WAL segment".to_owned(),
    };
    Err(WalError::Damaged { file, line: 1, what })
}

/// Writes the last whole batch once more. Should its sync have failed in the server before this one,
/// the system still shows it, but has forgotten that it is not on the disk, and a sync alone would not
/// put it there.
fn make_durable(found: &Found) -> std::io::Result<()> {
    if let Some((start, batch)) = &found.last {
        found.file.write_at(batch, *start)?;
    }
    found.file.sync()
}

/// Copies a broken last batch aside, durably, and then cuts it off. Returns what is to be said of it.
fn cut(location: &Location, found: &Found) -> Result<String, WalError> {
    let Found { scan, torn, .. } = found;
    let path = location.segment(scan.head.number);
    // A crash while this is done may bring us here again, with less left to see: that is another piece.
    let stem = format!("{:06}-batch-{}", scan.head.number, scan.next);
    let aside = disk::free_name(&*location.disk, |copy| location.directory.join(format!("{stem}-{copy}.broken")));
    let aside = aside.map_err(WalError::io(&location.directory))?;
    disk::write(&*location.disk, &aside, torn).map_err(WalError::io(&aside))?;
    location.disk.sync_dir(&location.directory).map_err(WalError::io(&location.directory))?;
    let filled = fill(&*found.file, scan.end as u64, (scan.end + torn.len()) as u64);
    filled.and_then(|()| found.file.sync()).map_err(WalError::io(&path))?;
    Ok(format!(
        "{} line {}: batch {} was being written when the server ended and was answered to nobody; its {} bytes are now in {}",
        path.display(),
        scan.line,
        scan.next,
        torn.len(),
        aside.display()
    ))
}
