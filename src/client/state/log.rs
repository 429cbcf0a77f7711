//! One append-only file of records, in numbered batches. It knows what is durable and what is torn,
//! and nothing of what the records mean.
//!
//! ```text
//! wachat-outbox;1                  the kind of file and its version
//! <records of batch 1>
//! END;1;<checksum>                 the commit mark: number, and CRC-32 over number and records
//! <records of batch 2>
//! END;2;<checksum>
//! ```
//! A batch is written and synced before the next one is begun. So only the last one can be torn,
//! and a mark with a higher number behind broken bytes proves damage.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::LogError;
use crate::client::texts::words;
use crate::disk::{self, Disk, File};
use crate::record::{Fields, Writer};

const VERSION: &str = "1";
const MARK: &str = "END";

/// An open log. After any failed write or sync it takes nothing more: what reached the disk is
/// then known only to the next start.
pub struct Log {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    kind: &'static str,
    file: Arc<dyn File>,
    len: u64,
    next_batch: u64,
    closed: bool,
}

/// What an open found beside whole batches: the torn last one, and where it was set aside.
pub type Torn = Option<PathBuf>;

impl Log {
    /// Opens the file, or makes it, and hands each record of each whole batch to `replay`, which
    /// says whether it understood it. When this returns, all that was handed over is durable: it may
    /// have been in the machine's memory only.
    pub fn open(
        disk: Arc<dyn Disk>,
        path: PathBuf,
        kind: &'static str,
        replay: &mut dyn FnMut(&Fields) -> Option<()>,
    ) -> Result<(Self, Torn), LogError> {
        let at = |doing| LogError::io(&path, doing);
        if !disk.exists(&path).map_err(at(words::LOOK_FOR))? {
            replace(&*disk, &path, &header(kind))?;
        }
        let bytes = disk::read(&*disk, &path).map_err(at(words::READ))?;
        let start = check_header(&path, kind, &bytes)?;
        let whole = read_batches(&path, &bytes, start, replay)?;
        let file = disk.open(&path).map_err(at(words::OPEN))?;
        let torn = set_aside(&*disk, &path, &*file, &bytes, whole.len)?;
        // Had its sync failed in the program before this one, the system would show the last batch and have
        // forgotten that it is not on the disk: it is written once more.
        let last = bytes.get(whole.last..whole.len).unwrap_or_default();
        file.write_at(last, whole.last as u64).map_err(at(words::WRITE))?;
        file.sync().map_err(at(words::SYNC))?;
        sync_parent(&*disk, &path)?;
        let (len, next_batch) = (whole.len as u64, whole.next_batch);
        Ok((Self { disk, path, kind, file, len, next_batch, closed: false }, torn))
    }

    /// Adds one batch. When this returns it is durable.
    pub fn append(&mut self, records: &[u8]) -> Result<(), LogError> {
        if self.closed {
            return Err(LogError::Closed { path: self.path.clone() });
        }
        let batch = with_mark(self.next_batch, records);
        // Never tried again: after a failed sync the system may call lost pages clean.
        self.closed = true;
        self.file.write_at(&batch, self.len).map_err(LogError::io(&self.path, words::WRITE))?;
        self.file.sync().map_err(LogError::io(&self.path, words::SYNC))?;
        self.closed = false;
        self.len += batch.len() as u64;
        self.next_batch += 1;
        Ok(())
    }

    /// Puts a file with these records alone in this one's place, all or nothing.
    pub fn compact(&mut self, records: &[u8]) -> Result<(), LogError> {
        if self.closed {
            return Err(LogError::Closed { path: self.path.clone() });
        }
        let mut bytes = header(self.kind);
        bytes.extend(with_mark(1, records));
        self.closed = true;
        replace(&*self.disk, &self.path, &bytes)?;
        self.file = self.disk.open(&self.path).map_err(LogError::io(&self.path, words::OPEN))?;
        self.closed = false;
        self.len = bytes.len() as u64;
        self.next_batch = 2;
        Ok(())
    }

    /// From now on nothing is written: the program is about to end.
    pub fn close(&mut self) {
        self.closed = true;
    }
}

fn header(kind: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    Writer::new(&mut bytes).plain(kind).plain(VERSION).end();
    bytes
}

/// Says where the first batch begins.
fn check_header(path: &Path, kind: &str, bytes: &[u8]) -> Result<usize, LogError> {
    let line = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
    let fields = Fields::parse(line).map_err(|_| LogError::Damaged { path: path.into(), line: 1 })?;
    match (fields.get(0), fields.get(1)) {
        (Some(found), Some(VERSION)) if found == kind && bytes.starts_with(&header(kind)) => Ok(line.len() + 1),
        _ => Err(LogError::Version { path: path.into(), found: String::from_utf8_lossy(line).into_owned() }),
    }
}

/// Writes a whole file beside this one and renames it here: **the commit point** is the sync of
/// the directory.
fn replace(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), LogError> {
    let new = beside(path, "new");
    disk::write(disk, &new, bytes).map_err(LogError::io(&new, words::WRITE))?;
    disk.rename(&new, path).map_err(LogError::io(path, words::RENAME))?;
    sync_parent(disk, path)
}

fn sync_parent(disk: &dyn Disk, path: &Path) -> Result<(), LogError> {
    let parent = path.parent().unwrap_or(Path::new("."));
    disk.sync_dir(parent).map_err(LogError::io(parent, words::SYNC))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

fn with_mark(number: u64, records: &[u8]) -> Vec<u8> {
    let mut batch = records.to_vec();
    batch.extend(mark(number, checksum(number, records)));
    batch
}

fn mark(number: u64, checksum: u32) -> Vec<u8> {
    let mut mark = Vec::new();
    Writer::new(&mut mark).plain(MARK).plain(number).plain(format_args!("{checksum:08x}")).end();
    mark
}

fn checksum(number: u64, records: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&number.to_be_bytes());
    crc.update(records);
    crc.finalize()
}

/// A mark's number and checksum, if the line is one.
fn read_mark(line: &[u8]) -> Option<(u64, u32)> {
    let fields = line.starts_with(MARK.as_bytes()).then(|| Fields::parse(line).ok()).flatten()?;
    let is_mark = fields.get(0)? == MARK && fields.len() == 3;
    is_mark.then_some(())?;
    let (number, checksum) = (fields.get(1)?.parse().ok()?, u32::from_str_radix(fields.get(2)?, 16).ok()?);
    // Written again and compared, so that a mark has one form only.
    (mark(number, checksum).strip_suffix(b"\n") == Some(line)).then_some((number, checksum))
}

/// The part of a file that is whole batches.
struct Whole {
    /// Where the last of them begins.
    last: usize,
    len: usize,
    next_batch: u64,
    lines: u64,
}

fn read_batches(
    path: &Path,
    bytes: &[u8],
    start: usize,
    replay: &mut dyn FnMut(&Fields) -> Option<()>,
) -> Result<Whole, LogError> {
    let mut whole = Whole { last: start, len: start, next_batch: 1, lines: 1 };
    let mut records = 0;
    for line in bytes.get(start..).unwrap_or_default().split_inclusive(|b| *b == b'\n') {
        let batch = bytes.get(whole.len..whole.len + records).unwrap_or_default();
        records += line.len();
        let Some((number, found)) = line.strip_suffix(b"\n").and_then(read_mark) else { continue };
        if number != whole.next_batch {
            return Err(LogError::Damaged { path: path.into(), line: whole.lines + 1 });
        }
        // Of a broken batch, what follows tells whether it was the last: it must not be a later mark.
        if found == checksum(number, batch) {
            replay_batch(path, batch, &mut whole, replay)?;
            whole.last = whole.len;
            whole.len += records;
            whole.next_batch += 1;
            records = 0;
        }
    }
    Ok(whole)
}

fn replay_batch(
    path: &Path,
    records: &[u8],
    whole: &mut Whole,
    replay: &mut dyn FnMut(&Fields) -> Option<()>,
) -> Result<(), LogError> {
    for record in records.split_inclusive(|b| *b == b'\n') {
        whole.lines += 1;
        let fields = Fields::parse(record.strip_suffix(b"\n").unwrap_or(record)).ok();
        let understood = fields.and_then(|fields| replay(&fields));
        understood.ok_or_else(|| LogError::Damaged { path: path.into(), line: whole.lines })?;
    }
    whole.lines += 1;
    Ok(())
}

/// Copies what lies behind the last whole batch to a file of its own, and cuts it off.
fn set_aside(disk: &dyn Disk, path: &Path, file: &dyn File, bytes: &[u8], whole: usize) -> Result<Torn, LogError> {
    let torn = bytes.get(whole..).unwrap_or_default();
    if torn.is_empty() {
        return Ok(None);
    }
    let aside = disk::free_name(disk, |copy| beside(path, &format!("{copy}.broken")));
    let aside = aside.map_err(LogError::io(path, words::LOOK_BESIDE))?;
    disk::write(disk, &aside, torn).map_err(LogError::io(&aside, words::WRITE))?;
    sync_parent(disk, path)?;
    file.set_len(whole as u64).map_err(LogError::io(path, words::CUT))?;
    Ok(Some(aside))
}
