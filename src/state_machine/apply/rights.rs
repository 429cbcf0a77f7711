//! Applies what the owner of a room decides, and who owns it (protocol, section 5).

use super::Applied;
use crate::limits;
use crate::model::{RoomKind, RoomName, Timestamp, Topic, UserName};
use crate::state_machine::stored::StoredState;
use crate::state_machine::{AccountNumber, ApplyError, RoomNumber};

impl StoredState {
    /// Sets who may join a room.
    pub(super) fn set_room_kind(&mut self, room: &RoomName, kind: RoomKind) -> Applied {
        let number = self.room_number(room)?;
        let place = self.room_mut(number);
        place.rights.kind = kind;
        let name = place.name.clone();
        match kind {
            RoomKind::Open => _ = self.public_rooms.insert(name, number),
            RoomKind::Invite => {
                for former in std::mem::take(&mut place.former) {
                    self.forget_events_of_room(number, former);
                }
                self.public_rooms.remove(&name);
            }
        }
        Ok(())
    }

    pub(super) fn set_topic(&mut self, room: &RoomName, topic: &Topic) -> Applied {
        let number = self.room_number(room)?;
        self.room_mut(number).rights.topic = topic.clone();
        Ok(())
    }

    /// Gives a room to another member.
    pub(super) fn set_owner(&mut self, room: &RoomName, user: &UserName) -> Applied {
        let number = self.room_number(room)?;
        let owner = self.number(user)?;
        if !self.room(number).has_member(owner) {
            return Err(ApplyError(format!("{user} is not in {room} and cannot own it")));
        }
        self.room_mut(number).rights.owner = Some(owner);
        Ok(())
    }

    /// Adds an invitation. Where there are too many, of the room or of the user, the oldest goes.
    pub(super) fn invite(&mut self, room: &RoomName, user: &UserName) -> Applied {
        let number = self.room_number(room)?;
        let user = self.number(user)?;
        self.add_invitation(number, user);
        Ok(())
    }

    pub(super) fn add_invitation(&mut self, room: RoomNumber, user: AccountNumber) {
        self.end_invitation(room, user);
        let place = self.next_guest();
        if let Some((oldest, other)) = self.room_mut(room).rights.invited.add(place, user) {
            self.account_mut(other).invitations.remove(&oldest);
        }
        let invitations = &mut self.account_mut(user).invitations;
        invitations.insert(place, room);
        if invitations.len() > limits::INVITATIONS_PER_USER
            && let Some((_, oldest)) = invitations.pop_first()
        {
            self.room_mut(oldest).rights.invited.remove(user);
        }
    }

    pub(super) fn keep_out(&mut self, room: RoomNumber, user: AccountNumber) {
        let place = self.next_guest();
        let kept_out = &mut self.room_mut(room).rights.kept_out;
        kept_out.remove(user);
        kept_out.add(place, user);
    }

    /// Returns the place of one more entry among all invitations and all who are kept out.
    fn next_guest(&mut self) -> u64 {
        self.guests += 1;
        self.guests
    }

    /// Ends a user's invitation to a room, if there is one.
    pub(super) fn end_invitation(&mut self, room: RoomNumber, user: AccountNumber) {
        if let Some(place) = self.room_mut(room).rights.invited.remove(user) {
            self.account_mut(user).invitations.remove(&place);
        }
    }

    /// Ends all invitations of a user.
    pub(super) fn end_invitations_of(&mut self, user: AccountNumber) {
        for room in std::mem::take(&mut self.account_mut(user).invitations).into_values() {
            self.room_mut(room).rights.invited.remove(user);
        }
    }

    /// Puts a user out of a room: a member leaves, an invitation ends, and to return takes another one.
    pub(super) fn kick(&mut self, room: &RoomName, user: &UserName, at: Timestamp) -> Applied {
        let number = self.room_number(room)?;
        let user = self.number(user)?;
        self.end_invitation(number, user);
        self.keep_out(number, user);
        self.forget_events_of_room(number, user);
        self.room_mut(number).former.remove(&user);
        if self.room(number).has_member(user) {
            self.leave_room(user, number, at);
        }
        Ok(())
    }

    /// Removes the STATE events and own messages of a room that wait for a user.
    pub(super) fn forget_events_of_room(&mut self, room: RoomNumber, user: AccountNumber) {
        let account = self.account_mut(user);
        account.mailbox.remove_room(room, account.row.acknowledged);
    }

    /// Finds an owner for a room that has none: the member who joined first, of several at once the first by name.
    pub(super) fn find_owner(&mut self, room: RoomNumber) {
        let place = self.room(room);
        if place.rights.owner.is_none() && !place.name.is_lobby() {
            let first = place.joins.first().map(|(joined, _)| *joined);
            let joined_first = place.joins.iter().take_while(|(joined, _)| Some(*joined) == first);
            let owner = joined_first.map(|(_, member)| *member).min_by_key(|member| self.name(*member));
            self.room_mut(room).rights.owner = owner;
        }
    }
}
