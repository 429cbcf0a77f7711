//! Removes old messages from the history files, and the texts that were taken back.
//!
//! A clean-up is part of a checkpoint, which covers the write-ahead log: afterwards no segment holds the messages
//! either. No file is changed in place. The rows that stay are copied into a new file of the conversation, durably; the
//! checkpoint that names it is the commit point; then the old file is removed. After a crash in between, the next start
//! removes the file that no checkpoint names.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use crc32fast::Hasher;

use super::check_history::Lines;
use super::data_directory::Store;
use super::error::{Problem, StoreError};
use super::history::{head, parse_file_name, read_row, write_row};
use super::retention::{CleanUp, Retention};
use crate::disk::File;
use crate::limits;
use crate::model::{Message, Seq, Timestamp};
use crate::state_machine::{ConversationId, HistoryPrefix, Participants, StoredState};

/// Bytes that a step counts for a file of which it reads the first row only.
const LOOK_BYTES: u64 = 4 << 10;

/// Length of one write.
const BLOCK_BYTES: usize = 256 << 10;

/// Result of one step of a clean-up.
#[derive(Default)]
pub(super) struct Cleaned {
    /// The valid prefixes of the new files.
    pub rewritten: Vec<(ConversationId, HistoryPrefix)>,
    /// The time of the last clean-up that was not refused.
    pub at: Option<Timestamp>,
    /// The conversation after which the next step begins; `None`: the clean-up is done.
    pub next: Option<ConversationId>,
}

/// A conversation whose old rows are to be removed, and texts that were taken back.
struct Task<'a> {
    state: &'a StoredState,
    id: ConversationId,
    participants: Participants,
    filed: HistoryPrefix,
    /// `None`: all rows stay.
    cutoff: Option<Timestamp>,
    /// Rows in the file have texts that were taken back.
    has_erased: bool,
}

impl Store {
    /// Does one step: copies what stays of some files into new ones. Every message has to be in a history file. `last`:
    /// the time of the clean-up before. A checkpoint does not fail because a step does.
    pub(super) fn clean_up(&self, state: &StoredState, clean_up: &CleanUp, last: Option<Timestamp>) -> Cleaned {
        let mut clean_up = *clean_up;
        if !clean_up.retention.is_for_ever()
            && let Some(why) = clean_up.refusal(state.newest_message_at(), last)
        {
            log::warn!("--keep removes nothing: {why}");
            clean_up.retention = Retention::default();
        }
        self.do_step(state, &clean_up, last).unwrap_or_else(|error| {
            log::error!("nothing leaves the history files: {error}");
            // The files that it has begun take space, and no checkpoint will name them.
            let _ = self.remove_replaced_history(state);
            Cleaned { at: last, ..Cleaned::default() }
        })
    }

    fn do_step(&self, state: &StoredState, clean_up: &CleanUp, last: Option<Timestamp>) -> Result<Cleaned, StoreError> {
        let mut conversations: Vec<_> = state.filed_conversations().collect();
        conversations.retain(|(id, _)| clean_up.after.is_none_or(|after| *id > after));
        conversations.sort_unstable_by_key(|(id, _)| *id);
        let at = if clean_up.retention.is_for_ever() { last } else { Some(clean_up.now) };
        let mut cleaned = Cleaned { at, ..Cleaned::default() };
        let mut bytes = 0;
        for (id, filed) in conversations {
            let cutoff = clean_up.cutoff(id);
            let has_erased = state.conversation(id).is_some_and(|here| here.unfiled_erasures() > 0);
            if cutoff.is_none() && !has_erased {
                continue;
            }
            let participants = state.participants(id);
            let rewritten = self.clean(&Task { state, id, participants, filed, cutoff, has_erased })?;
            bytes += if rewritten.is_some() { filed.bytes } else { LOOK_BYTES };
            cleaned.rewritten.extend(rewritten.map(|filed| (id, filed)));
            if bytes >= limits::CLEAN_UP_BYTES && !clean_up.is_last {
                cleaned.next = Some(id);
                break;
            }
        }
        self.sync_dir(&self.history_directory())?;
        Ok(cleaned)
    }

    /// Copies the rows of a conversation that stay into a new file, those that were taken back without their texts; `None` if
    /// all of them stay as they are. A damaged file is left as it is: of a damaged row the age is not known.
    fn clean(&self, task: &Task) -> Result<Option<HistoryPrefix>, StoreError> {
        let has_work = if task.has_erased { Ok(true) } else { self.has_old_row(task) };
        let rewritten = has_work.and_then(|has| has.then(|| self.rewrite(task)).transpose());
        match rewritten {
            Err(StoreError { path, problem: problem @ Problem::Damaged { .. } }) => {
                let what = StoreError { path, problem }.what();
                log::error!("{what}; its old messages, and texts that were taken back, stay until it is repaired");
                // The copy may have been begun.
                let _ = self.disk.remove_file(&self.history_path(task.id, task.filed.rewritten + 1));
                Ok(None)
            }
            rewritten => rewritten,
        }
    }

    fn has_old_row(&self, task: &Task) -> Result<bool, StoreError> {
        let mut rows = self.rows(task)?;
        while let Some(line) = rows.next_line()? {
            match line.row {
                Some(row) if line.is_old && task.stays(&row) => {}
                _ => return Ok(line.is_old),
            }
        }
        Ok(false)
    }

    fn rewrite(&self, task: &Task) -> Result<HistoryPrefix, StoreError> {
        let mut filed = task.filed;
        filed.rewritten += 1;
        let path = self.history_path(task.id, filed.rewritten);
        let file = self.create_file(&path)?;
        let mut copy = Copy { file, path, at: 0, checksum: Hasher::new(), block: head(task.id, &task.participants) };
        let mut rows = self.rows(task)?;
        while let Some(line) = rows.next_line()? {
            match line.row {
                Some(row) if line.is_old && !task.stays(&row) => {
                    filed.rows = filed.rows.saturating_sub(1);
                    filed.removed.count += 1;
                    filed.removed.upto = row.seq;
                }
                Some(row) if task.state.is_erased_in(task.id, &row) => copy.add_row(&row.erased())?,
                _ => copy.add(&line.bytes)?,
            }
        }
        rows.expect_checksum(task.filed.checksum)?;
        filed.erased_upto = task.last_erasure();
        (filed.bytes, filed.checksum) = copy.end()?;
        Ok(filed)
    }

    fn rows<'a>(&self, task: &'a Task) -> Result<Rows<'a>, StoreError> {
        let mut lines = self.history_lines(task.id, task.filed)?;
        for want in head(task.id, &task.participants).split_inclusive(|byte| *byte == b'\n') {
            if lines.next_line()?.is_none_or(|line| line != want) {
                return Err(lines.damaged("this is not the head of this conversation's file"));
            }
        }
        Ok(Rows { lines, task, is_past: task.cutoff.is_none() })
    }

    /// Removes the history files in whose place the state has others, or that a clean-up without a checkpoint has left.
    pub(super) fn remove_replaced_history(&self, state: &StoredState) -> Result<(), StoreError> {
        let directory = self.history_directory();
        let in_use: HashMap<_, _> = state.filed_conversations().collect();
        for name in self.list(&directory)? {
            let Some((id, rewritten)) = name.strip_suffix(".csv").and_then(parse_file_name) else { continue };
            if let Some(filed) = in_use.get(&id).filter(|filed| filed.rewritten != rewritten) {
                // A history thread may be about to open it.
                self.replaced.lock().insert(id, *filed);
                let path = directory.join(&name);
                self.disk.remove_file(&path).map_err(StoreError::io(&path))?;
            }
        }
        self.sync_dir(&directory)
    }
}

impl Task<'_> {
    fn stays(&self, row: &Message) -> bool {
        self.is_young(row) || self.state.is_undelivered(self.id, row.seq)
    }

    fn is_young(&self, row: &Message) -> bool {
        self.cutoff.is_none_or(|cutoff| row.at >= cutoff)
    }

    /// Returns the number of the last ERASED event of the conversation.
    fn last_erasure(&self) -> Seq {
        let erasures = self.state.conversation(self.id).and_then(|here| here.erasures.as_ref());
        erasures.and_then(|erasures| erasures.newest()).unwrap_or_default().max(self.filed.erased_upto)
    }
}

/// A line of a file; with its row, if that is old, or may have a text that was taken back.
struct Line {
    bytes: Vec<u8>,
    row: Option<Message>,
    is_old: bool,
}

/// The lines of a file. The rows up to the first one that is young enough are old. All after that one stay: a clock that
/// was wrong for a while removes nothing.
struct Rows<'a> {
    lines: Lines,
    task: &'a Task<'a>,
    is_past: bool,
}

impl Rows<'_> {
    fn next_line(&mut self) -> Result<Option<Line>, StoreError> {
        let Some(bytes) = self.lines.next_line()? else { return Ok(None) };
        if self.is_past && !self.task.has_erased {
            return Ok(Some(Line { bytes, row: None, is_old: false }));
        }
        let row = read_row(&bytes, &self.task.participants);
        let row = row.ok_or_else(|| self.lines.damaged("this is not a row as it was written"))?;
        self.is_past |= self.task.is_young(&row);
        Ok(Some(Line { bytes, row: Some(row), is_old: !self.is_past }))
    }

    fn expect_checksum(self, want: u32) -> Result<(), StoreError> {
        let path = self.lines.path.clone();
        if self.lines.checksum() == want {
            return Ok(());
        }
        Err(StoreError::damaged(&path, 0, "its checksum does not fit: wachat check says where"))
    }
}

/// A new file that is being written.
struct Copy {
    file: Arc<dyn File>,
    path: PathBuf,
    /// Length of what was written.
    at: u64,
    checksum: Hasher,
    block: Vec<u8>,
}

impl Copy {
    fn add(&mut self, line: &[u8]) -> Result<(), StoreError> {
        self.block.extend_from_slice(line);
        if self.block.len() >= BLOCK_BYTES { self.write() } else { Ok(()) }
    }

    fn add_row(&mut self, row: &Message) -> Result<(), StoreError> {
        let mut line = Vec::new();
        write_row(row, &mut line);
        self.add(&line)
    }

    fn write(&mut self) -> Result<(), StoreError> {
        self.file.write_at(&self.block, self.at).map_err(StoreError::io(&self.path))?;
        self.checksum.update(&self.block);
        self.at += self.block.len() as u64;
        self.block.clear();
        Ok(())
    }

    /// Makes the content durable; returns its length and checksum.
    fn end(mut self) -> Result<(u64, u32), StoreError> {
        self.write()?;
        self.file.sync().map_err(StoreError::io(&self.path))?;
        Ok((self.at, self.checksum.finalize()))
    }
}
