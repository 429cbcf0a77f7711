//! Accounts: REGISTER, PASSWD, EMAIL, removal (protocol, sections 3 and 5).

use std::sync::Arc;

use super::{Context, Decided};
use crate::model::{Email, UserName};
use crate::protocol::{Code, Event, LoggedIn, Reply};
use crate::state_machine::{Asked, Effect, Record, StateMachine};

impl StateMachine {
    pub(super) fn register(&mut self, name: UserName, password_hash: Arc<str>, context: &mut Context) -> Decided {
        if self.stored.find_account(&name).is_some() {
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
        let rooms = self.stored.account(number).rooms.iter();
        let rooms: Vec<_> = rooms.map(|room| (*room, self.stored.room(*room).rights.owner)).collect();
        let devices: Vec<_> = self.stored.account(number).devices.iter().filter_map(|one| one.name.clone()).collect();
        self.apply_and_emit(Record::Removed { user: user.clone(), at }, context)?;
        let end_key = |device| Effect::Key { user: user.clone(), device, key: None };
        context.out.effects.extend(devices.into_iter().map(end_key));
        for (room, owner) in rooms {
            let event = Event::Part { room: self.stored.room(room).name.clone(), user: user.clone(), at };
            _ = self.presence.push_transient_event(self.stored.members_to_notify(room, number), &event);
            self.tell_new_owner(room, owner, number, context);
        }
        Ok(Reply::Done)
    }

    /// Returns the name of an account that was not removed, in the form in which it was registered.
    pub(super) fn active_name(&self, user: &UserName) -> Decided<UserName> {
        Ok(self.stored.name(self.stored.find_active_account(user)?))
    }
}
