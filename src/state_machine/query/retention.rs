//! Questions of retention: which messages still wait for a recipient, and when the last one was accepted.

use crate::model::{Seq, Timestamp};
use crate::state_machine::stored::{ConversationId, StoredState};

impl StoredState {
    /// Returns whether a message of a conversation waits for a recipient, who will get it from the history file.
    pub fn is_undelivered(&self, id: ConversationId, seq: Seq) -> bool {
        match id {
            ConversationId::Direct(low, high) => {
                [low, high].iter().any(|user| self.account(*user).mailbox.has_message(seq))
            }
            ConversationId::Room(room) => self.room(room).is_undelivered(seq),
        }
    }

    /// Returns the time of the message with the highest number.
    pub fn newest_message_at(&self) -> Option<Timestamp> {
        let newest = self.accounts.iter().filter_map(|account| account.sent.newest());
        newest.max_by_key(|sent| sent.seq).map(|sent| sent.at)
    }
}
