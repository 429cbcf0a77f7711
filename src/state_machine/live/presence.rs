//! RECV sessions: which users are online, their waiting polls and their transient events (protocol, sections 6 and 7).

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::limits;
use crate::model::Seq;
use crate::protocol::Event;
use crate::state_machine::AccountNumber;
use crate::state_machine::command::ConnectionId;

/// All RECV sessions.
#[derive(Default)]
pub(in crate::state_machine) struct Presence {
    /// By account number: the session of each user who is online.
    sessions: Vec<Option<Box<Session>>>,
    users: HashMap<ConnectionId, AccountNumber>,
    /// The deadline of each waiting poll, earliest first.
    deadlines: BTreeSet<(Duration, AccountNumber)>,
    /// The online users for whom events have come since the waiting polls were last answered.
    woken: Vec<AccountNumber>,
}

/// One RECV session.
pub(in crate::state_machine) struct Session {
    pub connection: ConnectionId,
    /// Position of the session's login among all logins.
    login_order: u64,
    /// The highest number that this connection was sent: `POLL;*` acknowledges it.
    pub sent: Seq,
    poll: Option<WaitingPoll>,
    /// The client has ended its input: polls do not wait.
    pub hung_up: bool,
    address: IpAddr,
    /// The TCP port on which the client takes direct chats.
    pub port: Option<u16>,
    transient: VecDeque<Event>,
}

/// A poll that waits for events.
#[derive(Clone, Copy)]
pub(in crate::state_machine) struct WaitingPoll {
    pub after: Seq,
    pub max: usize,
    /// Time since the start of the server at which the poll is answered with nothing.
    pub deadline: Duration,
}

impl Session {
    /// Removes up to `max` transient events, oldest first.
    pub fn take_transient_events(&mut self, max: usize) -> Vec<Event> {
        self.transient.drain(..self.transient.len().min(max)).collect()
    }
}

impl Presence {
    pub fn is_online(&self, user: AccountNumber) -> bool {
        self.session(user).is_some()
    }

    fn session(&self, user: AccountNumber) -> Option<&Session> {
        self.sessions.get(user.index())?.as_deref()
    }

    pub fn session_mut(&mut self, user: AccountNumber) -> Option<&mut Session> {
        self.sessions.get_mut(user.index())?.as_deref_mut()
    }

    /// Returns the user whose session a connection is; `None` also for a session that was replaced.
    pub fn user(&self, connection: ConnectionId) -> Option<AccountNumber> {
        self.users.get(&connection).copied()
    }

    /// Checks that a user has a session whose login came after this one.
    pub fn has_newer_session(&self, user: AccountNumber, login_order: u64) -> bool {
        self.session(user).is_some_and(|session| session.login_order > login_order)
    }

    /// Returns the address at which a user takes direct chats (protocol, section 8).
    pub fn direct_address(&self, user: AccountNumber) -> Option<SocketAddr> {
        let session = self.session(user)?;
        Some(SocketAddr::new(session.address, session.port?))
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
        let (sent, poll, hung_up, port, transient) = (Seq::ZERO, None, false, None, VecDeque::new());
        let session = Session { connection, login_order, sent, poll, hung_up, address, port, transient };
        if let Some(slot) = self.sessions.get_mut(user.index()) {
            *slot = Some(Box::new(session));
        }
        self.users.insert(connection, user);
        replaced
    }

    /// Closes a connection's session; returns its user, who is offline now.
    pub fn close_session(&mut self, connection: ConnectionId) -> Option<AccountNumber> {
        let user = self.user(connection)?;
        self.remove_session(user);
        Some(user)
    }

    fn remove_session(&mut self, user: AccountNumber) -> Option<ConnectionId> {
        self.end_poll(user);
        let session = self.sessions.get_mut(user.index())?.take()?;
        self.users.remove(&session.connection);
        Some(session.connection)
    }

    /// Adds a user's poll to the waiting ones, in the place of an earlier one.
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

    /// Returns the poll of a user that waits.
    pub fn waiting_poll(&self, user: AccountNumber) -> Option<WaitingPoll> {
        self.session(user)?.poll
    }

    /// Returns the earliest deadline of the waiting polls.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
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

    /// Removes and returns the marked users.
    pub fn take_woken(&mut self) -> Vec<AccountNumber> {
        std::mem::take(&mut self.woken)
    }

    /// Queues a transient event for a user, if online. Above the limit the oldest one is dropped.
    pub fn push_transient_event(&mut self, user: AccountNumber, event: Event) {
        let Some(session) = self.session_mut(user) else { return };
        if session.transient.len() >= limits::TRANSIENT_EVENTS {
            session.transient.pop_front();
        }
        session.transient.push_back(event);
        self.wake(user);
    }
}
