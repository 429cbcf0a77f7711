//! Rooms: JOIN and LEAVE, what their owner decides, and the transient events that tell the members (protocol, sections 5
//! and 7).

use super::quota::quota;
use super::{Context, Decided};
use crate::limits;
use crate::model::{RoomKind, RoomName, Target, Topic, UserName};
use crate::protocol::request::RequestedTarget;
use crate::protocol::{Code, Event, Ko, Reply};
use crate::state_machine::stored::{LOBBY, Rights};
use crate::state_machine::{AccountNumber, Cost, Record, RoomNumber, StateMachine};

impl StateMachine {
    pub(super) fn join_room(&mut self, user: &UserName, room: &RequestedTarget, context: &mut Context) -> Decided {
        let Ok(Target::Room(name)) = room else { return Err(Code::Name.into()) };
        let user = self.stored.number(user)?;
        let existing = self.stored.room_numbers.get(name).copied();
        if existing.is_some_and(|room| self.stored.room(room).has_member(user)) {
            return Ok(Reply::Done);
        }
        if existing.is_some_and(|room| !self.stored.may_join(room, user)) {
            return Err(Code::NotInvited.into());
        }
        self.check_rooms_of(user)?;
        if existing.is_none() {
            self.check_new_room(user, name)?;
        }
        self.add_member(user, name.clone(), context)?;
        Ok(Reply::Done)
    }

    fn check_rooms_of(&self, user: AccountNumber) -> Decided<()> {
        match self.stored.account(user).rooms.len() >= limits::ROOMS_PER_USER {
            true => Err(quota(format!("you are in {} rooms; leave one first", limits::ROOMS_PER_USER))),
            false => Ok(()),
        }
    }

    /// Checks that the name, the server and the quota of the user allow one more room.
    fn check_new_room(&self, user: AccountNumber, name: &RoomName) -> Decided<()> {
        self.stored.check_new_room(user, name)?;
        if self.stored.room_numbers.len() >= limits::ROOMS {
            return Err(quota(format!("there are {} rooms; join one of them", limits::ROOMS)));
        }
        let most = self.policy.rooms_per_creator;
        if self.stored.account(user).created_rooms >= most && !name.is_lobby() {
            let why = format!(
                "you have created {most} rooms; one that all have left and where nothing was said counts no more"
            );
            return Err(quota(why));
        }
        Ok(())
    }

    /// Removes a room and ends all memberships, at the administrator's request.
    pub(super) fn remove_room(&mut self, room: &RequestedTarget, context: &mut Context) -> Decided {
        let room = self.stored.room(self.stored.find_room(room)?).name.clone();
        self.apply_and_emit(Record::RoomRemoved { room, at: context.now.at }, context)?;
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
        let user = self.stored.name(number);
        self.apply_and_emit(Record::Join { user: user.clone(), room: room.clone(), at: context.now.at }, context)?;
        let room = self.stored.room_number(&room)?;
        let event = Event::Join { room: self.stored.room(room).name.clone(), user, at: context.now.at };
        self.tell_members(room, number, &event, context);
        Ok(())
    }

    /// Tells of a change of membership: the other members, at the cost of the user, and the user's own devices.
    fn tell_members(&mut self, room: RoomNumber, user: AccountNumber, event: &Event, context: &Context) {
        let told = self.presence.push_transient_event(self.stored.members_to_notify(room, user), event);
        self.presence.push_to_own_devices(user, event);
        self.charge_in_any_case(user, Cost::of_tokens(told), context.now.elapsed);
    }

    pub(super) fn leave_room(&mut self, user: &UserName, room: &RequestedTarget, context: &mut Context) -> Decided {
        let number = self.stored.number(user)?;
        let room = self.stored.find_visible_room(number, room)?;
        if !self.stored.room(room).has_member(number) {
            return Ok(Reply::Done);
        }
        let user = self.stored.name(number);
        let name = self.stored.room(room).name.clone();
        let Rights { owner, kind, .. } = self.stored.room(room).rights;
        self.apply_and_emit(Record::Leave { user: user.clone(), room: name.clone(), at: context.now.at }, context)?;
        if kind == RoomKind::Invite {
            self.presence.forget_room(number, &name);
        }
        let event = Event::Part { room: name, user, at: context.now.at };
        self.tell_members(room, number, &event, context);
        self.tell_new_owner(room, owner, number, context);
        Ok(Reply::Done)
    }

    /// `ROOM`: sets who may join a room, and creates it if it is not there.
    pub(super) fn set_room_kind(
        &mut self,
        user: &UserName,
        room: &RequestedTarget,
        kind: RoomKind,
        context: &mut Context,
    ) -> Decided {
        let Ok(Target::Room(name)) = room else { return Err(Code::Name.into()) };
        let me = self.stored.number(user)?;
        let number = match self.stored.room_numbers.get(name) {
            Some(_) => self.find_own_room(me, room)?,
            // Nobody owns the lobby.
            None if name.is_lobby() => return Err(Code::NotOwner.into()),
            None => {
                self.check_rooms_of(me)?;
                self.check_new_room(me, name)?;
                self.add_member(me, name.clone(), context)?;
                self.stored.room_number(name)?
            }
        };
        let rights = &self.stored.room(number).rights;
        if rights.kind == kind {
            return Ok(Reply::Done);
        }
        if kind == RoomKind::Open && rights.was_private {
            let why = "something was said while only invited users could join, so the room stays so";
            return Err(Ko::new(Code::Conflict, why).into());
        }
        let room = self.stored.room(number).name.clone();
        self.apply_and_emit(Record::RoomKind { room, kind }, context)?;
        self.tell_change(number, me, context);
        Ok(Reply::Done)
    }

    /// `TOPIC`.
    pub(super) fn set_topic(
        &mut self,
        user: &UserName,
        room: &RequestedTarget,
        topic: Topic,
        context: &mut Context,
    ) -> Decided {
        let me = self.stored.number(user)?;
        let number = self.find_own_room(me, room)?;
        if self.stored.room(number).rights.topic != topic {
            let room = self.stored.room(number).name.clone();
            self.apply_and_emit(Record::Topic { room, topic }, context)?;
            self.tell_change(number, me, context);
        }
        Ok(Reply::Done)
    }

    /// `INVITE`.
    pub(super) fn invite(
        &mut self,
        user: &UserName,
        room: &RequestedTarget,
        guest: &RequestedTarget,
        context: &mut Context,
    ) -> Decided {
        let me = self.stored.number(user)?;
        let number = self.find_own_room(me, room)?;
        let guest = self.find_user(guest)?;
        let place = self.stored.room(number);
        if place.has_member(guest) || place.rights.invited.contains(guest) {
            return Ok(Reply::Done);
        }
        let room = place.name.clone();
        self.apply_and_emit(Record::Invited { room: room.clone(), user: self.stored.name(guest) }, context)?;
        let event = Event::Invite { room, from: self.stored.name(me) };
        _ = self.presence.push_transient_event([guest], &event);
        Ok(Reply::Done)
    }

    /// `KICK`: ends a membership, and an invitation.
    pub(super) fn kick(
        &mut self,
        user: &UserName,
        room: &RequestedTarget,
        other: &RequestedTarget,
        context: &mut Context,
    ) -> Decided {
        let me = self.stored.number(user)?;
        let number = self.find_own_room(me, room)?;
        let other = self.find_user(other)?;
        let place = self.stored.room(number);
        let is_member = place.has_member(other);
        if !is_member && !place.rights.invited.contains(other) {
            return Ok(Reply::Done);
        }
        let room = place.name.clone();
        let owner = place.rights.owner;
        let kicked = self.stored.name(other);
        let at = context.now.at;
        self.apply_and_emit(Record::Kicked { room: room.clone(), user: kicked.clone(), at }, context)?;
        self.presence.forget_room(other, &room);
        if is_member {
            let event = Event::Part { room, user: kicked, at };
            let members = self.stored.members_to_notify(number, other);
            let told = self.presence.push_transient_event(members, &event);
            _ = self.presence.push_transient_event([other], &event);
            self.charge_in_any_case(me, Cost::of_tokens(told), context.now.elapsed);
            self.tell_new_owner(number, owner, me, context);
        }
        Ok(Reply::Done)
    }

    /// `OWNER`: gives a room to another member.
    pub(super) fn give_room(
        &mut self,
        user: &UserName,
        room: &RequestedTarget,
        other: &RequestedTarget,
        context: &mut Context,
    ) -> Decided {
        let me = self.stored.number(user)?;
        let number = self.find_own_room(me, room)?;
        let other = self.find_user(other)?;
        if !self.stored.room(number).has_member(other) {
            return Err(Ko::new(Code::NotMember, "that user is not in the room").into());
        }
        if other != me {
            let room = self.stored.room(number).name.clone();
            self.apply_and_emit(Record::Owner { room, user: self.stored.name(other) }, context)?;
            self.tell_change(number, me, context);
        }
        Ok(Reply::Done)
    }

    /// Finds a room that a user owns.
    fn find_own_room(&self, user: AccountNumber, room: &RequestedTarget) -> Decided<RoomNumber> {
        let number = self.stored.find_visible_room(user, room)?;
        let is_own = self.stored.room(number).rights.owner == Some(user);
        if is_own { Ok(number) } else { Err(Code::NotOwner.into()) }
    }

    /// Finds the account of a user that a request names.
    pub(super) fn find_user(&self, user: &RequestedTarget) -> Decided<AccountNumber> {
        let Ok(Target::User(name)) = user else { return Err(Code::NoUser.into()) };
        Ok(self.stored.find_active_account(name)?)
    }

    /// Tells the members what a room is now, at the cost of the user who has changed it.
    fn tell_change(&mut self, room: RoomNumber, by: AccountNumber, context: &Context) {
        let event = self.change_of(room);
        self.tell_members(room, by, &event, context);
    }

    /// Returns the event that tells what a room is now.
    fn change_of(&self, room: RoomNumber) -> Event {
        let place = self.stored.room(room);
        Event::Room {
            room: place.name.clone(),
            kind: place.rights.kind,
            owner: place.rights.owner.map(|owner| self.stored.name(owner)),
            topic: place.rights.topic.clone(),
        }
    }

    /// Tells the members of a room that the owner has left, who owns it now.
    pub(super) fn tell_new_owner(
        &mut self,
        room: RoomNumber,
        before: Option<AccountNumber>,
        by: AccountNumber,
        context: &Context,
    ) {
        let now = self.stored.room(room).rights.owner;
        if now.is_some() && now != before {
            let event = self.change_of(room);
            let members = self.stored.members_to_notify(room, by);
            let told = self.presence.push_transient_event(members, &event);
            self.charge_in_any_case(by, Cost::of_tokens(told), context.now.elapsed);
        }
    }
}
