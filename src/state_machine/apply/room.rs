//! Applies membership, and the changes of a room's log with the watermarks that follow from them (protocol, section 7).

use std::collections::BTreeMap;

use super::Applied;
use super::message::Receipt;
use crate::model::{RoomKind, RoomName, Seq, State, Timestamp, UserName};
use crate::state_machine::stored::{Dropped, Entry, Marks, Member, Rights, Room, StoredState, TargetNumber};
use crate::state_machine::{AccountNumber, RoomNumber};

impl StoredState {
    /// Adds a member to a room; creates the room if it is not there.
    pub(super) fn join_room(&mut self, user: &UserName, room: &RoomName) -> Applied {
        let name = user;
        let user = self.number(user)?;
        let last = self.last;
        let number = match self.room_numbers.get(room) {
            Some(number) => *number,
            None => self.create_room(room.clone(), user),
        };
        if self.room(number).has_member(user) {
            return Ok(());
        }
        // Every number after `last` is for the new member.
        self.add_member(number, user, name.clone(), Member::joining(last));
        self.end_invitation(number, user);
        let place = self.room_mut(number);
        place.rights.kept_out.remove(user);
        place.former.remove(&user);
        self.find_owner(number);
        Ok(())
    }

    /// Creates a room under the lowest free number: the same in a replay, whichever checkpoint it begins with. The lobby
    /// is nobody's.
    fn create_room(&mut self, name: RoomName, user: AccountNumber) -> RoomNumber {
        let number = self.free_rooms.pop_first().unwrap_or_else(|| RoomNumber::new(self.rooms.len()));
        let creator = (!name.is_lobby()).then_some(user);
        self.put_room(number, Room::new(name, creator));
        number
    }

    pub(super) fn add_member(&mut self, room: RoomNumber, user: AccountNumber, name: UserName, member: Member) {
        let devices = self.account(user).devices.count();
        let members = self.room_mut(room);
        members.devices += devices;
        members.members.insert(user, member);
        members.members_by_name.insert(name, (user, member.joined));
        members.joins.insert((member.joined, user));
        self.account_mut(user).rooms.insert(room);
    }

    /// Puts a room into its place, which is free or the one after the last.
    pub(super) fn put_room(&mut self, number: RoomNumber, room: Room) {
        if room.is_open {
            self.room_numbers.insert(room.name.clone(), number);
            self.room_looks.add(room.name.without_sign(), number);
            if room.rights.kind == RoomKind::Open {
                self.public_rooms.insert(room.name.clone(), number);
            }
        }
        if let Some(creator) = room.creator {
            self.account_mut(creator).created_rooms += 1;
        }
        match self.rooms.get_mut(number.index()) {
            Some(place) => *place = room,
            None => self.rooms.push(room),
        }
    }

    /// Removes a member from a room: the remaining recipients can complete watermarks, and one of them may own it now. A room
    /// without members goes away if it has no messages, or may not be joined by everybody.
    pub(super) fn leave_room(&mut self, user: AccountNumber, room: RoomNumber, at: Timestamp) {
        let is_private = self.room(room).rights.kind == RoomKind::Invite;
        if is_private {
            self.forget_events_of_room(room, user);
        }
        let awaits_events = self.account(user).mailbox.has_of_room(room);
        self.account_mut(user).rooms.remove(&room);
        let name = self.name(user);
        let account = self.account_mut(user);
        account.devices.forget_gap(room);
        let positions: Vec<_> = account.devices.positions().map(|(_, position)| position).collect();
        let receipts = self.room_mut(room).remove_member(user, &name, &positions);
        if awaits_events {
            self.room_mut(room).former.insert(user);
        }
        self.put_room_receipts(room, receipts, at);
        if self.room(room).members.is_empty() && (self.room(room).is_silent() || is_private) {
            return self.remove_room(room);
        }
        if self.room(room).rights.owner == Some(user) {
            self.room_mut(room).rights.owner = None;
            self.find_owner(room);
        }
    }

    /// Removes a room: its memberships, what is pending of it, its name. The number of a room with a history stays
    /// taken, that of another is free. A room that invited users have left, with a history, stays in its creator's quota:
    /// else there would be no end of them.
    pub(super) fn remove_room(&mut self, number: RoomNumber) {
        let place = self.room_mut(number);
        let kind = place.rights.kind;
        let stays_in_quota = kind == RoomKind::Invite && place.members.is_empty() && !place.is_silent();
        let rights = Rights { kind, ..Rights::default() };
        let creator = place.creator.filter(|_| stays_in_quota);
        let closed = Room { is_open: false, rights, ..Room::new(place.name.clone(), creator) };
        let removed = std::mem::replace(place, closed);
        self.room_numbers.remove(&removed.name);
        self.public_rooms.remove(&removed.name);
        self.room_looks.remove(removed.name.without_sign(), number);
        self.forget_room(number, &removed);
        if let Some(creator) = removed.creator.filter(|_| !stays_in_quota) {
            let account = self.account_mut(creator);
            account.created_rooms = account.created_rooms.saturating_sub(1);
        }
        self.room_mut(number).conversation = removed.conversation;
        if self.room(number).is_silent() {
            self.free_rooms.insert(number);
        } else {
            self.count_removed(number);
        }
    }

    /// Removes what accounts hold of a room that is gone: invitations, memberships and events, also those of former members.
    fn forget_room(&mut self, number: RoomNumber, removed: &Room) {
        for (place, invited) in removed.rights.invited.iter() {
            self.account_mut(invited).invitations.remove(&place);
        }
        for member in removed.members.keys() {
            let account = self.account_mut(*member);
            account.rooms.remove(&number);
            account.devices.forget_gap(number);
        }
        for user in removed.members.keys().chain(&removed.former) {
            self.forget_events_of_room(number, *user);
        }
    }

    /// Adds the messages of a removed room to the count from which a later room of the name goes on; but not those that only
    /// invited users could see.
    pub(super) fn count_removed(&mut self, number: RoomNumber) {
        let room = &self.rooms[number.index()];
        if room.rights.kind == RoomKind::Invite {
            return;
        }
        let counts = self.removed_counts.entry(room.name.clone()).or_default();
        counts.messages += room.conversation.count();
        counts.erased += room.conversation.erased_count();
    }

    /// Applies an acknowledgement to the user's rooms. `fetched`: the number that the device had before, if it had one.
    pub(super) fn acknowledge_in_rooms(&mut self, user: AccountNumber, fetched: Option<Seq>, upto: Seq, at: Timestamp) {
        let mut moved = Vec::new();
        for number in &self.accounts[user.index()].rooms {
            let (delivered, receipts) = self.rooms[number.index()].acknowledge(user, fetched, upto);
            self.tally.delivered += delivered;
            if !receipts.is_empty() {
                moved.push((*number, receipts));
            }
        }
        for (number, receipts) in moved {
            self.put_room_receipts(number, receipts, at);
        }
    }

    /// Tells senders that their watermarks in a room have moved, as far as they are told of it.
    pub(super) fn put_room_receipts(&mut self, room: RoomNumber, receipts: Vec<Receipt>, at: Timestamp) {
        for receipt in receipts {
            if !self.is_told_of_room(room, receipt.sender) {
                continue;
            }
            if !self.room(room).has_member(receipt.sender) {
                self.room_mut(room).former.insert(receipt.sender);
            }
            self.put_receipt(receipt, TargetNumber::Room(room), at);
        }
    }

    /// Notes the number of an event of a room for each member, and lists them as notified, all but `sender`, if it is a
    /// message.
    pub(super) fn notify_members(&mut self, room: RoomNumber, sender: Option<AccountNumber>, seq: Seq) {
        for member in self.rooms[room.index()].members.keys() {
            self.accounts[member.index()].mailbox.note_newest(seq);
            if Some(*member) != sender {
                self.notified.push(*member);
            }
        }
    }
}

/// Takes one off a count if `condition` holds. A checkpoint with wrong counts can only delay a watermark.
fn decrement_if(count: &mut u32, condition: bool) {
    *count = count.saturating_sub(u32::from(condition));
}

/// The last message of each sender that every recipient now has, and has read.
type Completed = BTreeMap<AccountNumber, Marks>;

impl Room {
    /// Removes a member, also from the recipients of every entry.
    /// `positions`: the numbers of the member's devices.
    pub(super) fn remove_member(&mut self, user: AccountNumber, name: &UserName, positions: &[Seq]) -> Vec<Receipt> {
        self.members_by_name.remove(name);
        let Some(member) = self.members.remove(&user) else { return Vec::new() };
        self.devices = self.devices.saturating_sub(positions.len() as u32);
        self.joins.remove(&(member.joined, user));
        let delivered = member.acknowledged.max(member.read);
        self.change_log(user, member.joined, Seq::LAST, |entry| {
            decrement_if(&mut entry.recipients, true);
            decrement_if(&mut entry.undelivered, entry.seq > delivered);
            decrement_if(&mut entry.unacknowledged, entry.seq > member.acknowledged);
            decrement_if(&mut entry.unread, entry.seq > member.read);
            positions.iter().for_each(|position| decrement_if(&mut entry.unfetched, entry.seq > *position));
        })
    }

    /// Counts a device of a member that begins with this number.
    pub(super) fn begin_device(&mut self, user: AccountNumber, acknowledged: Seq) {
        self.devices += 1;
        let Some(member) = self.members.get(&user) else { return };
        let start = self.position_after(acknowledged.max(member.joined));
        let entries = self.log.range_mut(start..).filter(|entry| entry.from != user);
        entries.for_each(|entry| entry.unfetched += 1);
    }

    /// Counts a device of a member, which had this number, no longer.
    pub(super) fn end_device(&mut self, user: AccountNumber, acknowledged: Seq) {
        self.devices = self.devices.saturating_sub(1);
        let Some(member) = self.members.get(&user) else { return };
        // No recipient has more than before: no watermark moves.
        let after = acknowledged.max(member.joined);
        _ = self.change_log(user, after, Seq::LAST, |entry| decrement_if(&mut entry.unfetched, true));
    }

    /// Adds a message to the log; above its capacity the oldest entry is dropped. `own_devices`: how many of the sender's
    /// devices have a number.
    pub(super) fn add_message(
        &mut self,
        seq: Seq,
        from: AccountNumber,
        own_devices: u32,
        bytes: u32,
        capacity: usize,
    ) -> Vec<Receipt> {
        let others = self.members.len() - usize::from(self.has_member(from));
        let count = u32::try_from(others).unwrap_or(u32::MAX);
        if count == 0 {
            return Vec::new();
        }
        let recipients = count;
        let undelivered = count;
        let unacknowledged = count;
        let unread = count;
        let unfetched = self.devices.saturating_sub(own_devices);
        let run = self.run_of_next(seq, from);
        self.log.push_back(Entry { seq, from, run, bytes, recipients, undelivered, unacknowledged, unread, unfetched });
        let oldest = if self.log.len() > capacity { self.log.pop_front() } else { None };
        oldest.map_or(Vec::new(), |oldest| self.drop_entry(oldest))
    }

    /// Drops an entry early: it is complete for those recipients who have it.
    fn drop_entry(&mut self, entry: Entry) -> Vec<Receipt> {
        if entry.unacknowledged > 0 || entry.unfetched > 0 {
            let Dropped { last, by, other } = self.dropped;
            let other = if by == Some(entry.from) { other } else { last };
            self.dropped = Dropped { last: entry.seq, by: Some(entry.from), other };
        }
        let mut completed = Completed::new();
        if entry.undelivered < entry.recipients {
            let read = if entry.unread <= entry.undelivered { entry.seq } else { Seq::ZERO };
            completed.insert(entry.from, Marks { delivered: entry.seq, read });
        }
        self.move_watermarks(completed)
    }

    /// Applies the cumulative acknowledgement of a member's device, which is the member's where it is higher. `fetched`: the
    /// number that the device had before, if it had one. Returns also how many messages the member acknowledges.
    pub(super) fn acknowledge(&mut self, user: AccountNumber, fetched: Option<Seq>, upto: Seq) -> (u64, Vec<Receipt>) {
        let Some(member) = self.members.get_mut(&user) else { return (0, Vec::new()) };
        let before = member.acknowledged;
        let fetched = fetched.map_or(upto, |fetched| fetched.max(member.joined));
        if before.min(fetched) >= upto {
            return (0, Vec::new());
        }
        let read = member.read;
        if before < upto {
            member.acknowledge(upto, self.dropped.last_for(user));
        }
        let mut delivered = 0;
        let receipts = self.change_log(user, before.min(fetched), upto, |entry| {
            decrement_if(&mut entry.unfetched, entry.seq > fetched);
            if entry.seq > before {
                delivered += 1;
                decrement_if(&mut entry.unacknowledged, true);
                decrement_if(&mut entry.undelivered, entry.seq > read);
            }
        });
        (delivered, receipts)
    }

    /// Applies a member's read mark. READ implies DELIVERED.
    pub(super) fn mark_read(&mut self, user: AccountNumber, upto: Seq) -> Vec<Receipt> {
        let Some(member) = self.members.get_mut(&user).filter(|member| member.read < upto) else {
            return Vec::new();
        };
        let before = std::mem::replace(&mut member.read, upto);
        let acknowledged = member.acknowledged;
        self.change_log(user, before, upto, |entry| {
            decrement_if(&mut entry.unread, true);
            decrement_if(&mut entry.undelivered, entry.seq > acknowledged);
        })
    }

    /// Changes the entries after `after` and up to `upto` of which a user is a recipient, removes the oldest entries
    /// that are complete, and returns the watermarks that have moved.
    fn change_log(
        &mut self,
        user: AccountNumber,
        after: Seq,
        upto: Seq,
        mut change: impl FnMut(&mut Entry),
    ) -> Vec<Receipt> {
        let start = self.position_after(after);
        let mut completed = Completed::new();
        for entry in self.log.range_mut(start..).take_while(|entry| entry.seq <= upto) {
            if entry.from != user {
                change(entry);
                if entry.recipients > 0 && entry.undelivered == 0 {
                    let marks = completed.entry(entry.from).or_default();
                    marks.delivered = entry.seq;
                    marks.read = if entry.unread == 0 { entry.seq } else { marks.read };
                }
            }
        }
        while self.log.front().is_some_and(Entry::is_complete) {
            self.log.pop_front();
        }
        self.move_watermarks(completed)
    }

    /// Moves the watermarks forward, never back. READ implies DELIVERED: with a READ no DELIVERED is returned.
    fn move_watermarks(&mut self, completed: Completed) -> Vec<Receipt> {
        let mut receipts = Vec::new();
        let mut delivered = Vec::new();
        for (sender, upto) in completed {
            let marks = self.marks.entry(sender).or_default();
            if upto.read > marks.read {
                marks.read = upto.read;
                receipts.push(Receipt { sender, state: State::Read, upto: upto.read });
            }
            if upto.delivered > marks.delivered.max(marks.read) {
                marks.delivered = upto.delivered;
                delivered.push(Receipt { sender, state: State::Delivered, upto: upto.delivered });
            }
        }
        receipts.append(&mut delivered);
        receipts
    }
}
