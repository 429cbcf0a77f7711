//! Takes messages back: their texts leave memory, and an event tells the participants (protocol, section 5).

use super::Applied;
use crate::model::{RoomKind, Seq, UserName};
use crate::state_machine::stored::{ConversationId, ErasedEvent, Erasure, StoredState};
use crate::state_machine::{AccountNumber, ApplyError};

impl StoredState {
    /// Takes the texts of a sender's messages back. `rows`: how many had one.
    pub(super) fn erase(
        &mut self,
        id: ConversationId,
        from: &UserName,
        (first, last): (Seq, Seq),
        rows: u64,
    ) -> Applied {
        let sender = self.number(from)?;
        if first > last || self.conversation(id).is_none_or(|conversation| conversation.last() < last) {
            return Err(ApplyError(format!("{id} has no messages from {first} to {last}")));
        }
        self.last = self.last.next();
        let erasure = Erasure { seq: self.last, from: sender, first, last };
        if let Some(conversation) = self.conversation_mut(id) {
            conversation.erase(erasure, from, rows);
        }
        self.unfiled_erasures += 1;
        match id {
            ConversationId::Direct(low, high) => {
                self.put_erased(low, high, erasure);
                if low != high {
                    self.put_erased(high, low, erasure);
                }
            }
            ConversationId::Room(room) if self.room(room).is_open => {
                self.notify_members(room, None, erasure.seq);
            }
            // Nobody sees it any more, but a later room of the name goes on from its counts.
            ConversationId::Room(room) if self.room(room).rights.kind == RoomKind::Open => {
                let name = self.room(room).name.clone();
                self.removed_counts.entry(name).or_default().erased += rows;
            }
            ConversationId::Room(_) => {}
        }
        Ok(())
    }

    fn put_erased(&mut self, user: AccountNumber, peer: AccountNumber, erasure: Erasure) {
        let Erasure { seq, from, first, last } = erasure;
        let account = self.account_mut(user);
        if account.row.removed_at.is_none() {
            account.mailbox.put_erased(seq, ErasedEvent { peer, from, first, last });
            self.notified.push(user);
        }
    }
}
