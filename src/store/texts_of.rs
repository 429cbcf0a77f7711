//! Finds the messages of a user that have a text: for `wachat user erase`. It reads the files beside a server that runs, and
//! changes nothing.

use std::collections::BTreeSet;

use super::checkpoint::{Loaded, ReplayInto};
use super::data_directory::Store;
use super::error::StoreError;
use super::history_file::Row;
use crate::model::{Message, Seq, UserName};
use crate::state_machine::{Conversation, ConversationId, Participants, StoredState, Texts};
use crate::wal;

/// The messages of a user in a conversation, while they are counted.
#[derive(Default)]
struct Found {
    numbers: Option<(Seq, Seq)>,
    count: u64,
}

impl Found {
    fn add(&mut self, (first, last): (Seq, Seq), count: u64) {
        let (lowest, highest) = self.numbers.unwrap_or((first, last));
        self.numbers = Some((lowest.min(first), highest.max(last)));
        self.count += count;
    }
}

impl Store {
    /// Finds the messages of a user that have a text, by conversation. Where a history file is damaged, those that cannot be
    /// read are included, and not counted.
    pub fn texts_of(&self, user: &UserName) -> Result<Vec<Texts>, StoreError> {
        self.read_beside_a_server(|| self.read_texts_of(user))
    }

    fn read_texts_of(&self, user: &UserName) -> Result<Vec<Texts>, StoreError> {
        let Loaded { mut state, segment, next_batch, .. } = self.load_newest()?;
        wal::inspect(&self.wal(state.store.clone()), segment, next_batch, &mut ReplayInto(&mut state))?;
        let filed = state.filed_conversations().map(|(id, _)| id);
        let ids: BTreeSet<_> = filed.chain(state.pending_history().map(|(id, ..)| id)).collect();
        let mut texts = Vec::new();
        for id in ids {
            texts.extend(self.texts_in(&state, id, user)?);
        }
        Ok(texts)
    }

    fn texts_in(&self, state: &StoredState, id: ConversationId, user: &UserName) -> Result<Option<Texts>, StoreError> {
        let participants = state.participants(id);
        let is_other = matches!(&participants, Participants::Two(one, other) if one != user && other != user);
        let Some(conversation) = state.conversation(id).filter(|_| !is_other) else { return Ok(None) };
        let mut found = Found::default();
        let has_text = |row: &Message| row.from == *user && !row.text.is_erased() && !state.is_erased_in(id, row);
        let file = self.history(id, &participants, conversation.filed)?;
        for row in file.as_ref().map(|file| file.newest_first(None)).transpose()?.into_iter().flatten() {
            match row? {
                Row::Message(row) if has_text(&row) => found.add((row.seq, row.seq), 1),
                Row::Message(_) => {}
                Row::Damaged { first, last } => found.add((first, last), 0),
            }
        }
        let in_memory = conversation.rows.iter().filter(|row| has_text(row));
        in_memory.for_each(|row| found.add((row.seq, row.seq), 1));
        let erased = Conversation::erased_count(conversation);
        let texts = |(first, last)| Texts { conversation: id, first, last, count: found.count, erased };
        Ok(found.numbers.map(texts).filter(|texts| texts.count > 0))
    }
}
