//! Accounts: REGISTER, PASSWD, EMAIL and removal (protocol, sections 3 and 5).

use std::sync::Arc;

use super::{Context, Decided};
use crate::model::{Email, UserName};
use crate::protocol::{Code, LoggedIn, Reply};
use crate::state_machine::{Effect, Record, StateMachine};

impl StateMachine {
    pub(super) fn register(&mut self, name: UserName, password_hash: Arc<str>, context: &mut Context) -> Decided {
        if self.stored.account_numbers.contains_key(&name) {
            return Err(Code::Exists.into());
        }
        let record = Record::Account { name: name.clone(), password_hash: password_hash.clone(), at: context.now.at };
        self.apply_and_emit(record, context)?;
        context.out.effects.push(Effect::Account { name: name.clone(), password_hash });
        self.join_lobby(&name, context)?;
        Ok(Reply::LoggedIn(LoggedIn { user: name }))
    }

    pub(super) fn set_password(&mut self, user: &UserName, password_hash: Arc<str>, context: &mut Context) -> Decided {
        let name = self.active_name(user)?;
        self.apply_and_emit(Record::Password { user: name.clone(), password_hash: password_hash.clone() }, context)?;
        context.out.effects.push(Effect::Account { name, password_hash });
        Ok(Reply::Done)
    }

    pub(super) fn set_email(&mut self, user: &UserName, email: Email, context: &mut Context) -> Decided {
        let user = self.stored.account(self.stored.number(user)?).name.clone();
        self.apply_and_emit(Record::Email { user, email }, context)?;
        Ok(Reply::Done)
    }

    pub(super) fn remove_account(&mut self, user: &UserName, context: &mut Context) -> Decided {
        let user = self.active_name(user)?;
        self.apply_and_emit(Record::Removed { user, at: context.now.at }, context)?;
        Ok(Reply::Done)
    }

    /// Returns the name of an account that was not removed, in the form in which it was registered.
    fn active_name(&self, user: &UserName) -> Decided<UserName> {
        Ok(self.stored.account(self.stored.find_active_account(user)?).name.clone())
    }
}
