//! Excerpts of conversations: for HISTORY, STATUS and READ, whose older messages are read from the history file.

use std::sync::Arc;

use crate::model::{Message, Seq, UserName};
use crate::protocol::request::Page;
use crate::protocol::{HistoryRecord, Status};
use crate::state_machine::command::{LastOfPeer, Sought};
use crate::state_machine::stored::{
    AccountNumber, ConversationId, HistoryPrefix, Participants, StoredState, TargetNumber,
};

/// Part of a conversation: the newest messages in memory, and the valid prefix of the history file. The router does not
/// read the file.
#[derive(Clone, Debug)]
pub struct Excerpt {
    pub conversation: ConversationId,
    pub participants: Participants,
    pub filed: HistoryPrefix,
    /// Oldest first.
    pub rows: Vec<Arc<Message>>,
    pub me: UserName,
    /// Of a direct conversation: the peer, and the number up to which `me` has read the peer's messages.
    pub peer: Option<(UserName, Seq)>,
    /// [`StoredState::rewritings`] when it was made.
    pub rewritings: u64,
    /// For STATUS: how far the message has come, if it is one of `me`.
    pub statuses: Vec<Status>,
}

impl StoredState {
    /// Returns at most `limit` of the messages in memory, the newest ones below `before`.
    pub fn excerpt(&self, me: AccountNumber, target: TargetNumber, limit: usize, before: Option<Seq>) -> Excerpt {
        let conversation = super::lists::conversation_of(me, target);
        let stored = self.conversation(conversation);
        let rows = stored.map_or(&[][..], |c| &c.rows);
        let end = before.map_or(rows.len(), |before| rows.partition_point(|row| row.seq < before));
        let rows = rows.get(end.saturating_sub(limit)..end).unwrap_or_default().to_vec();
        let filed = stored.map_or(HistoryPrefix::default(), |c| c.filed);
        let participants = self.participants(conversation);
        let peer = match target {
            TargetNumber::User(peer) => Some((self.name(peer), self.account(me).read_upto(peer))),
            TargetNumber::Room(_) => None,
        };
        let rewritings = self.rewritings();
        Excerpt { conversation, participants, filed, rows, me: self.name(me), peer, rewritings, statuses: Vec::new() }
    }

    /// Returns the message with a number, if memory holds it, and its states.
    pub(in crate::state_machine) fn status_excerpt(
        &self,
        me: AccountNumber,
        target: TargetNumber,
        seq: Seq,
        page: &Page<UserName>,
    ) -> Excerpt {
        let statuses = self.list_statuses(me, target, seq, page);
        Excerpt { statuses, ..self.excerpt(me, target, 1, Some(seq.next())) }
    }

    /// Sets the states of messages in a conversation, and takes the texts out that were taken back: as they are now.
    pub(in crate::state_machine) fn set_states(
        &self,
        me: AccountNumber,
        target: TargetNumber,
        records: &mut [HistoryRecord],
    ) {
        for record in records {
            if let HistoryRecord::Message { message, state } = record
                && let Ok(sender) = self.number(&message.from)
            {
                *state = self.marks_of(me, target, sender).state_of(message.seq);
                if self.is_erased(message) {
                    *message = Arc::new(message.erased());
                }
            }
        }
    }

    /// Looks for the message with a number, as far as memory holds the conversation.
    pub(in crate::state_machine) fn seek(&self, id: ConversationId, seq: Seq) -> Sought {
        let Some(conversation) = self.conversation(id) else { return Sought::Missing };
        match conversation.rows_from(seq).first().filter(|row| row.seq == seq) {
            Some(row) => Sought::Message(row.clone()),
            None if seq > conversation.filed.upto => Sought::Missing,
            None => Sought::NotLookedUp,
        }
    }

    /// Finds the peer's last message up to a number, as far as memory holds the conversation.
    pub fn last_of_peer(&self, me: AccountNumber, peer: AccountNumber, upto: Seq) -> LastOfPeer {
        let Some(conversation) = self.conversation(ConversationId::between(me, peer)) else {
            return LastOfPeer::Found(None);
        };
        let name = &self.account(peer).row.name;
        let end = conversation.rows.partition_point(|row| row.seq <= upto);
        let rows = conversation.rows.get(..end).unwrap_or_default();
        match rows.iter().rev().find(|row| row.from == *name) {
            Some(row) => LastOfPeer::Found(Some(row.seq)),
            None if conversation.filed.bytes == 0 => LastOfPeer::Found(None),
            None => LastOfPeer::NotLookedUp,
        }
    }
}
