//! Verifies a history file, every byte and every row of it, in memory that does not grow with it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crc32fast::Hasher;
use memchr::memchr;

use super::cross_check::Known;
use super::history::{head, read_row, write_row};
use super::{Store, StoreError};
use crate::disk::File;
use crate::limits;
use crate::model::{Message, Seq};
use crate::state_machine::{ConversationRow, Participants};

/// What is read at once.
const BLOCK_BYTES: usize = 256 << 10;

impl Store {
    /// Reads a history file as far as the checkpoint knows it. Returns how many rows it has.
    pub(super) fn check_history(
        &self,
        row: &ConversationRow,
        participants: &Participants,
        known: &mut Known,
    ) -> Result<u64, StoreError> {
        let path = self.history_path(row.id);
        let file = self.disk.open(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => damaged(&path, 0, "the file is missing".to_owned()),
            _ => StoreError::io(&path)(error),
        })?;
        let len = file.len().map_err(StoreError::io(&path))?;
        if len < row.filed.bytes {
            return Err(damaged(&path, 0, format!("the file has {len} bytes and should have {}", row.filed.bytes)));
        }
        let mut lines = Lines::new(file, path.clone(), row.filed.bytes);
        let rows = check_rows(&mut lines, row, participants, known);
        // A row that is named says more than a checksum.
        let (rows, checksum) = (rows?, lines.checksum.finalize());
        if checksum != row.filed.checksum {
            let what = "a byte among its rows was changed: the checksum does not fit, though each row can be read";
            return Err(damaged(&path, 0, what.to_owned()));
        }
        Ok(rows)
    }
}

fn check_rows(
    lines: &mut Lines,
    row: &ConversationRow,
    participants: &Participants,
    known: &mut Known,
) -> Result<u64, StoreError> {
    let head = head(participants);
    for want in head.lines() {
        if lines.next_line()?.as_deref() != Some(want.as_bytes()) {
            return Err(lines.damaged(format!("this should be {want}")));
        }
    }
    let mut last = Seq::ZERO;
    while let Some(line) = lines.next_line()? {
        let message = read_row(&line).filter(|message| is_written_as(message, &line));
        let message = message.ok_or_else(|| lines.damaged("not a row of a history".to_owned()))?;
        if message.seq <= last {
            return Err(lines.damaged(format!("number {} comes after {last}", message.seq)));
        }
        if message.seq > row.filed.upto {
            return Err(lines.damaged(format!("number {} is past the last, {}", message.seq, row.filed.upto)));
        }
        if !participants.includes(&message) {
            let what = format!("{} to {}: not a row of this conversation", message.from, message.to);
            return Err(lines.damaged(what));
        }
        known.compare(&message).map_err(|what| lines.damaged(what))?;
        last = message.seq;
    }
    if last == row.filed.upto {
        Ok(lines.number.saturating_sub(2))
    } else {
        Err(lines.damaged(format!("the last row is {last} and should be {}", row.filed.upto)))
    }
}

/// A row has one form only: what reads as the same and is written otherwise was changed.
fn is_written_as(message: &Message, line: &[u8]) -> bool {
    let mut written = Vec::with_capacity(line.len() + 1);
    write_row(message, &mut written);
    written.strip_suffix(b"\n") == Some(line)
}

/// The lines of the good part of a file, one after another, and the checksum of what was read.
struct Lines {
    file: Arc<dyn File>,
    path: PathBuf,
    end: u64,
    /// Up to where the file was read.
    at: u64,
    checksum: Hasher,
    buffer: Vec<u8>,
    /// Where in the buffer the next line begins.
    start: usize,
    /// The number of the last line that was given, counted from 1.
    number: u64,
}

impl Lines {
    fn new(file: Arc<dyn File>, path: PathBuf, end: u64) -> Self {
        Self { file, path, end, at: 0, checksum: Hasher::new(), buffer: Vec::new(), start: 0, number: 0 }
    }

    /// The next line, without its LF; `None` at the end.
    fn next_line(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        let mut looked = 0;
        loop {
            let rest = self.buffer.get(self.start..).unwrap_or_default();
            if let Some(feed) = memchr(b'\n', rest.get(looked..).unwrap_or_default()) {
                let line = rest.get(..looked + feed).unwrap_or_default().to_vec();
                self.start += line.len() + 1;
                self.number += 1;
                return Ok(Some(line));
            }
            looked = rest.len();
            if self.at == self.end && looked == 0 {
                return Ok(None);
            }
            if self.at == self.end || looked > 2 * limits::RECORD_BYTES {
                self.number += 1;
                return Err(self.damaged("a row without its end".to_owned()));
            }
            self.read_more()?;
        }
    }

    fn read_more(&mut self) -> Result<(), StoreError> {
        self.buffer.drain(..self.start);
        self.start = 0;
        let len = usize::try_from(self.end - self.at).unwrap_or(BLOCK_BYTES).min(BLOCK_BYTES);
        let mut block = vec![0; len];
        let read = self.file.read_at(&mut block, self.at).map_err(StoreError::io(&self.path))?;
        if read < len {
            return Err(damaged(&self.path, 0, "the file became shorter while it was read".to_owned()));
        }
        self.checksum.update(&block);
        self.at += len as u64;
        self.buffer.append(&mut block);
        Ok(())
    }

    /// About the line that was given last.
    fn damaged(&self, what: String) -> StoreError {
        damaged(&self.path, self.number, what)
    }
}

fn damaged(file: &Path, line: u64, what: String) -> StoreError {
    StoreError::Damaged { file: file.to_path_buf(), line, what }
}
