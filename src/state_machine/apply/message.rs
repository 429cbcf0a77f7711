//! Applies an accepted message, to the conversation and to the mailbox of a user or the log of a room; and applies
//! acknowledgements and read marks, of which STATE events tell the senders (protocol, section 7).

use std::sync::Arc;

use super::Applied;
use crate::model::{Message, RoomKind, RoomName, Seq, State, Target, Timestamp, UserName};
use crate::protocol::Event;
use crate::state_machine::stored::{
    ConversationId, OwnMessage, SentMessage, StoredState, TargetNumber, WaitingMessage, length_in_reply,
};
use crate::state_machine::{AccountNumber, Acknowledgement, ApplyError};

/// A change of a sender's watermark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Receipt {
    pub sender: AccountNumber,
    pub state: State,
    pub upto: Seq,
}

impl StoredState {
    pub(super) fn add_message(&mut self, message: &Arc<Message>) -> Applied {
        let from = self.number(&message.from)?;
        match &message.to {
            Target::User(name) => self.add_direct_message(message, from, self.number(name)?),
            Target::Room(name) => self.add_room_message(message, from, name),
        }
    }

    fn add_direct_message(&mut self, message: &Arc<Message>, from: AccountNumber, to: AccountNumber) -> Applied {
        self.advance_sequence(message.seq)?;
        self.remember_id(from, message);
        let conversation = self.direct.entry(ConversationId::between(from, to)).or_default();
        let before = conversation.last();
        conversation.rows.push(message.clone());
        let sender = self.account_mut(from);
        sender.chats.entry(to).or_default().has_written = true;
        sender.note_last(to, before, message.seq);
        let bytes = length_in_reply(&message.text);
        let is_from_stranger = self.is_stranger(from, to);
        let recipient = self.account_mut(to);
        recipient.chats.entry(from).or_default();
        recipient.note_last(from, before, message.seq);
        recipient.mailbox.put_message(message.seq, WaitingMessage { from, bytes, is_from_stranger });
        if from != to {
            self.keep_own_message(from, message.seq, OwnMessage { to: TargetNumber::User(to), bytes });
        }
        self.tally.waiting.add(bytes);
        self.tally.received += 1;
        self.notified.push(to);
        Ok(())
    }

    fn add_room_message(&mut self, message: &Arc<Message>, from: AccountNumber, room: &RoomName) -> Applied {
        let number = self.room_number(room)?;
        if !self.room(number).has_member(from) {
            return Err(ApplyError(format!("{} is not in {room}", message.from)));
        }
        self.advance_sequence(message.seq)?;
        self.remember_id(from, message);
        let room_log = self.capacities.room_log;
        let bytes = length_in_reply(&message.text);
        self.keep_own_message(from, message.seq, OwnMessage { to: TargetNumber::Room(number), bytes });
        let own_devices = self.account(from).devices.count();
        let room = self.room_mut(number);
        room.conversation.rows.push(message.clone());
        room.rights.was_private |= room.rights.kind == RoomKind::Invite;
        let receipts = room.add_message(message.seq, from, own_devices, bytes, room_log);
        self.put_room_receipts(number, receipts, message.at);
        self.notify_members(number, Some(from), message.seq);
        self.tally.received += 1;
        Ok(())
    }

    fn remember_id(&mut self, sender: AccountNumber, message: &Message) {
        let sent = SentMessage::of(message, self.id_key);
        let capacity = self.capacities.remembered_ids;
        self.account_mut(sender).sent.insert(sent, capacity);
    }

    /// Keeps a message for the devices of its sender.
    fn keep_own_message(&mut self, sender: AccountNumber, seq: Seq, message: OwnMessage) {
        let account = self.account_mut(sender);
        if account.keeps_own_messages() {
            account.mailbox.put_own(seq, message);
            self.notified.push(sender);
            self.note_crowded(sender);
        }
    }

    pub(super) fn note_crowded(&mut self, user: AccountNumber) {
        if self.is_crowded(user) {
            self.crowded.push(user);
        }
    }

    /// Applies the cumulative acknowledgement of a device, to the user's mailbox and rooms.
    pub(super) fn acknowledge(&mut self, acknowledgement: Acknowledgement, at: Timestamp) -> Applied {
        let Acknowledgement { upto, device, user } = acknowledgement;
        if user.index() >= self.accounts.len() {
            return Err(ApplyError(format!("there is no account number {}", user.index())));
        }
        self.refuse_past_last(upto)?;
        let fetched = self.move_device(user, device, upto);
        let account = self.account_mut(user);
        let before = account.row.acknowledged;
        account.row.acknowledged = before.max(upto);
        let mut delivered = account.mailbox.messages();
        let senders = account.mailbox.acknowledge(account.progress(before));
        delivered.subtract_usage(account.mailbox.messages());
        self.note_crowded(user);
        self.tally.waiting.subtract_usage(delivered);
        self.tally.delivered += delivered.messages as u64;
        for (sender, last) in senders {
            // READ implies DELIVERED: after a READ no DELIVERED follows.
            if last > self.account(user).read_upto(sender) {
                let receipt = Receipt { sender, state: State::Delivered, upto: last };
                self.put_receipt(receipt, TargetNumber::User(user), at);
            }
        }
        self.acknowledge_in_rooms(user, fetched, upto, at);
        Ok(())
    }

    /// Applies a read mark, and tells the senders of the messages under it.
    pub(super) fn mark_read(
        &mut self,
        user: &UserName,
        target: &Target,
        upto: Seq,
        last_of_peer: Option<Seq>,
        at: Timestamp,
    ) -> Applied {
        self.refuse_past_last(upto)?;
        let user = self.number(user)?;
        let peer = match target {
            Target::User(peer) => self.number(peer)?,
            Target::Room(room) => {
                let room = self.room_number(room)?;
                let receipts = self.room_mut(room).mark_read(user, upto);
                self.put_room_receipts(room, receipts, at);
                return Ok(());
            }
        };
        let chat = self.account_mut(user).chats.entry(peer).or_default();
        let before = chat.read;
        chat.read = upto.max(before);
        if let Some(last) = last_of_peer.filter(|last| *last > before) {
            let receipt = Receipt { sender: peer, state: State::Read, upto: last };
            self.put_receipt(receipt, TargetNumber::User(user), at);
        }
        Ok(())
    }

    /// Refuses an acknowledgement or a read mark of events that do not exist yet: they would count as delivered later.
    fn refuse_past_last(&self, upto: Seq) -> Applied {
        match upto > self.last {
            true => Err(ApplyError(format!("number {upto} is past the last, {}", self.last))),
            false => Ok(()),
        }
    }

    /// Puts a STATE event into the sender's mailbox, instead of a pending one of the same conversation and
    /// kind. `target` is the conversation as the sender addresses it. A removed account gets none.
    pub(super) fn put_receipt(&mut self, receipt: Receipt, target: TargetNumber, at: Timestamp) {
        let Receipt { sender, state, upto } = receipt;
        if self.account(sender).row.removed_at.is_some() {
            return;
        }
        self.last = self.last.next();
        match state {
            State::Read => self.tally.receipts_read += 1,
            _ => self.tally.receipts_delivered += 1,
        }
        let event = Event::State { seq: self.last, target: self.target(target), state, upto, at };
        let account = self.account_mut(sender);
        account.mailbox.put_state(event, (target, state), account.row.acknowledged);
        self.notified.push(sender);
    }
}
