//! Applies membership, and keeps rooms and accounts in agreement.

use super::message::Receipt;
use crate::model::{RoomName, Seq, Timestamp, UserName};
use crate::state_machine::stored::{Room, StoredState, TargetNumber};
use crate::state_machine::{AccountNumber, ApplyError, RoomNumber};

impl StoredState {
    /// Adds a member to a room; creates the room if it is not there.
    pub(super) fn join_room(&mut self, user: &UserName, room: &RoomName) -> Result<(), ApplyError> {
        let (user, last) = (self.number(user)?, self.last);
        let number = match self.room_numbers.get(room) {
            Some(number) => *number,
            None => self.add_room(room.clone()),
        };
        self.room_mut(number).add_member(user, last);
        self.account_mut(user).rooms.insert(number);
        Ok(())
    }

    pub(super) fn add_room(&mut self, name: RoomName) -> RoomNumber {
        let number = RoomNumber::new(self.rooms.len());
        self.rooms.push(Room::new(name.clone()));
        self.room_numbers.insert(name, number);
        number
    }

    /// Removes a member from a room: the remaining recipients can complete watermarks.
    pub(super) fn leave_room(&mut self, user: AccountNumber, room: RoomNumber, at: Timestamp) {
        self.account_mut(user).rooms.remove(&room);
        let receipts = self.room_mut(room).remove_member(user);
        self.put_room_receipts(room, receipts, at);
    }

    pub(super) fn acknowledge_in_rooms(&mut self, user: AccountNumber, upto: Seq, at: Timestamp) {
        let mut moved = Vec::new();
        for number in &self.accounts[user.index()].rooms {
            let receipts = self.rooms[number.index()].acknowledge(user, upto);
            if !receipts.is_empty() {
                moved.push((*number, receipts));
            }
        }
        for (number, receipts) in moved {
            self.put_room_receipts(number, receipts, at);
        }
    }

    pub(super) fn put_room_receipts(&mut self, room: RoomNumber, receipts: Vec<Receipt>, at: Timestamp) {
        for receipt in receipts {
            self.put_receipt(receipt, TargetNumber::Room(room), at);
        }
    }

    /// Notes a room message for each member, and lists all but its sender as notified.
    pub(super) fn notify_members(&mut self, room: RoomNumber, sender: AccountNumber, seq: Seq) {
        for member in self.rooms[room.index()].members.keys() {
            self.accounts[member.index()].mailbox.note_newest(seq);
            if *member != sender {
                self.notified.push(*member);
            }
        }
    }
}
