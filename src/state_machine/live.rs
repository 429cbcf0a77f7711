//! The live state: RECV sessions with their waiting polls and transient events (protocol, sections 6 and 7). A
//! restart ends all of it; no record or checkpoint holds any.

use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use hashbrown::HashMap;

use crate::limits;
use crate::model::{Fingerprint, Seq};
use crate::protocol::Event;
use crate::state_machine::AccountNumber;
use crate::state_machine::command::ConnectionId;

/// All RECV sessions.
#[derive(Default)]
pub struct Presence {
    /// By account number: the session of each user who is online.
    sessions: Vec<Option<Box<Session>>>,
    users: HashMap<ConnectionId, AccountNumber>,
    /// The deadline of each waiting poll, earliest first.
    pub deadlines: BTreeSet<(Duration, AccountNumber)>,
    /// The online users for whom events have come since the waiting polls were last answered.
    pub woken: Vec<AccountNumber>,
}

/// One RECV session.
pub struct Session {
    pub connection: ConnectionId,
    /// Position of the session's login among all logins.
    pub login_order: u64,
    /// The highest number that this connection was sent: `POLL;*` acknowledges it.
    pub sent: Seq,
    pub poll: Option<WaitingPoll>,
    /// The client has ended its input: polls do not wait.
    pub hung_up: bool,
    pub address: IpAddr,
    /// The TCP port on which the client takes direct chats, and under TLS its certificate.
    pub direct: Option<(u16, Option<Fingerprint>)>,
    /// Events without a number, oldest first (protocol, section 7).
    pub transient: VecDeque<Event>,
}

/// A poll that waits for events.
#[derive(Clone, Copy)]
pub struct WaitingPoll {
    pub after: Seq,
    pub max: usize,
    /// Time since the start of the server at which the poll is answered in any case.
    pub deadline: Duration,
    /// The user is above the rate: events do not answer the poll before its deadline.
    pub is_held: bool,
}

impl Presence {
    pub fn is_online(&self, user: AccountNumber) -> bool {
        self.session(user).is_some()
    }

    pub fn session(&self, user: AccountNumber) -> Option<&Session> {
        self.sessions.get(user.index())?.as_deref()
    }

    pub fn session_mut(&mut self, user: AccountNumber) -> Option<&mut Session> {
        self.sessions.get_mut(user.index())?.as_deref_mut()
    }

    /// Returns a connection's session and its user; `None` also for a session that was replaced.
    pub fn session_of(&mut self, connection: ConnectionId) -> Option<(AccountNumber, &mut Session)> {
        let user = *self.users.get(&connection)?;
        self.session_mut(user).map(|session| (user, session))
    }

    /// Returns the users who are online.
    pub fn online(&self) -> Vec<AccountNumber> {
        self.users.values().copied().collect()
    }

    /// Opens a session; returns the connection of the one that it replaces.
    pub fn open_session(
        &mut self,
        connection: ConnectionId,
        user: AccountNumber,
        login_order: u64,
        address: IpAddr,
    ) -> Option<ConnectionId> {
        let replaced = self.remove_session(user);
        if self.sessions.len() <= user.index() {
            self.sessions.resize_with(user.index() + 1, || None);
        }
        let sent = Seq::ZERO;
        let poll = None;
        let hung_up = false;
        let direct = None;
        let transient = VecDeque::new();
        let session = Session { connection, login_order, sent, poll, hung_up, address, direct, transient };
        if let Some(slot) = self.sessions.get_mut(user.index()) {
            *slot = Some(Box::new(session));
        }
        self.users.insert(connection, user);
        replaced
    }

    /// Closes a connection's session; returns its user, who is offline now.
    pub fn close_session(&mut self, connection: ConnectionId) -> Option<AccountNumber> {
        let user = *self.users.get(&connection)?;
        self.remove_session(user);
        Some(user)
    }

    fn remove_session(&mut self, user: AccountNumber) -> Option<ConnectionId> {
        self.end_poll(user);
        let session = self.sessions.get_mut(user.index())?.take()?;
        self.users.remove(&session.connection);
        Some(session.connection)
    }

    /// Adds a user's poll to the waiting ones; it replaces an earlier one.
    pub fn start_poll(&mut self, user: AccountNumber, poll: WaitingPoll) {
        self.end_poll(user);
        if let Some(session) = self.session_mut(user) {
            session.poll = Some(poll);
            self.deadlines.insert((poll.deadline, user));
        }
    }

    /// Removes a user's waiting poll.
    pub fn end_poll(&mut self, user: AccountNumber) {
        if let Some(poll) = self.session_mut(user).and_then(|session| session.poll.take()) {
            self.deadlines.remove(&(poll.deadline, user));
        }
    }

    /// Returns the users whose polls have a deadline up to a time.
    pub fn users_polling_until(&self, elapsed: Duration) -> Vec<AccountNumber> {
        self.deadlines.iter().take_while(|(deadline, _)| *deadline <= elapsed).map(|(_, user)| *user).collect()
    }

    /// Marks a user, if online, as one whose waiting poll may have events.
    pub fn wake(&mut self, user: AccountNumber) {
        if self.is_online(user) {
            self.woken.push(user);
        }
    }

    /// Queues a transient event for those users who are online, and returns how many they are. Above the limit the oldest
    /// one of a user is dropped.
    pub fn push_transient_event(&mut self, users: impl IntoIterator<Item = AccountNumber>, event: &Event) -> usize {
        let mut told = 0;
        for user in users {
            let Some(session) = self.session_mut(user) else { continue };
            if session.transient.len() >= limits::TRANSIENT_EVENTS {
                session.transient.pop_front();
            }
            session.transient.push_back(event.clone());
            self.wake(user);
            told += 1;
        }
        told
    }
}
