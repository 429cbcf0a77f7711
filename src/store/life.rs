//! The life of one message, as a store knows it: for `wachat explain`. It reads the files beside a server that runs, and changes
//! nothing.

use std::sync::Arc;

use super::checkpoint::Loaded;
use super::data_directory::Store;
use super::error::{Problem, StoreError};
use super::history_file::Row;
use crate::model::{Message, MessageId, State, Timestamp, UserName};
use crate::protocol::reply::Status;
use crate::state_machine::{ConversationId, HistoryPrefix, Record, StoredState};
use crate::wal;

/// Attempts to read the files of a server that runs: it may replace a checkpoint, or write a batch, meanwhile.
const ATTEMPTS: usize = 3;

/// A message, and what became of it.
pub struct Life {
    pub message: Arc<Message>,
    /// Its changes in the write-ahead log, in its order.
    pub changes: Vec<Change>,
    /// Its state with each recipient now, by name. In a room: the members that were members then and still are.
    pub statuses: Vec<Status>,
    /// It is older than the checkpoint, so the log may not tell all that became of it.
    pub is_older: bool,
}

/// One recipient's message reached a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub user: UserName,
    pub state: State,
    pub at: Timestamp,
}

impl Store {
    /// Finds the messages with this id, which is unique for each sender only.
    pub fn lives(&self, id: &MessageId) -> Result<Vec<Life>, StoreError> {
        self.read_beside_a_server(|| self.read_lives(id))
    }

    /// Finds the messages whose ids begin so.
    pub fn messages_with(&self, start: &MessageId) -> Result<Vec<Arc<Message>>, StoreError> {
        self.read_beside_a_server(|| self.read_messages_with(start))
    }

    pub(super) fn read_beside_a_server<T>(&self, read: impl Fn() -> Result<T, StoreError>) -> Result<T, StoreError> {
        if !self.exists(&self.directory)? || self.is_new()? {
            return Err(Problem::NoStore.at(&self.directory));
        }
        for _ in 1..ATTEMPTS {
            let checkpoint = self.newest_checkpoint()?;
            if let Ok(found) = read()
                && self.newest_checkpoint()? == checkpoint
            {
                return Ok(found);
            }
        }
        read()
    }

    fn read_messages_with(&self, start: &MessageId) -> Result<Vec<Arc<Message>>, StoreError> {
        let Loaded { state, segment, next_batch, .. } = self.load_newest()?;
        let begins = |id: &MessageId| id.as_str().starts_with(start.as_str());
        let mut found = Vec::new();
        for (conversation, filed) in state.filed_conversations() {
            found.extend(self.filed_messages(&state, conversation, filed, &begins)?);
        }
        wal::inspect(&self.wal(state.store.clone()), segment, next_batch, &mut |line: &[u8]| {
            if let Some((_, Record::Message(message))) = Record::parse(line)
                && begins(&message.id)
            {
                found.push(message);
            }
            Ok(())
        })?;
        Ok(found)
    }

    fn read_lives(&self, id: &MessageId) -> Result<Vec<Life>, StoreError> {
        let Loaded { mut state, segment, next_batch, .. } = self.load_newest()?;
        let mut lives = self.filed_lives(&state, id)?;
        let location = self.wal(state.store.clone());
        wal::inspect(&location, segment, next_batch, &mut |line: &[u8]| {
            state.replay(line).map_err(|error| error.to_string())?;
            note(line, id, &state, &mut lives);
            Ok(())
        })?;
        Ok(lives)
    }

    /// Finds the messages that the checkpoint covers: they are in the history files.
    fn filed_lives(&self, state: &StoredState, id: &MessageId) -> Result<Vec<Life>, StoreError> {
        let mut lives = Vec::new();
        for (conversation, filed) in state.filed_conversations() {
            let found = self.filed_messages(state, conversation, filed, &|known| known == id)?;
            lives.extend(found.into_iter().map(|message| Life::new(message, state, true)));
        }
        lives.sort_by_key(|life| life.message.seq);
        Ok(lives)
    }

    fn filed_messages(
        &self,
        state: &StoredState,
        conversation: ConversationId,
        filed: HistoryPrefix,
        is_wanted: &dyn Fn(&MessageId) -> bool,
    ) -> Result<Vec<Arc<Message>>, StoreError> {
        let text_goes = |message: &Message| state.is_erased_in(conversation, message);
        let participants = state.participants(conversation);
        let Some(file) = self.history(conversation, &participants, filed)? else { return Ok(Vec::new()) };
        let mut rows = file.newest_first(None)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next_row()? {
            if let Row::Message(message) = row
                && is_wanted(&message.id)
            {
                found.push(if text_goes(&message) { Arc::new(message.erased()) } else { message });
            }
        }
        Ok(found)
    }
}

/// Notes what a record of the log, which was applied to the state, has changed.
fn note(line: &[u8], id: &MessageId, state: &StoredState, lives: &mut Vec<Life>) {
    match Record::parse(line) {
        Some((_, Record::Message(message))) if message.id == *id => lives.push(Life::new(message, state, false)),
        Some((_, Record::Acknowledged { at, .. } | Record::Read { at, .. })) => {
            lives.iter_mut().for_each(|life| life.note_change(state, at));
        }
        Some((_, Record::Erased { .. })) => lives.iter_mut().for_each(|life| life.note_erased(state)),
        // Members are no recipients any more.
        Some((
            _,
            Record::Leave { .. } | Record::Kicked { .. } | Record::Removed { .. } | Record::RoomRemoved { .. },
        )) => {
            lives.iter_mut().for_each(|life| life.statuses = state.statuses_of(&life.message));
        }
        _ => {}
    }
}

impl Life {
    fn new(message: Arc<Message>, state: &StoredState, is_older: bool) -> Self {
        let statuses = state.statuses_of(&message);
        Self { message, changes: Vec::new(), statuses, is_older }
    }

    fn note_erased(&mut self, state: &StoredState) {
        if state.is_erased(&self.message) {
            self.message = Arc::new(self.message.erased());
        }
    }

    fn note_change(&mut self, state: &StoredState, at: Timestamp) {
        let now = state.statuses_of(&self.message);
        let had = |user: &UserName| self.statuses.iter().find(|status| status.user == *user).map(|status| status.state);
        let changed = now.iter().filter(|status| had(&status.user).is_some_and(|had| had != status.state));
        self.changes.extend(changed.map(|status| Change { user: status.user.clone(), state: status.state, at }));
        self.statuses = now;
    }
}
