//! Presence: who is online, as far as the server tells, and which comings and goings are news.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use super::App;
use super::view::notice;
use crate::client::link::request::Request;
use crate::client::state::Arrival;
use crate::client::state::record::Switch;
use crate::limits;
use crate::model::UserName;
use crate::protocol::User;
use crate::texts::Phrase;

/// The presence of the users, as far as this session has been told.
#[derive(Default)]
pub struct Presence {
    users: HashMap<UserName, bool>,
    /// Users who have gone offline, and the context from which on that is news: one who reconnects is back before it.
    leaving: Vec<(UserName, Instant)>,
    /// The list of users is to be fetched in this session, or is being fetched.
    due: bool,
    asked: bool,
    /// The list was shown in this run.
    shown: bool,
    /// Users who have joined a room since they were last reported: that they are online is known.
    joiners: HashSet<UserName>,
}

impl Presence {
    /// A session begins: events tell of changes from now on, a list of what was before.
    pub fn note_login(&mut self) {
        self.forget();
        self.due = true;
    }

    /// The session is over: nothing is known any more.
    pub fn forget(&mut self) {
        let joiners = std::mem::take(&mut self.joiners);
        *self = Self { shown: self.shown, joiners, ..Self::default() };
    }

    /// The server is back: presence was not reported meanwhile.
    pub fn note_reachable(&mut self) {
        self.joiners.clear();
    }

    /// Notes that a user has joined a room. A bounded number is remembered: a notice too many does no harm.
    pub fn note_joiner(&mut self, user: UserName) {
        if self.joiners.len() >= limits::TRANSIENT_EVENTS {
            self.joiners.clear();
        }
        self.joiners.insert(user);
    }

    /// Makes the list due again: it had no answer.
    pub fn retry(&mut self) {
        self.due |= std::mem::take(&mut self.asked);
    }

    pub fn next_request(&mut self) -> Option<Request> {
        let due = std::mem::take(&mut self.due);
        self.asked |= due;
        due.then_some(Request::Presence)
    }

    /// Returns whether a user is online; `None`: not known. The server reports changes of those with whom there is a
    /// conversation, or a room that is not too large.
    pub fn is_online(&self, user: &UserName) -> Option<bool> {
        self.users.get(user).copied()
    }

    /// Returns the context at which the next departure is news.
    pub fn deadline(&self) -> Option<Instant> {
        self.leaving.iter().map(|(_, at)| *at).min()
    }

    fn note(&mut self, user: &UserName, online: bool) {
        if self.users.len() < limits::PRESENCE_USERS || self.users.contains_key(user) {
            self.users.insert(user.clone(), online);
        }
    }

    /// Notes a list. What an event of this session has said is newer. `false`: the list was asked for in an earlier session.
    fn note_list(&mut self, users: &[User]) -> bool {
        if !std::mem::take(&mut self.asked) {
            return false;
        }
        for user in users {
            if self.is_online(&user.name).is_none() {
                self.note(&user.name, user.online);
            }
        }
        true
    }

    /// Holds a departure back. `false`: too many are.
    fn hold(&mut self, user: &UserName, until: Instant) -> bool {
        let fits = self.leaving.len() < limits::TRANSIENT_EVENTS;
        if fits {
            self.leaving.push((user.clone(), until));
        }
        fits
    }

    /// Removes a departure that is held back; `true`: there was one.
    fn cancel(&mut self, user: &UserName) -> bool {
        let before = self.leaving.len();
        self.leaving.retain(|(left, _)| left != user);
        self.leaving.len() < before
    }

    /// Removes the departures that are news by now.
    fn take_gone(&mut self, now: Instant) -> Vec<UserName> {
        let (gone, leaving) = std::mem::take(&mut self.leaving).into_iter().partition(|(_, at)| *at <= now);
        self.leaving = leaving;
        Vec::into_iter(gone).map(|(user, _)| user).collect()
    }
}

impl App {
    /// Returns whether a user is online; `None`: not known.
    pub fn is_online(&self, user: &UserName) -> Option<bool> {
        self.presence.is_online(user)
    }

    /// Notes what an arrival says about the presence of a user, hidden or not.
    pub(super) fn note_presence(&mut self, arrival: &Arrival) {
        match arrival {
            Arrival::Online(user) => self.presence.note(user, true),
            Arrival::Offline(user) => self.presence.note(user, false),
            // A stranger until now, of whom no event has told. One who has just registered is reported next.
            Arrival::Joined(_, user) if self.presence.is_online(user) == Some(false) => {
                self.presence.users.remove(user);
            }
            _ => {}
        }
    }

    /// The session is over: its news are none any more.
    pub(super) fn forget_presence(&mut self) {
        self.presence.forget();
        self.held.retain(|arrival| !matches!(arrival, Arrival::Online(_) | Arrival::Offline(_)));
    }

    pub(super) fn handle_online(&mut self, user: &UserName) {
        let is_back = self.presence.cancel(user);
        let has_joined = self.presence.joiners.remove(user);
        // A user who has just joined is online: that is not said twice. One who reconnects is no news.
        if !is_back && !has_joined {
            self.show_news(Phrase::ComesOnline { user });
        }
    }

    pub(super) fn handle_offline(&mut self, user: &UserName) {
        self.presence.joiners.remove(user);
        if !self.presence.hold(user, self.context.now + limits::RECONNECT_GRACE) {
            self.show_news(Phrase::GoesOffline { user });
        }
    }

    /// Returns the context at which the next departure is news. While arrivals are held back a return may be among them.
    pub(super) fn departure_deadline(&self) -> Option<Instant> {
        self.presence.deadline().filter(|_| self.held.is_empty())
    }

    /// Shows the departures of those who have not come back.
    pub(super) fn show_departures(&mut self) {
        if !self.held.is_empty() {
            return;
        }
        for user in self.presence.take_gone(self.context.now) {
            self.show_news(Phrase::GoesOffline { user: &user });
        }
    }

    /// Shows a line about who comes and goes, unless the user wants none.
    pub(super) fn show_news(&mut self, phrase: Phrase) {
        if !self.state.is_on(Switch::Quiet) {
            self.show(notice(phrase));
        }
    }

    /// Notes who is online, and shows it once in a run.
    pub(super) fn handle_presence(&mut self, users: &[User]) {
        if !self.presence.note_list(users) || std::mem::replace(&mut self.presence.shown, true) {
            return;
        }
        let is_shown =
            |user: &&User| user.online && user.name != *self.state.me() && !self.state.is_ignored(&user.name);
        let names: Vec<_> = users.iter().filter(is_shown).map(|user| user.name.to_string()).collect();
        let named: Vec<_> = names.iter().take(limits::PRESENCE_NAMES).cloned().collect();
        let users = named.join(" ");
        let more = names.len() - named.len();
        self.show(notice(match (names.len(), more) {
            (0, _) => Phrase::NobodyOnline,
            (_, 0) => Phrase::OnlineNow { users: &users },
            _ => Phrase::OnlineNowAndMore { users: &users, more: &more },
        }));
    }
}
