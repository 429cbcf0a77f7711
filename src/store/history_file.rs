//! Reads a history file, past what is damaged: each row is served only if its checksum fits, and what is lost between
//! two such rows is a range of numbers.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::data_directory::Store;
use super::error::StoreError;
use super::files::MISSING;
use super::history::{MAX_ROW_BYTES, head, read_row};
use crate::disk::File;
use crate::limits;
use crate::model::{Message, Seq};
use crate::state_machine::{ConversationId, HistoryPrefix, Participants};

/// Length of one read while walking back.
const BLOCK_BYTES: u64 = 16 << 10;

/// Length of the first read for the end of a line; a row is seldom longer.
const LINE_BYTES: u64 = 512;

/// Length of the part of a file that is searched row by row: a binary search within a long row reads it at each step.
const SEARCHED_BYTES: u64 = 4 << 10;

/// Places of damage that are remembered, so that each is logged once.
const REPORTED_PLACES: usize = 1_000;

type OpenFile = Option<Arc<dyn File>>;

/// The valid prefix of a history file, open for reading.
pub struct HistoryFile<'a> {
    store: &'a Store,
    /// `None`: the file is missing.
    file: OpenFile,
    path: PathBuf,
    participants: &'a Participants,
    /// Offset of the first row.
    start: u64,
    /// End of the last row that exists: below the recorded length if the file has become shorter.
    end: u64,
    filed: HistoryPrefix,
}

/// One result of reading a history file.
pub enum Row {
    Message(Arc<Message>),
    /// The rows of the messages with these numbers are damaged or missing.
    Damaged {
        first: Seq,
        last: Seq,
    },
}

impl Store {
    /// Opens the history file of a conversation for reading, up to the recorded length; `None` if there is none yet. Of a
    /// file that is missing all rows are damaged.
    pub fn history<'a>(
        &'a self,
        id: ConversationId,
        participants: &'a Participants,
        filed: HistoryPrefix,
    ) -> Result<Option<HistoryFile<'a>>, StoreError> {
        if filed.bytes == 0 {
            return Ok(None);
        }
        let (file, filed) = self.open_newest(id, filed)?;
        let path = self.history_path(id, filed.rewritten);
        let len = file.as_ref().map_or(Ok(0), |file| file.len()).map_err(StoreError::io(&path))?;
        let end = len.min(filed.bytes);
        let head = head(id, participants);
        let start = (head.len() as u64).min(end);
        let history = HistoryFile { store: self, file, path, participants, start, end, filed };
        if history.block(0, start)? != head {
            let is_missing = history.file.is_none();
            let what = if is_missing { MISSING } else { "its first two lines are not those of this conversation" };
            history.report(0, what);
        }
        Ok(Some(history))
    }

    /// Opens a history file, or the one that has taken its place meanwhile; `None`: it is missing.
    fn open_newest(
        &self,
        id: ConversationId,
        mut filed: HistoryPrefix,
    ) -> Result<(OpenFile, HistoryPrefix), StoreError> {
        loop {
            let path = self.history_path(id, filed.rewritten);
            match self.disk.open_for_reading(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    let newer = self.replaced.lock().get(&id).copied();
                    match newer.filter(|newer| newer.rewritten > filed.rewritten) {
                        Some(newer) => filed = newer,
                        None => return Ok((None, filed)),
                    }
                }
                file => return Ok((Some(file.map_err(StoreError::io(&path))?), filed)),
            }
        }
    }

    fn count_read(&self, bytes: usize) {
        self.history_read.fetch_add(bytes.max(limits::MIN_READ_BYTES), Ordering::Relaxed);
    }

    /// Checks that a damaged place of a history file was not logged before, and notes it.
    fn is_first_report(&self, path: &Path, offset: u64) -> bool {
        let mut reported = self.reported.lock();
        if reported.len() >= REPORTED_PLACES {
            reported.clear();
        }
        reported.insert((path.to_path_buf(), offset))
    }
}

impl HistoryFile<'_> {
    /// Returns the number up to which retention has removed messages, if it has done so after the prefix was noted that the
    /// file was opened with.
    pub fn removed_meanwhile(&self, opened_with: HistoryPrefix) -> Seq {
        let is_newer = self.filed.rewritten > opened_with.rewritten;
        if is_newer { self.filed.removed.upto } else { Seq::ZERO }
    }

    /// Returns the rows below a number (without one, all), newest first.
    pub fn newest_first(&self, before: Option<Seq>) -> Result<Rows<'_>, StoreError> {
        let end = before.map_or(Ok(self.end), |before| self.position(before))?;
        let last = before.map_or(Seq::LAST, Seq::before).min(self.filed.upto);
        let is_damaged = end == self.end && self.end < self.filed.bytes;
        if is_damaged {
            self.report(self.end, &format!("the file has {} bytes and should have {}", self.end, self.filed.bytes));
        }
        Ok(Rows { file: self, buffer: Vec::new(), from: end, last, is_damaged, next: None })
    }

    /// Returns the rows of these numbers, which rise; `None` for each that is damaged.
    pub fn rows(&self, seqs: &[Seq]) -> Result<Vec<Option<Arc<Message>>>, StoreError> {
        let mut found = vec![None; seqs.len()];
        let Some(last) = seqs.last() else { return Ok(found) };
        let mut rows = self.newest_first(Some(last.next()))?;
        let mut row = rows.next_message()?;
        for (seq, place) in seqs.iter().zip(&mut found).rev() {
            let begin = rows.from;
            while row.as_ref().is_some_and(|row| row.seq > *seq) {
                // Other rows lie between, such as the reader's own messages: these are not all read.
                if begin.saturating_sub(rows.from) > BLOCK_BYTES {
                    rows = self.newest_first(Some(seq.next()))?;
                }
                row = rows.next_message()?;
            }
            *place = row.clone().filter(|row| row.seq == *seq);
        }
        Ok(found)
    }

    /// Returns the offset of the first good row whose number is not below this one, by binary search and, at its end, row
    /// by row: damaged lines before it are below it.
    fn position(&self, number: Seq) -> Result<u64, StoreError> {
        let mut low = self.start;
        let mut high = self.end;
        // All good rows that begin before `low` have a lower number; those from `high` on do not.
        while low + SEARCHED_BYTES < high {
            let middle = low + (high - low) / 2;
            match self.good_row(middle, high)? {
                Some((_, end, row)) if row.seq < number => low = end,
                _ => high = middle,
            }
        }
        while let Some((begin, end, row)) = self.good_row(low, self.end)? {
            if row.seq >= number {
                return Ok(begin);
            }
            low = end;
        }
        Ok(self.end)
    }

    /// Returns the first good row that begins between two offsets: its offset, that of its end, and the row.
    fn good_row(&self, from: u64, to: u64) -> Result<Option<(u64, u64, Message)>, StoreError> {
        let mut begin = if from <= self.start { self.start } else { self.line_end(from - 1)? };
        while begin < to {
            let end = self.line_end(begin)?;
            if end - begin <= MAX_ROW_BYTES
                && let Some(row) = read_row(&self.block(begin, end)?, self.participants)
            {
                return Ok(Some((begin, end, row)));
            }
            begin = end;
        }
        Ok(None)
    }

    /// Returns the offset of the line after the one that this offset is in.
    fn line_end(&self, from: u64) -> Result<u64, StoreError> {
        let mut at = from;
        let mut length = LINE_BYTES;
        while at < self.end {
            let block = self.block(at, at.saturating_add(length).min(self.end))?;
            match memchr::memchr(b'\n', &block) {
                Some(feed) => return Ok(at + feed as u64 + 1),
                None => (at, length) = (at + block.len() as u64, (2 * length).min(BLOCK_BYTES)),
            }
        }
        Ok(self.end)
    }

    /// Reads all bytes between two offsets.
    fn block(&self, from: u64, to: u64) -> Result<Vec<u8>, StoreError> {
        let len = usize::try_from(to.saturating_sub(from)).unwrap_or(0);
        let mut block = vec![0; len];
        self.store.count_read(len);
        let read = self.file.as_ref().map_or(Ok(0), |file| file.read_at(&mut block, from));
        if read.map_err(StoreError::io(&self.path))? < len {
            let shorter = io::Error::other("the file became shorter while it was read");
            return Err(StoreError::io(&self.path)(shorter));
        }
        Ok(block)
    }

    /// Logs a damaged place, unless it was logged before.
    fn report(&self, offset: u64, what: &str) {
        if self.store.is_first_report(&self.path, offset) {
            let error = StoreError::damaged(&self.path, self.line_number(offset), what).what();
            log::error!("{error}; its messages are served as damaged; wachat check finds all damage");
        }
    }

    /// Returns the number of the line at an offset, counted from 1; 0 if it cannot be read.
    fn line_number(&self, offset: u64) -> u64 {
        let mut at = 0;
        let mut feeds = 0;
        while at < offset {
            let to = at.saturating_add(BLOCK_BYTES).min(offset);
            let Ok(block) = self.block(at, to) else { return 0 };
            feeds += memchr::memchr_iter(b'\n', &block).count() as u64;
            at = to;
        }
        feeds + 1
    }
}

/// The rows of a history file, newest first.
pub struct Rows<'a> {
    file: &'a HistoryFile<'a>,
    /// Bytes that were read and not returned yet; their end is the end of a line.
    buffer: Vec<u8>,
    /// Offset in the file of the buffer.
    from: u64,
    /// The highest number that the next row can have.
    last: Seq,
    /// There was damage since the last good row.
    is_damaged: bool,
    /// The good row below damage that was returned first.
    next: Option<Arc<Message>>,
}

impl Rows<'_> {
    pub(super) fn next_row(&mut self) -> Result<Option<Row>, StoreError> {
        while self.next.is_none() {
            match self.next_line()? {
                Some((_, Some(row))) if row.seq <= self.last => self.next = Some(Arc::new(row)),
                Some((offset, _)) => {
                    // One line for each damaged part.
                    if !std::mem::replace(&mut self.is_damaged, true) {
                        self.file.report(offset, "this is not a row as it was written");
                    }
                }
                None => break,
            }
        }
        let first = self.next.as_ref().map_or(Seq::ZERO, |row| row.seq).next();
        let last = self.last;
        if std::mem::take(&mut self.is_damaged) && first <= last {
            self.last = self.next.as_ref().map_or(Seq::ZERO, |row| row.seq);
            return Ok(Some(Row::Damaged { first, last }));
        }
        let row = self.next.take();
        self.last = row.as_ref().map_or(Seq::ZERO, |row| row.seq.before());
        Ok(row.map(Row::Message))
    }

    /// Returns the next row that is not damaged.
    fn next_message(&mut self) -> Result<Option<Arc<Message>>, StoreError> {
        loop {
            match self.next_row()? {
                Some(Row::Damaged { .. }) => {}
                Some(Row::Message(message)) => return Ok(Some(message)),
                None => return Ok(None),
            }
        }
    }

    /// Returns the offset of the line before those that were returned, and its row if it is good.
    fn next_line(&mut self) -> Result<Option<(u64, Option<Message>)>, StoreError> {
        loop {
            let ended = self.buffer.strip_suffix(b"\n").unwrap_or(&self.buffer);
            let begin = match memchr::memrchr(b'\n', ended) {
                Some(feed) => feed + 1,
                // No row is so long: the rest of this line is damaged, too.
                None if self.buffer.len() as u64 > MAX_ROW_BYTES => 0,
                None if self.from > self.file.start => {
                    self.read_more()?;
                    continue;
                }
                None if self.buffer.is_empty() => return Ok(None),
                None => 0,
            };
            let line = self.buffer.get(begin..).unwrap_or_default();
            let row = read_row(line, self.file.participants);
            self.buffer.truncate(begin);
            return Ok(Some((self.from + begin as u64, row)));
        }
    }

    fn read_more(&mut self) -> Result<(), StoreError> {
        let from = self.from.saturating_sub(BLOCK_BYTES).max(self.file.start);
        let mut block = self.file.block(from, self.from)?;
        block.append(&mut self.buffer);
        (self.buffer, self.from) = (block, from);
        Ok(())
    }
}

impl Iterator for Rows<'_> {
    type Item = Result<Row, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_row().transpose()
    }
}
