//! Applies an accepted message: to the conversation, and to the mailbox of a user or the log of a room.

use std::sync::Arc;

use crate::model::{Message, RoomName, Target};
use crate::record::length_in_record;
use crate::state_machine::stored::{ConversationId, EVENT_BYTES, StoredState};
use crate::state_machine::{AccountNumber, ApplyError};

impl StoredState {
    pub(super) fn add_message(&mut self, message: &Arc<Message>) -> Result<(), ApplyError> {
        let from = self.number(&message.from)?;
        match &message.to {
            Target::User(name) => self.add_direct_message(message, from, self.number(name)?),
            Target::Room(name) => self.add_room_message(message, from, name),
        }
    }

    fn add_direct_message(
        &mut self,
        message: &Arc<Message>,
        from: AccountNumber,
        to: AccountNumber,
    ) -> Result<(), ApplyError> {
        self.advance_sequence(message.seq)?;
        let sender = self.account_mut(from);
        sender.sent.remember(message);
        sender.chats.entry(to).or_default();
        let recipient = self.account_mut(to);
        recipient.chats.entry(from).or_default();
        recipient.mailbox.put_message(message.clone(), from);
        self.direct.entry(ConversationId::between(from, to)).or_default().rows.push(message.clone());
        self.notified.push(to);
        Ok(())
    }

    fn add_room_message(
        &mut self,
        message: &Arc<Message>,
        from: AccountNumber,
        room: &RoomName,
    ) -> Result<(), ApplyError> {
        let number = self.room_number(room)?;
        if !self.room(number).has_member(from) {
            return Err(ApplyError(format!("{} is not in {room}", message.from)));
        }
        self.advance_sequence(message.seq)?;
        self.account_mut(from).sent.remember(message);
        let bytes = u32::try_from(length_in_record(message.text.as_str()) + EVENT_BYTES).unwrap_or(u32::MAX);
        let room = self.room_mut(number);
        room.conversation.rows.push(message.clone());
        let receipts = room.add_message(message.seq, from, bytes);
        self.put_room_receipts(number, receipts, message.at);
        self.notify_members(number, from, message.seq);
        Ok(())
    }
}
