//! JOIN and LEAVE, and the transient events that tell the other members (protocol, sections 5 and 7).

use super::{Context, DecideError, Decided};
use crate::limits;
use crate::model::{RoomName, Target, UserName};
use crate::protocol::request::RequestedTarget;
use crate::protocol::{Code, Event, Ko, Reply};
use crate::state_machine::{AccountNumber, Record, RoomNumber, StateMachine};

/// The room of which every new account is a member.
const LOBBY: &str = "#lobby";

impl StateMachine {
    pub(super) fn join_room(&mut self, user: &UserName, room: &RequestedTarget, context: &mut Context) -> Decided {
        let Ok(Target::Room(name)) = room else { return Err(Code::Name.into()) };
        let user = self.stored.number(user)?;
        let existing = self.stored.room_numbers.get(name).copied();
        if existing.is_some_and(|room| self.stored.room(room).has_member(user)) {
            return Ok(Reply::Done);
        }
        if self.stored.account(user).rooms.len() >= limits::ROOMS_PER_USER {
            return Err(quota(format!("you are in {} rooms; leave one first", limits::ROOMS_PER_USER)));
        }
        if existing.is_none() && self.stored.rooms.len() >= limits::ROOMS {
            return Err(quota(format!("there are {} rooms; join one of them", limits::ROOMS)));
        }
        self.add_member(user, name.clone(), context)?;
        Ok(Reply::Done)
    }

    /// Makes a new account a member of the lobby, if the server has one.
    pub(super) fn join_lobby(&mut self, user: &UserName, context: &mut Context) -> Decided<()> {
        match RoomName::new(LOBBY) {
            Ok(lobby) if self.policy.lobby => self.add_member(self.stored.number(user)?, lobby, context),
            _ => Ok(()),
        }
    }

    fn add_member(&mut self, number: AccountNumber, room: RoomName, context: &mut Context) -> Decided<()> {
        let user = self.stored.account(number).name.clone();
        self.apply_and_emit(Record::Join { user: user.clone(), room: room.clone(), at: context.now.at }, context)?;
        let room = self.stored.room_number(&room)?;
        let name = self.stored.room(room).name.clone();
        self.notify_members(room, number, &Event::Join { room: name, user, at: context.now.at });
        Ok(())
    }

    pub(super) fn leave_room(&mut self, user: &UserName, room: &RequestedTarget, context: &mut Context) -> Decided {
        let (number, room) = (self.stored.number(user)?, self.stored.find_room(room)?);
        if !self.stored.room(room).has_member(number) {
            return Ok(Reply::Done);
        }
        let (user, name) = (self.stored.account(number).name.clone(), self.stored.room(room).name.clone());
        self.apply_and_emit(Record::Leave { user: user.clone(), room: name.clone(), at: context.now.at }, context)?;
        self.notify_members(room, number, &Event::Part { room: name, user, at: context.now.at });
        Ok(Reply::Done)
    }

    /// Sends the other members of a small room a transient event about a member.
    fn notify_members(&mut self, room: RoomNumber, member: AccountNumber, event: &Event) {
        for other in self.stored.members_to_notify(room, member) {
            self.presence.push_transient_event(other, event.clone());
        }
    }
}

fn quota(text: String) -> DecideError {
    DecideError::Refused(Ko::new(Code::Quota, text))
}
