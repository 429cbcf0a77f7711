//! Verifies a history file, every byte and every row of it, in memory of a fixed size.

use std::path::PathBuf;
use std::sync::Arc;

use crc32fast::Hasher;
use memchr::memchr;

use super::cross_check::CrossCheck;
use super::history::{head, read_row, write_row};
use super::{Store, StoreError};
use crate::disk::File;
use crate::limits;
use crate::model::{Message, Seq};
use crate::state_machine::{ConversationRow, Participants};

/// Length of one read.
const BLOCK_BYTES: usize = 256 << 10;

impl Store {
    /// Checks a history file up to the length in the checkpoint. Returns the number of its rows.
    pub(super) fn check_history(
        &self,
        row: &ConversationRow,
        participants: &Participants,
        cross_check: &mut CrossCheck,
    ) -> Result<u64, StoreError> {
        let path = self.history_path(row.id);
        let file = self.open_file(&path)?;
        let len = file.len().map_err(StoreError::io(&path))?;
        if len < row.filed.bytes {
            let what = format!("the file has {len} bytes and should have {}", row.filed.bytes);
            return Err(StoreError::damaged(&path, 0, what));
        }
        let mut lines = Lines::new(file, path.clone(), row.filed.bytes);
        let rows = check_rows(&mut lines, row, participants, cross_check);
        // An error that names a row comes before the checksum.
        let (rows, checksum) = (rows?, lines.checksum.finalize());
        if checksum != row.filed.checksum {
            let what = "a byte among its rows was changed: the checksum does not fit, though each row can be read";
            return Err(StoreError::damaged(&path, 0, what));
        }
        Ok(rows)
    }
}

fn check_rows(
    lines: &mut Lines,
    row: &ConversationRow,
    participants: &Participants,
    cross_check: &mut CrossCheck,
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
        let message = message.ok_or_else(|| lines.damaged("not a row of a history"))?;
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
        cross_check.compare(&message).map_err(|what| lines.damaged(what))?;
        last = message.seq;
    }
    if last == row.filed.upto {
        Ok(lines.number.saturating_sub(2))
    } else {
        Err(lines.damaged(format!("the last row is {last} and should be {}", row.filed.upto)))
    }
}

/// Checks that a row is in its one form: a line that reads as the same and is written otherwise was changed.
fn is_written_as(message: &Message, line: &[u8]) -> bool {
    let mut written = Vec::with_capacity(line.len() + 1);
    write_row(message, &mut written);
    written.strip_suffix(b"\n") == Some(line)
}

/// Reads the lines of the good part of a file, one after another, and their checksum.
struct Lines {
    file: Arc<dyn File>,
    path: PathBuf,
    end: u64,
    /// Offset in the file of the next read.
    at: u64,
    checksum: Hasher,
    buffer: Vec<u8>,
    /// Offset in the buffer of the next line.
    start: usize,
    /// The number of the last line that was returned, counted from 1.
    number: u64,
}

impl Lines {
    fn new(file: Arc<dyn File>, path: PathBuf, end: u64) -> Self {
        Self { file, path, end, at: 0, checksum: Hasher::new(), buffer: Vec::new(), start: 0, number: 0 }
    }

    /// Returns the next line, without its LF; `None` at the end.
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
                return Err(self.damaged("a row without its end"));
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
            return Err(StoreError::damaged(&self.path, 0, "the file became shorter while it was read"));
        }
        self.checksum.update(&block);
        self.at += len as u64;
        self.buffer.append(&mut block);
        Ok(())
    }

    /// Returns an error about the line that was returned last.
    fn damaged(&self, what: impl Into<String>) -> StoreError {
        StoreError::damaged(&self.path, self.number, what)
    }
}
