//! Rooms as the state machine sees them: who comes and goes, and what that makes known to whom
//! (protocol, section 7).

use std::sync::Arc;

use super::decide::{Handled, Outcome, Stop};
use super::room::{Moved, Room};
use super::{AccountNumber, Code, ConversationId, Inconsistent, Now, Record, RoomNumber, StateMachine, TargetNumber};
use crate::limits;
use crate::model::{Message, NoSuchTarget, RoomName, Seq, Target, Timestamp, UserName};
use crate::protocol::request::RequestedTarget;
use crate::protocol::{Event, Ko, Reply, reply};
use crate::record::length_in_record;

/// The room that every new account is in.
const LOBBY: &str = "#lobby";

/// More than anything takes beside its text in the line of an event.
pub(super) const EVENT_BYTES: usize = 256;

// What happened.
impl StateMachine {
    pub(super) fn join_room(&mut self, user: &UserName, room: &RoomName) -> Result<(), Inconsistent> {
        let (who, now) = (self.number(user)?, self.last);
        let number = match self.room_names.get(room) {
            Some(number) => *number,
            None => self.add_room(room.clone()),
        };
        self.room_mut(number).join(who, now);
        self.account_mut(who).rooms.insert(number);
        Ok(())
    }

    pub(super) fn add_room(&mut self, name: RoomName) -> RoomNumber {
        let number = RoomNumber::new(self.rooms.len());
        self.rooms.push(Room::new(name.clone()));
        self.room_names.insert(name, number);
        number
    }

    pub(super) fn leave_room(&mut self, user: &UserName, room: &RoomName, at: Timestamp) -> Result<(), Inconsistent> {
        let (who, number) = (self.number(user)?, self.room_number(room)?);
        self.account_mut(who).rooms.remove(&number);
        let moved = self.room_mut(number).leave(who);
        self.tell_moved(number, moved, at);
        Ok(())
    }

    pub(super) fn leave_all(&mut self, user: &UserName, at: Timestamp) -> Result<(), Inconsistent> {
        let rooms = self.account(self.number(user)?).rooms.clone();
        rooms.into_iter().try_for_each(|room| self.leave_room(user, &self.room(room).name.clone(), at))
    }

    pub(super) fn add_to_room(
        &mut self,
        message: &Arc<Message>,
        from: AccountNumber,
        room: &RoomName,
    ) -> Result<(), Inconsistent> {
        let number = self.room_number(room)?;
        if !self.room(number).has(from) {
            return Err(Inconsistent(format!("{} is not in {room}", message.from)));
        }
        self.take_number(message.seq)?;
        self.account_mut(from).sent.remember(message);
        self.conversations.entry(ConversationId::Room(number)).or_default().add(message.clone());
        let bytes = u32::try_from(length_in_record(message.text.as_str()) + EVENT_BYTES).unwrap_or(u32::MAX);
        let moved = self.room_mut(number).add(message.seq, from, bytes);
        self.tell_moved(number, moved, message.at);
        let others: Vec<_> = self.room(number).members.keys().copied().filter(|member| *member != from).collect();
        others.into_iter().for_each(|member| self.presence.wake(member));
        Ok(())
    }

    pub(super) fn acknowledge_in_rooms(&mut self, who: AccountNumber, upto: Seq, at: Timestamp) {
        let rooms: Vec<_> = self.account(who).rooms.iter().copied().collect();
        for number in rooms {
            let moved = self.room_mut(number).acknowledge(who, upto);
            self.tell_moved(number, moved, at);
        }
    }

    pub(super) fn mark_read_in_room(
        &mut self,
        who: AccountNumber,
        room: &RoomName,
        upto: Seq,
        at: Timestamp,
    ) -> Result<(), Inconsistent> {
        let number = self.room_number(room)?;
        let moved = self.room_mut(number).read(who, upto);
        self.tell_moved(number, moved, at);
        Ok(())
    }

    /// Tells the senders in a room how far their messages have come.
    fn tell_moved(&mut self, room: RoomNumber, moved: Vec<Moved>, at: Timestamp) {
        if moved.is_empty() {
            return;
        }
        let target = Target::Room(self.room(room).name.clone());
        for Moved { sender, state, upto } in moved {
            self.tell_state(sender, TargetNumber::Room(room), &target, state, upto, at);
        }
    }

    pub(super) fn room_number(&self, name: &RoomName) -> Result<RoomNumber, Inconsistent> {
        self.room_names.get(name).copied().ok_or_else(|| Inconsistent(format!("there is no room {name}")))
    }

    // Room numbers are made by `add_room` alone (those of a checkpoint's files are checked) and rooms
    // are never taken out, so that these two indices are always good.
    pub(super) fn room(&self, number: RoomNumber) -> &Room {
        &self.rooms[number.index()]
    }

    pub(super) fn room_mut(&mut self, number: RoomNumber) -> &mut Room {
        &mut self.rooms[number.index()]
    }
}

// What is asked.
impl StateMachine {
    pub(super) fn find_room(&self, room: &RequestedTarget) -> Result<RoomNumber, Code> {
        match room {
            Ok(Target::Room(name)) => self.room_names.get(name).copied().ok_or(Code::NoRoom),
            Ok(Target::User(_)) | Err(NoSuchTarget::User | NoSuchTarget::Room) => Err(Code::NoRoom),
        }
    }

    pub(super) fn join(&mut self, user: UserName, room: &RequestedTarget, now: Now, out: &mut Outcome) -> Handled {
        let Ok(Target::Room(room)) = room else { return Err(Code::Name.into()) };
        let who = self.number(&user)?;
        let known = self.room_names.get(room).copied();
        if known.is_some_and(|room| self.room(room).has(who)) {
            return Ok(Reply::Done.into());
        }
        if self.account(who).rooms.len() >= limits::ROOMS_PER_USER {
            return Err(too_many(format!("you are in {} rooms; leave one first", limits::ROOMS_PER_USER)));
        }
        if known.is_none() && self.rooms.len() >= limits::ROOMS {
            return Err(too_many(format!("there are {} rooms; join one of them", limits::ROOMS)));
        }
        self.come_in(who, room.clone(), now, out)?;
        Ok(Reply::Done.into())
    }

    /// A new account is in the lobby, if there is one.
    pub(super) fn join_lobby(&mut self, user: &UserName, now: Now, out: &mut Outcome) -> Handled<()> {
        match RoomName::new(LOBBY) {
            Ok(lobby) if self.policy.lobby => self.come_in(self.number(user)?, lobby, now, out),
            _ => Ok(()),
        }
    }

    fn come_in(&mut self, who: AccountNumber, room: RoomName, now: Now, out: &mut Outcome) -> Handled<()> {
        let user = self.account(who).name.clone();
        self.happen(Record::Join { user: user.clone(), room: room.clone(), at: now.at }, out)?;
        let number = self.room_number(&room)?;
        // As it was made, not as it was typed.
        let room = self.room(number).name.clone();
        self.tell_room(number, who, &Event::Join { room, user, at: now.at });
        Ok(())
    }

    pub(super) fn leave(&mut self, user: UserName, room: &RequestedTarget, now: Now, out: &mut Outcome) -> Handled {
        let (who, number) = (self.number(&user)?, self.find_room(room)?);
        if !self.room(number).has(who) {
            return Ok(Reply::Done.into());
        }
        let (user, room) = (self.account(who).name.clone(), self.room(number).name.clone());
        self.happen(Record::Leave { user: user.clone(), room: room.clone(), at: now.at }, out)?;
        self.tell_room(number, who, &Event::Part { room, user, at: now.at });
        Ok(Reply::Done.into())
    }

    /// Tells the members of a room what one of them does, unless there are so many that nobody would
    /// want to know.
    fn tell_room(&mut self, room: RoomNumber, who: AccountNumber, event: &Event) {
        for member in self.acquaintances_in(room, who) {
            self.presence.tell(member, event.clone());
        }
    }

    /// The other members of a room that is small enough for them to know each other.
    pub(super) fn acquaintances_in(&self, room: RoomNumber, who: AccountNumber) -> Vec<AccountNumber> {
        let members = &self.room(room).members;
        let small = members.len() <= limits::ROOM_PRESENCE;
        members.keys().copied().filter(|member| small && *member != who).collect()
    }

    pub(super) fn list_rooms(&self, user: &UserName) -> Handled {
        let me = self.number(user)?;
        let row =
            |room: &Room| reply::Room { name: room.name.clone(), members: room.members.len(), member: room.has(me) };
        Ok(Reply::Rooms(self.rooms.iter().map(row).collect()).into())
    }

    pub(super) fn list_members(&self, room: &RequestedTarget) -> Handled {
        let members = &self.room(self.find_room(room)?).members;
        let row = |member: &AccountNumber| reply::Member {
            name: self.account(*member).name.clone(),
            online: self.presence.is_online(*member),
        };
        Ok(Reply::Members(members.keys().map(row).collect()).into())
    }
}

fn too_many(text: String) -> Stop {
    Stop::Refused(Ko::new(Code::Quota, text))
}
