//! Verifies a history file, every byte and every row of it, in memory of a fixed size.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;

use super::cross_check::CrossCheck;
use super::data_directory::Store;
use super::error::StoreError;
use super::history::{MAX_ROW_BYTES, head, read_row};
use super::prefix_reader::PrefixReader;
use crate::model::Seq;
use crate::record::without_checksum;
use crate::state_machine::{ConversationId, ConversationRow, HistoryPrefix, Participants};

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
        let mut lines = self.history_lines(row.id, row.filed)?;
        let path = lines.path.clone();
        let rows = check_rows(&mut lines, row, participants, cross_check);
        // An error that names a row comes before the checksum.
        let rows = rows?;
        if lines.checksum() != row.filed.checksum {
            let what = "its checksum in conversations.csv does not fit: a row is missing, or there twice";
            return Err(StoreError::damaged(&path, 0, what));
        }
        Ok(rows)
    }

    /// Opens a history file up to a length, to be read line by line.
    pub(super) fn history_lines(&self, id: ConversationId, filed: HistoryPrefix) -> Result<Lines, StoreError> {
        let path = self.history_path(id, filed.rewritten);
        let (file, _) = self.open_history(&path, filed.bytes)?;
        let reader = PrefixReader::new(file, HistoryPrefix::default(), filed.bytes);
        Ok(Lines { reader: BufReader::with_capacity(BLOCK_BYTES, reader), path, number: 0 })
    }
}

fn check_rows(
    lines: &mut Lines,
    row: &ConversationRow,
    participants: &Participants,
    cross_check: &mut CrossCheck,
) -> Result<u64, StoreError> {
    let head = head(row.id, participants);
    for want in head.split_inclusive(|byte| *byte == b'\n') {
        if lines.next_line()?.as_deref() != Some(want) {
            return Err(lines.damaged(format!("this should be {}", String::from_utf8_lossy(want).trim_end())));
        }
    }
    let mut last = Seq::ZERO;
    let mut erased = 0;
    while let Some(line) = lines.next_line()? {
        if without_checksum(&line).is_none() {
            return Err(lines.damaged("its checksum does not fit: this is not a row as it was written"));
        }
        let what = || lines.damaged("not a row of this conversation");
        let message = read_row(&line, participants).ok_or_else(what)?;
        if message.seq <= last {
            return Err(lines.damaged(format!("number {} comes after {last}", message.seq)));
        }
        if message.seq > row.filed.upto {
            return Err(lines.damaged(format!("number {} is past the last, {}", message.seq, row.filed.upto)));
        }
        cross_check.compare(row.id, &message).map_err(|what| lines.damaged(what))?;
        last = message.seq;
        erased += u64::from(message.text.is_erased());
        if erased > row.erased {
            let count = row.erased;
            return Err(lines.damaged(format!("a message that was taken back, and only {count} were")));
        }
    }
    if !cross_check.may_have_texts(row.id) && row.filed.removed.count == 0 && erased < row.erased {
        let count = row.erased;
        return Err(lines.damaged(format!("{count} messages were taken back, and {erased} of them have no text")));
    }
    let rows = lines.number.saturating_sub(2);
    // The row of the last message may be one that retention has removed.
    let ends_right = last == row.filed.upto || row.filed.upto == row.filed.removed.upto;
    if ends_right && rows == row.filed.rows {
        return Ok(rows);
    }
    let upto = row.filed.upto;
    let wanted = row.filed.rows;
    Err(lines.damaged(format!("the last of {rows} rows is {last}, and should be {upto}, the last of {wanted}")))
}

/// The lines of the valid prefix of a file, one after another.
pub(super) struct Lines {
    reader: BufReader<PrefixReader>,
    pub path: PathBuf,
    /// The number of the last line that was returned, counted from 1.
    number: u64,
}

impl Lines {
    /// Returns the next line, with its LF; `None` at the end.
    pub fn next_line(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        let mut line = Vec::new();
        let mut limited = self.reader.by_ref().take(MAX_ROW_BYTES);
        if limited.read_until(b'\n', &mut line).map_err(StoreError::io(&self.path))? == 0 {
            return Ok(None);
        }
        self.number += 1;
        Ok(Some(line))
    }

    /// Returns the checksum of what was read, once that is all.
    pub fn checksum(self) -> u32 {
        self.reader.into_inner().checksum()
    }

    /// Returns an error about the line that was returned last.
    pub fn damaged(&self, what: impl Into<String>) -> StoreError {
        StoreError::damaged(&self.path, self.number, what)
    }
}
