//! History files: one a conversation, its messages in order, rows never change. A clean-up replaces a file by one without
//! the old rows, and without the texts that were taken back (`clean_up.rs`).
//!
//! Checkpoints alone write them. Readers read only up to the length that a finished checkpoint has recorded: they
//! need no lock and never meet half a row.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crc32fast::Hasher;

use super::data_directory::Store;
use super::error::StoreError;
use crate::disk::File;
use crate::limits;
use crate::model::{Message, Seq};
use crate::record::{Fields, Writer, end_with_checksum, without_checksum};
use crate::state_machine::{Conversation, ConversationId, HistoryPrefix, Participants, StoredState};

const COLUMNS: &str = "seq;id;from;to;at;text;checksum\n";

/// Longer than any row: the log's record of a message has all that its row has, and more room.
pub(super) const MAX_ROW_BYTES: u64 = limits::RECORD_BYTES as u64;

/// Returns the two lines that a file begins with.
pub(super) fn head(id: ConversationId, participants: &Participants) -> Vec<u8> {
    let mut head = format!("wachat-history;1;{id};{participants}").into_bytes();
    end_with_checksum(&mut head, 0);
    head.extend_from_slice(COLUMNS.as_bytes());
    head
}

/// Files that are written before the first of them is synced, so that the disk writes them together. More are synced all at
/// once, where the disk can do that.
const MAX_OPEN_FILES: usize = 64;

impl Store {
    /// Appends the rows of the state machine to the history files, durably. Bytes in a file past the length that
    /// the last checkpoint recorded were left by one that did not finish, and are cut off.
    pub(super) fn append_history(
        &self,
        state: &StoredState,
    ) -> Result<Vec<(ConversationId, HistoryPrefix)>, StoreError> {
        let mut filed = Vec::new();
        let pending = state.pending_history().collect::<Vec<_>>();
        let directory = self.history_directory();
        self.create_dir(&directory)?;
        let all = if pending.len() > MAX_OPEN_FILES { self.disk.open_to_sync(&directory) } else { Ok(None) };
        let all = all.map_err(StoreError::io(&directory))?;
        for some in pending.chunks(MAX_OPEN_FILES) {
            let mut files = Vec::new();
            for (id, before, rows) in some {
                let (file, prefix) = self.append_rows(*id, head(*id, &state.participants(*id)), *before, rows)?;
                let erased = state.conversation(*id).and_then(Conversation::erased_by_filing);
                filed.push((*id, HistoryPrefix { erased_upto: erased.unwrap_or(before.erased_upto), ..prefix }));
                files.push((file, before.bytes..prefix.bytes));
            }
            if all.is_some() {
                continue;
            }
            files.iter().for_each(|(file, range)| file.begin_sync(range.start, range.end - range.start));
            // Through the descriptors that wrote: one that is opened later may miss a failed write.
            for ((file, _), (id, before, _)) in files.iter().zip(some) {
                file.sync().map_err(StoreError::io(&self.history_path(*id, before.rewritten)))?;
            }
        }
        all.map_or(Ok(()), |all| all.sync_all()).map_err(StoreError::io(&directory))?;
        self.sync_dir(&directory)?;
        Ok(filed)
    }

    fn append_rows(
        &self,
        id: ConversationId,
        head: Vec<u8>,
        before: HistoryPrefix,
        rows: &[Arc<Message>],
    ) -> Result<(Arc<dyn File>, HistoryPrefix), StoreError> {
        let path = self.history_path(id, before.rewritten);
        let (file, mut bytes) = if before.bytes == 0 {
            (self.create_file(&path)?, head)
        } else {
            (self.open_for_appending(&path, &head, before.bytes)?, Vec::new())
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
        let rows = before.rows + rows.len() as u64;
        let checksum = checksum.finalize();
        Ok((file, HistoryPrefix { bytes, checksum, upto, rows, ..before }))
    }

    /// Opens a history file and gives it this length. Where rows are lost, other bytes take their place, so that the
    /// checkpoint is not held up: readers see damaged lines there.
    fn open_for_appending(&self, path: &Path, head: &[u8], length: u64) -> Result<Arc<dyn File>, StoreError> {
        let file = match self.disk.open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let file = self.create_file(path)?;
                file.write_at(head, 0).map_err(StoreError::io(path))?;
                file
            }
            file => file.map_err(StoreError::io(path))?,
        };
        let len = file.len().map_err(StoreError::io(path))?;
        if len > length {
            file.set_len(length).map_err(StoreError::io(path))?;
        } else if len < length {
            log::error!(
                "{}: the file had {len} of {length} bytes: its lost rows are served as damaged",
                path.display()
            );
            file.write_at(b"\n", length - 1).map_err(StoreError::io(path))?;
        }
        Ok(file)
    }

    pub(super) fn history_path(&self, id: ConversationId, rewritten: u32) -> PathBuf {
        self.history_directory().join(file_name(id, rewritten) + ".csv")
    }
}

/// Returns the name of a conversation's history file without `.csv`: `room-0`, and `room-0.2` when it was rewritten twice.
pub(super) fn file_name(id: ConversationId, rewritten: u32) -> String {
    if rewritten == 0 { id.to_string() } else { format!("{id}.{rewritten}") }
}

/// Reads the name as [`file_name`] makes it.
pub(super) fn parse_file_name(name: &str) -> Option<(ConversationId, u32)> {
    let (id, rewritten) = name.split_once('.').unwrap_or((name, "0"));
    let id = ConversationId::parse(id)?;
    let rewritten = rewritten.parse().ok()?;
    (file_name(id, rewritten) == name).then_some((id, rewritten))
}

/// Writes a row: the record of a message, and a checksum over it.
pub(super) fn write_row(m: &Message, out: &mut Vec<u8>) {
    let start = out.len();
    let mut w = Writer::new(out);
    m.write_stored(w.plain(m.seq));
    end_with_checksum(out, start);
}

/// Reads a line of a history file with its LF; `None` if it is not a row of this conversation as it was written.
pub(super) fn read_row(line: &[u8], participants: &Participants) -> Option<Message> {
    let fields = Fields::parse(without_checksum(line)?).ok()?;
    // Numbers begin at 1.
    let seq = Seq::parse(fields.get(0)?).filter(|seq| *seq > Seq::ZERO)?;
    let message = Message::from_stored(&fields, seq, 1)?;
    participants.includes(&message).then_some(message)
}
