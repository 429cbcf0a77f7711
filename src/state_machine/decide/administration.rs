//! The administrator's commands: accounts that are created together, bans, announcements.

use std::collections::{HashMap, HashSet};

use super::quota::quota;
use super::{Context, Decided};
use crate::model::look::looks;
use crate::model::{Banned, Email, NewAccount, ShortText, Text, Timestamp, UserName};
use crate::protocol::{Code, Event, Ko, Reply};
use crate::state_machine::stored::looks_like;
use crate::state_machine::{Effect, Record, StateMachine};

impl StateMachine {
    /// Creates accounts, all or none: every name is checked before the first record.
    pub(super) fn add_accounts(&mut self, accounts: Vec<NewAccount>, lobby: bool, context: &mut Context) -> Decided {
        self.check_new_accounts(&accounts)?;
        for NewAccount { name, password_hash, email } in accounts {
            let user = name.clone();
            let at = context.now.at;
            let record = Record::Account { name: user.clone(), password_hash: password_hash.clone(), at };
            self.apply_and_emit(record, context)?;
            context.out.effects.push(Effect::Account { name, password_hash });
            if lobby {
                self.join_lobby(&user, context)?;
            }
            if email != Email::default() {
                self.apply_and_emit(Record::Email { user, email }, context)?;
            }
        }
        Ok(Reply::Done)
    }

    fn check_new_accounts(&self, accounts: &[NewAccount]) -> Decided<()> {
        let mut names = HashSet::new();
        let is_taken = |new: &&NewAccount| self.stored.find_account(&new.name).is_some();
        let taken = accounts.iter().find(|new| is_taken(new) || !names.insert(&new.name));
        let Some(NewAccount { name, .. }) = taken else { return self.check_new_names(accounts) };
        let which = if accounts.len() > 1 { format!("{name}: ") } else { String::new() };
        Err(Ko::new(Code::Exists, format!("{which}that name is taken (a removed one stays so)")).into())
    }

    /// Checks that each new name looks like none that is taken, and like none of the others.
    fn check_new_names(&self, accounts: &[NewAccount]) -> Decided<()> {
        let named = |name: &UserName, ko: Ko| {
            if accounts.len() > 1 { Ko::new(ko.code, format!("{name}: {}", ko.text)) } else { ko }
        };
        let mut seen = HashMap::new();
        for NewAccount { name, .. } in accounts {
            self.stored.check_new_account(name).map_err(|ko| named(name, ko))?;
            for look in looks(name) {
                if let Some(other) = seen.insert(look, name).filter(|other| *other != name) {
                    return Err(named(name, looks_like(other)).into());
                }
            }
        }
        Ok(())
    }

    /// Bans a user, who has to have an account, or a network.
    pub(super) fn ban(
        &mut self,
        banned: Banned,
        until: Option<Timestamp>,
        reason: ShortText,
        context: &mut Context,
    ) -> Decided {
        let banned = match banned {
            Banned::User(user) => Banned::User(self.active_name(&user)?),
            network => network,
        };
        let at = context.now.at;
        if self.stored.bans.find(&banned, at).is_none() && self.stored.bans.is_full(at) {
            return Err(quota("there are too many bans; lift one first"));
        }
        self.apply_and_emit(Record::Banned { banned, at, until, reason }, context)?;
        Ok(Reply::Done)
    }

    pub(super) fn unban(&mut self, banned: Banned, context: &mut Context) -> Decided {
        if self.stored.bans.find(&banned, context.now.at).is_none() {
            return Err(Ko::new(Code::NoUser, "there is no such ban").into());
        }
        self.apply_and_emit(Record::Unbanned { banned }, context)?;
        Ok(Reply::Done)
    }

    /// Tells all users who are online. Nothing is recorded.
    pub(super) fn announce(&mut self, text: Text, context: &Context) -> Reply {
        let event = Event::Notice { at: context.now.at, text };
        _ = self.presence.push_transient_event(self.presence.online(), &event);
        Reply::Done
    }
}
