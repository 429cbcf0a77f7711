//! History files: one a conversation, its messages in order, rows never change.
//!
//! Checkpoints alone write them. Readers read only up to the length that a finished checkpoint has recorded: they
//! need no lock and never meet half a row.

use std::path::PathBuf;
use std::sync::Arc;

use crc32fast::Hasher;

use super::{Store, StoreError};
use crate::disk::File;
use crate::model::{Message, Seq};
use crate::record::{Fields, Writer};
use crate::state_machine::{ConversationId, HistoryPrefix, Participants, StoredState};

const COLUMNS: &str = "seq;id;from;to;at;text\n";

/// Returns the two lines that a file begins with.
pub(super) fn head(participants: &Participants) -> String {
    format!("wachat-history;1;{participants}\n{COLUMNS}")
}

/// Files that are written before the first of them is synced, so that the disk writes them together.
const MAX_OPEN_FILES: usize = 64;

/// Length of one read while walking back.
const BLOCK_BYTES: u64 = 16 << 10;

impl Store {
    /// Appends the rows of the state machine to the history files, durably. Bytes in a file past the length that
    /// the last checkpoint recorded were left by one that did not finish, and are cut off.
    pub(super) fn append_history(
        &self,
        state: &StoredState,
    ) -> Result<Vec<(ConversationId, HistoryPrefix)>, StoreError> {
        let (mut filed, pending) = (Vec::new(), state.pending_history().collect::<Vec<_>>());
        for some in pending.chunks(MAX_OPEN_FILES) {
            let mut files = Vec::new();
            for (id, before, rows) in some {
                let (file, prefix) = self.append_rows(*id, &head(&state.participants(*id)), *before, rows)?;
                filed.push((*id, prefix));
                files.push(file);
            }
            // Through the descriptors that wrote: one that is opened later may miss a failed write.
            for (file, (id, ..)) in files.iter().zip(some) {
                file.sync().map_err(StoreError::io(&self.history_path(*id)))?;
            }
        }
        self.sync_dir(&self.history_directory())?;
        Ok(filed)
    }

    fn append_rows(
        &self,
        id: ConversationId,
        head: &str,
        before: HistoryPrefix,
        rows: &[Arc<Message>],
    ) -> Result<(Arc<dyn File>, HistoryPrefix), StoreError> {
        let path = self.history_path(id);
        let mut bytes = Vec::new();
        let file = if before.bytes == 0 {
            bytes.extend_from_slice(head.as_bytes());
            self.create_file(&path)?
        } else {
            let (file, len) = self.open_history(&path, before.bytes)?;
            if len > before.bytes {
                file.set_len(before.bytes).map_err(StoreError::io(&path))?;
            }
            file
        };
        for row in rows {
            write_row(row, &mut bytes);
        }
        file.write_at(&bytes, before.bytes).map_err(StoreError::io(&path))?;
        let upto = rows.last().map_or(before.upto, |row| row.seq);
        // The checksum is continued: the older part of the file is not read again.
        let mut checksum = Hasher::new_with_initial_len(before.checksum, before.bytes);
        checksum.update(&bytes);
        let bytes = before.bytes + bytes.len() as u64;
        Ok((file, HistoryPrefix { bytes, checksum: checksum.finalize(), upto }))
    }

    pub(super) fn history_path(&self, id: ConversationId) -> PathBuf {
        self.history_directory().join(format!("{id}.csv"))
    }

    /// Opens the history file of a conversation for reading, up to the recorded length; `None` if there is none yet.
    pub fn history(&self, id: ConversationId, filed: HistoryPrefix) -> Result<Option<HistoryFile>, StoreError> {
        if filed.bytes == 0 {
            return Ok(None);
        }
        let path = self.history_path(id);
        let file = self.open_file(&path)?;
        let mut history = HistoryFile { file, path, start: 0, end: filed.bytes };
        // Two lines of head come before the rows.
        for _ in 0..2 {
            history.start = history.line_end(history.start)?;
        }
        Ok(Some(history))
    }
}

pub(super) fn write_row(m: &Message, out: &mut Vec<u8>) {
    let mut w = Writer::new(out);
    w.plain(m.seq).plain(&m.id).plain(&m.from).plain(&m.to).plain(m.at).text(m.text.as_str()).end();
}

pub(super) fn read_row(line: &[u8]) -> Option<Message> {
    let f = Fields::parse(line).ok()?;
    Message::from_fields(&f, Seq::parse(f.get(0)?)?, 1, 5)
}

/// The good part of a history file, open for reading.
pub struct HistoryFile {
    file: Arc<dyn File>,
    path: PathBuf,
    /// Offset of the first row.
    start: u64,
    end: u64,
}

impl HistoryFile {
    /// Returns the rows below a number (without one, all), newest first.
    pub fn newest_first(&self, before: Option<Seq>) -> Result<Rows<'_>, StoreError> {
        let end = match before {
            Some(before) => self.position(before)?,
            None => self.end,
        };
        Ok(Rows { file: self, buffer: Vec::new(), from: end })
    }

    /// Returns the rows of these numbers, which rise. If one is missing, the file is damaged.
    pub fn rows(&self, seqs: &[Seq]) -> Result<Vec<Arc<Message>>, StoreError> {
        let Some((first, last)) = seqs.first().zip(seqs.last()) else { return Ok(Vec::new()) };
        let mut rows = Vec::new();
        for row in self.newest_first(Some(last.next()))? {
            let row = row?;
            if row.seq < *first {
                break;
            }
            if seqs.binary_search(&row.seq).is_ok() {
                rows.push(row);
            }
        }
        rows.reverse();
        if rows.len() == seqs.len() { Ok(rows) } else { Err(self.damaged(self.position(*first)?)) }
    }

    /// Returns the offset of the first row whose number is not below this one, by binary search.
    fn position(&self, number: Seq) -> Result<u64, StoreError> {
        let (mut low, mut high) = (self.start, self.end);
        // All rows that begin before `low` have a lower number; those from `high` on do not.
        while low < high {
            let middle = low + (high - low) / 2;
            // The first row that begins at `middle` or after it; there is a head before `start`.
            let row = self.line_end(middle - 1)?;
            if row < high && self.number_at(row)? < number {
                low = self.line_end(row)?;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    /// Returns the offset of the line after the one that this offset is in.
    fn line_end(&self, from: u64) -> Result<u64, StoreError> {
        let mut at = from;
        while at < self.end {
            let block = self.block(at, (at + 512).min(self.end))?;
            match block.iter().position(|byte| *byte == b'\n') {
                Some(feed) => return Ok(at + feed as u64 + 1),
                None => at += block.len() as u64,
            }
        }
        Ok(self.end)
    }

    fn number_at(&self, row: u64) -> Result<Seq, StoreError> {
        let block = self.block(row, (row + 20).min(self.end))?;
        let digits = block.split(|byte| *byte == b';').next().unwrap_or_default();
        std::str::from_utf8(digits).ok().and_then(Seq::parse).ok_or_else(|| self.damaged(row))
    }

    /// Reads all bytes between two offsets.
    fn block(&self, from: u64, to: u64) -> Result<Vec<u8>, StoreError> {
        let len = usize::try_from(to.saturating_sub(from)).unwrap_or(0);
        let mut block = vec![0; len];
        let read = self.file.read_at(&mut block, from).map_err(StoreError::io(&self.path))?;
        if read < len || len == 0 {
            return Err(self.damaged(from));
        }
        Ok(block)
    }

    fn damaged(&self, offset: u64) -> StoreError {
        StoreError::damaged(&self.path, 0, format!("at byte {offset} there should be a row"))
    }
}

/// The rows of a history file, newest first.
pub struct Rows<'a> {
    file: &'a HistoryFile,
    /// Bytes that were read and not returned yet; their end is the end of a row.
    buffer: Vec<u8>,
    /// Offset in the file of the buffer.
    from: u64,
}

impl Rows<'_> {
    fn next_row(&mut self) -> Result<Option<Arc<Message>>, StoreError> {
        loop {
            let ended = self.buffer.strip_suffix(b"\n").unwrap_or(&self.buffer);
            let row = match ended.iter().rposition(|byte| *byte == b'\n') {
                Some(feed) => feed + 1,
                None if self.from > self.file.start => {
                    self.read_more()?;
                    continue;
                }
                None => 0,
            };
            if self.buffer.is_empty() {
                return Ok(None);
            }
            let message = self.buffer.get(row..).and_then(|line| read_row(line.strip_suffix(b"\n").unwrap_or(line)));
            let message = message.ok_or_else(|| self.file.damaged(self.from + row as u64))?;
            self.buffer.truncate(row);
            return Ok(Some(Arc::new(message)));
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
    type Item = Result<Arc<Message>, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_row().transpose()
    }
}
