//! The bans: users and networks that the administrator keeps out, each with its end and reason.

use std::collections::BTreeMap;

use crate::limits;
use crate::model::{Banned, Network, ShortText, Timestamp, UserName};
use crate::protocol::{Code, Ko};

/// One ban.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ban {
    pub at: Timestamp,
    /// `None`: until it is lifted.
    pub until: Option<Timestamp>,
    pub reason: ShortText,
}

impl Ban {
    /// Returns whether the ban has ended by its time.
    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    /// Returns the reply to a login that the ban refuses.
    pub fn ko(&self) -> Ko {
        let until = self.until.map_or(String::new(), |until| format!(" until {until}"));
        let why = self.reason.as_str();
        let reason = if why.is_empty() { String::new() } else { format!(": {why}") };
        Ko::new(Code::Banned, format!("you are banned{until}{reason}"))
    }
}

/// All bans. One that has ended stays until the next one is added: the state machine has no clock.
#[derive(Default)]
pub struct Bans(BTreeMap<Banned, Ban>);

impl Bans {
    /// Adds a ban, which replaces an earlier one, and removes those that have ended.
    pub(in crate::state_machine) fn add(&mut self, banned: Banned, ban: Ban) {
        self.0.retain(|_, other| !other.has_ended(ban.at));
        self.restore(banned, ban);
    }

    /// Adds a ban of a snapshot.
    pub(in crate::state_machine) fn restore(&mut self, banned: Banned, ban: Ban) {
        self.0.insert(banned, ban);
    }

    pub(in crate::state_machine) fn remove(&mut self, banned: &Banned) -> Option<Ban> {
        self.0.remove(banned)
    }

    /// Returns all, also those that have ended.
    pub fn iter(&self) -> impl Iterator<Item = (&Banned, &Ban)> {
        self.0.iter()
    }

    /// Returns those that have not ended.
    pub fn active(&self, now: Timestamp) -> impl Iterator<Item = (&Banned, &Ban)> {
        self.0.iter().filter(move |(_, ban)| !ban.has_ended(now))
    }

    pub fn find(&self, banned: &Banned, now: Timestamp) -> Option<&Ban> {
        self.0.get(banned).filter(|ban| !ban.has_ended(now))
    }

    /// Returns the ban of a user.
    pub fn of_user(&self, user: &UserName, now: Timestamp) -> Option<&Ban> {
        // Hardly any server has a ban, and this is asked at each login.
        if self.0.is_empty() { None } else { self.find(&Banned::User(user.clone()), now) }
    }

    /// Returns the bans of networks.
    pub fn networks(&self) -> impl Iterator<Item = (Network, &Ban)> {
        self.0.iter().filter_map(|(banned, ban)| match banned {
            Banned::Network(network) => Some((*network, ban)),
            Banned::User(_) => None,
        })
    }

    /// Returns whether no more bans can be added.
    pub fn is_full(&self, now: Timestamp) -> bool {
        self.active(now).count() >= limits::BANS
    }
}
