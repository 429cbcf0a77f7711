//! What the owner of a room decides: who may join, the topic, who is invited and who is kept out; and what a user decides:
//! who may call (protocol, section 5).

use std::collections::BTreeMap;

use super::AccountNumber;
use crate::limits;
use crate::model::{RoomKind, Topic};

/// The rights in a room.
#[derive(Default)]
pub struct Rights {
    pub kind: RoomKind,
    /// Something was said while only those who are invited could join: the room stays so.
    pub was_private: bool,
    /// A member; `None`: nobody, as in the lobby.
    pub owner: Option<AccountNumber>,
    pub topic: Topic,
    pub invited: Guests,
    /// Those who were kicked: they need an invitation to return.
    pub kept_out: Guests,
}

/// Users by the place of their entry among all: at most [`limits::ROOM_INVITATIONS`].
#[derive(Default)]
pub struct Guests(BTreeMap<u64, AccountNumber>);

impl Guests {
    pub fn contains(&self, user: AccountNumber) -> bool {
        self.0.values().any(|other| *other == user)
    }

    /// Adds a user, who is not among them. Returns the oldest entry if there are too many.
    pub fn add(&mut self, place: u64, user: AccountNumber) -> Option<(u64, AccountNumber)> {
        self.0.insert(place, user);
        if self.0.len() > limits::ROOM_INVITATIONS { self.0.pop_first() } else { None }
    }

    /// Removes a user; returns the place of the entry, if there was one.
    pub fn remove(&mut self, user: AccountNumber) -> Option<u64> {
        let place = self.0.iter().find(|(_, other)| **other == user).map(|(place, _)| *place)?;
        self.0.remove(&place);
        Some(place)
    }

    pub fn iter(&self) -> impl Iterator<Item = (u64, AccountNumber)> {
        self.0.iter().map(|(place, user)| (*place, *user))
    }
}

/// Those whom a user lets call (`true`), and those whom not, in the order in which the user has said so: at most
/// [`limits::PERMITS`].
#[derive(Default)]
pub struct Permits(Vec<(AccountNumber, bool)>);

impl Permits {
    pub fn get(&self, caller: AccountNumber) -> Option<bool> {
        self.0.iter().find(|(other, _)| *other == caller).map(|(_, permitted)| *permitted)
    }

    /// Returns whether something can be said of a caller: it is known, or there are fewer than the limit, or the place of one
    /// who is permitted can be taken.
    pub fn has_place_for(&self, caller: AccountNumber) -> bool {
        self.0.len() < limits::PERMITS || self.0.iter().any(|(other, permitted)| *permitted || *other == caller)
    }

    /// Notes a caller. Of too many the oldest who is permitted goes: that one is told no more than others, and can be permitted
    /// again, while one who was refused would be let through again.
    pub fn put(&mut self, caller: AccountNumber, permitted: bool) {
        self.remove(caller);
        if self.0.len() >= limits::PERMITS
            && let Some(oldest) = self.0.iter().position(|(_, permitted)| *permitted)
        {
            self.0.remove(oldest);
        }
        self.0.push((caller, permitted));
    }

    pub fn remove(&mut self, caller: AccountNumber) {
        self.0.retain(|(other, _)| *other != caller);
    }

    pub fn iter(&self) -> impl Iterator<Item = (AccountNumber, bool)> {
        self.0.iter().copied()
    }
}
