//! Accounts and their rooms: REGISTER, PASSWD, EMAIL, removal, JOIN and LEAVE; and the transient events that tell the
//! other members of a room (protocol, sections 3, 5 and 7).

use std::sync::Arc;

use super::quota::quota;
use super::{Context, Decided};
use crate::limits;
use crate::model::{Email, RoomName, Target, UserName};
use crate::protocol::request::RequestedTarget;
use crate::protocol::{Code, Event, LoggedIn, Reply};
use crate::state_machine::stored::LOBBY;
use crate::state_machine::{AccountNumber, Asked, Cost, Effect, Record, RoomNumber, StateMachine};

impl StateMachine {
    pub(super) fn register(&mut self, name: UserName, password_hash: Arc<str>, context: &mut Context) -> Decided {
        if self.stored.account_numbers.contains_key(&name) {
            return Err(Code::Exists.into());
        }
        self.stored.check_new_account(&name)?;
        let record = Record::Account { name: name.clone(), password_hash: password_hash.clone(), at: context.now.at };
        self.apply_and_emit(record, context)?;
        context.out.effects.push(Effect::Account { name: name.clone(), password_hash });
        self.join_lobby(&name, context)?;
        Ok(Reply::LoggedIn(LoggedIn { user: name }))
    }

    /// Sets a password; at the request of a user only if the old one is still the one that was compared.
    pub(super) fn set_password(
        &mut self,
        user: &UserName,
        asked: Option<Asked>,
        password_hash: Arc<str>,
        context: &mut Context,
    ) -> Decided {
        let number = self.stored.find_active_account(user)?;
        let name = self.stored.name(number);
        let current = &self.stored.account(number).row.password_hash;
        if asked.as_ref().is_some_and(|asked| asked.old_hash != *current) {
            return Err(Code::Auth.into());
        }
        self.apply_and_emit(Record::Password { user: name.clone(), password_hash: password_hash.clone() }, context)?;
        let (address, device) = asked.map(|asked| (asked.address, asked.device)).unzip();
        let device = device.flatten();
        self.end_keys(number, device.as_ref(), context)?;
        let by = context.connection;
        context.out.effects.push(Effect::Password { name, password_hash, by, address, device });
        Ok(Reply::Done)
    }

    pub(super) fn set_email(&mut self, user: &UserName, email: Email, context: &mut Context) -> Decided {
        let user = self.stored.name(self.stored.number(user)?);
        self.apply_and_emit(Record::Email { user, email }, context)?;
        Ok(Reply::Done)
    }

    pub(super) fn remove_account(&mut self, user: &UserName, context: &mut Context) -> Decided {
        let number = self.stored.find_active_account(user)?;
        let user = self.stored.name(number);
        let at = context.now.at;
        let rooms: Vec<_> = self.stored.account(number).rooms.iter().copied().collect();
        let devices: Vec<_> = self.stored.account(number).devices.iter().filter_map(|one| one.name.clone()).collect();
        self.apply_and_emit(Record::Removed { user: user.clone(), at }, context)?;
        let end_key = |device| Effect::Key { user: user.clone(), device, key: None };
        context.out.effects.extend(devices.into_iter().map(end_key));
        for room in rooms {
            let event = Event::Part { room: self.stored.room(room).name.clone(), user: user.clone(), at };
            _ = self.presence.push_transient_event(self.stored.members_to_notify(room, number), &event);
        }
        Ok(Reply::Done)
    }

    /// Returns the name of an account that was not removed, in the form in which it was registered.
    pub(super) fn active_name(&self, user: &UserName) -> Decided<UserName> {
        Ok(self.stored.name(self.stored.find_active_account(user)?))
    }

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
        if existing.is_none() {
            self.check_new_room(user, name)?;
        }
        self.add_member(user, name.clone(), context)?;
        Ok(Reply::Done)
    }

    /// Checks that the name, the server and the quota of the user allow one more room.
    fn check_new_room(&self, user: AccountNumber, name: &RoomName) -> Decided<()> {
        self.stored.check_new_room(name)?;
        if self.stored.room_numbers.len() >= limits::ROOMS {
            return Err(quota(format!("there are {} rooms; join one of them", limits::ROOMS)));
        }
        let most = self.policy.rooms_per_creator;
        if self.stored.account(user).created_rooms >= most && !name.is_lobby() {
            let why =
                format!("{most} rooms that you have created exist; one goes away when it is empty and all have left");
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
        let room = self.stored.find_room(room)?;
        if !self.stored.room(room).has_member(number) {
            return Ok(Reply::Done);
        }
        let user = self.stored.name(number);
        let name = self.stored.room(room).name.clone();
        self.apply_and_emit(Record::Leave { user: user.clone(), room: name.clone(), at: context.now.at }, context)?;
        let event = Event::Part { room: name, user, at: context.now.at };
        self.tell_members(room, number, &event, context);
        Ok(Reply::Done)
    }
}
