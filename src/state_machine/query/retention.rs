//! Questions of retention: which messages still wait for a recipient, and when the last one was accepted.

use super::lists::conversation_of;
use crate::model::{Seq, Timestamp};
use crate::state_machine::stored::{ConversationId, SessionKey, StoredState, TargetNumber, WaitingEvent};
use crate::state_machine::{AccountNumber, RoomNumber};

impl StoredState {
    /// Returns whether a message of a conversation waits for a recipient, who will get it from the history file.
    pub fn is_undelivered(&self, id: ConversationId, seq: Seq) -> bool {
        match id {
            ConversationId::Direct(low, high) => {
                // What waits for a device alone is not above the number of the user, and goes.
                let waits = |user: &AccountNumber| {
                    let account = self.account(*user);
                    seq > account.row.acknowledged && account.mailbox.has_message(seq)
                };
                [low, high].iter().any(waits)
            }
            ConversationId::Room(room) => self.room(room).is_undelivered(seq),
        }
    }

    /// Returns whether retention has removed a message that a device has yet to get: one that the user has, or an own one.
    pub(in crate::state_machine) fn lacks_removed(&self, key: SessionKey) -> bool {
        let account = self.account(key.user);
        let position = account.devices.get(key.device).and_then(|device| device.acknowledged);
        let Some(position) = position.filter(|position| *position < self.removed_upto) else { return false };
        let is_removed = |target, seq: Seq| {
            let id = conversation_of(key.user, target);
            let conversation = self.conversation(id);
            // Retention leaves in the file what another recipient lacks.
            conversation.is_some_and(|conversation| seq <= conversation.filed.removed.upto)
                && !self.is_undelivered(id, seq)
        };
        let kept = account.mailbox.after(position).take_while(|event| event.seq() <= account.row.acknowledged);
        let own = account.mailbox.own_after(position).filter(|_| key.device.is_named());
        let lacks_direct = kept.chain(own).any(|event| match event {
            WaitingEvent::Message(seq, message) => is_removed(TargetNumber::User(message.from), seq),
            WaitingEvent::Own(seq, message) => is_removed(message.to, seq),
            WaitingEvent::State(_) | WaitingEvent::Erased(..) => false,
        });
        let lacks_in_room = |room: &RoomNumber| {
            let room = self.room(*room);
            let upto = room.conversation.filed.removed.upto.min(account.row.acknowledged);
            let mut entries = room.entries_for(key.user, position, upto);
            entries.any(|entry| entry.unacknowledged == 0)
        };
        lacks_direct || account.rooms.iter().any(lacks_in_room)
    }

    /// Returns the time of the message with the highest number.
    pub fn newest_message_at(&self) -> Option<Timestamp> {
        let newest = self.accounts.iter().filter_map(|account| account.sent.newest());
        newest.max_by_key(|sent| sent.seq).map(|sent| sent.at)
    }
}
