//! Applies acknowledgements and read marks, and tells senders of them by STATE events (protocol, section 7).

use crate::model::{Seq, State, Target, Timestamp, UserName};
use crate::protocol::Event;
use crate::state_machine::stored::{StoredState, TargetNumber};
use crate::state_machine::{AccountNumber, ApplyError};

/// A change of a sender's watermark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Receipt {
    pub sender: AccountNumber,
    pub state: State,
    pub upto: Seq,
}

impl StoredState {
    /// Applies a cumulative acknowledgement to the user's mailbox and rooms.
    pub(super) fn acknowledge(&mut self, user: AccountNumber, upto: Seq, at: Timestamp) {
        for (sender, last) in self.account_mut(user).mailbox.acknowledge(upto) {
            // READ implies DELIVERED: after a READ no DELIVERED follows.
            if last > self.account(user).read_upto(sender) {
                let receipt = Receipt { sender, state: State::Delivered, upto: last };
                self.put_receipt(receipt, TargetNumber::User(user), at);
            }
        }
        self.acknowledge_in_rooms(user, upto, at);
    }

    /// Applies a read mark, and tells the senders of the messages under it.
    pub(super) fn mark_read(
        &mut self,
        user: &UserName,
        target: &Target,
        upto: Seq,
        last_of_peer: Option<Seq>,
        at: Timestamp,
    ) -> Result<(), ApplyError> {
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
        let read = self.account_mut(user).chats.entry(peer).or_default();
        let before = std::mem::replace(read, upto.max(*read));
        if let Some(last) = last_of_peer.filter(|last| *last > before) {
            let receipt = Receipt { sender: peer, state: State::Read, upto: last };
            self.put_receipt(receipt, TargetNumber::User(user), at);
        }
        Ok(())
    }

    /// Puts a STATE event into the sender's mailbox, in the place of a pending one of the same conversation and
    /// kind. `target` is the conversation as the sender addresses it. A removed account gets none.
    pub(super) fn put_receipt(&mut self, receipt: Receipt, target: TargetNumber, at: Timestamp) {
        let Receipt { sender, state, upto } = receipt;
        if self.account(sender).removed_at.is_some() {
            return;
        }
        self.last = self.last.next();
        let event = Event::State { seq: self.last, target: self.target(target), state, upto, at };
        self.account_mut(sender).mailbox.put_state(event, (target, state));
        self.notified.push(sender);
    }
}
