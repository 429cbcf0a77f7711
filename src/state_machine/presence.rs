//! Who is connected on RECV, and which polls wait. Nothing of this is ever stored.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::{AccountNumber, ConnectionId};
use crate::limits;
use crate::model::Seq;
use crate::protocol::Event;

#[derive(Default)]
pub(super) struct Presence {
    sessions: HashMap<ConnectionId, Session>,
    connection_of: HashMap<AccountNumber, ConnectionId>,
    /// When each waiting poll is to be answered, earliest first.
    deadlines: BTreeSet<(Duration, ConnectionId)>,
    /// For whom something came since the waiting polls were looked at.
    woken: Vec<AccountNumber>,
}

/// One RECV session.
pub(super) struct Session {
    pub user: AccountNumber,
    /// When its login came, among all logins.
    order: u64,
    /// The highest number that this connection was sent: what `POLL;*` acknowledges.
    pub sent: Seq,
    pub poll: Option<Parked>,
    /// Its client will ask nothing more.
    pub hung_up: bool,
    address: IpAddr,
    /// Where its client takes direct chats.
    pub port: Option<u16>,
    fleeting: VecDeque<Event>,
}

/// A poll that waits.
#[derive(Clone, Copy)]
pub(super) struct Parked {
    pub after: Seq,
    pub max: usize,
    pub deadline: Duration,
}

impl Session {
    pub fn has_fleeting(&self) -> bool {
        !self.fleeting.is_empty()
    }

    /// Takes up to `max` of the events without a number, oldest first.
    pub fn take_fleeting(&mut self, max: usize) -> Vec<Event> {
        self.fleeting.drain(..self.fleeting.len().min(max)).collect()
    }
}

impl Presence {
    pub fn is_online(&self, user: AccountNumber) -> bool {
        self.connection_of.contains_key(&user)
    }

    /// Whether a user has a session whose login came after this one.
    pub fn has_newer(&self, user: AccountNumber, order: u64) -> bool {
        let current = self.connection_of.get(&user).and_then(|connection| self.sessions.get(connection));
        current.is_some_and(|session| session.order > order)
    }

    /// Where a user takes direct chats now.
    pub fn peer(&self, user: AccountNumber) -> Option<SocketAddr> {
        let session = self.connection_of.get(&user).and_then(|connection| self.sessions.get(connection))?;
        Some(SocketAddr::new(session.address, session.port?))
    }

    /// Begins a session; returns the connection of the one it takes the place of.
    pub fn open(
        &mut self,
        connection: ConnectionId,
        user: AccountNumber,
        order: u64,
        address: IpAddr,
    ) -> Option<ConnectionId> {
        let (sent, poll, hung_up, port, fleeting) = (Seq::ZERO, None, false, None, VecDeque::new());
        let session = Session { user, order, sent, poll, hung_up, address, port, fleeting };
        self.sessions.insert(connection, session);
        let replaced = self.connection_of.insert(user, connection)?;
        self.forget(replaced);
        Some(replaced)
    }

    /// Ends a session; returns whose, if she is offline now.
    pub fn close(&mut self, connection: ConnectionId) -> Option<AccountNumber> {
        let user = self.forget(connection)?.user;
        self.connection_of.remove(&user);
        Some(user)
    }

    fn forget(&mut self, connection: ConnectionId) -> Option<Session> {
        let session = self.sessions.remove(&connection)?;
        if let Some(poll) = session.poll {
            self.deadlines.remove(&(poll.deadline, connection));
        }
        Some(session)
    }

    pub fn session(&mut self, connection: ConnectionId) -> Option<&mut Session> {
        self.sessions.get_mut(&connection)
    }

    pub fn park(&mut self, connection: ConnectionId, poll: Parked) {
        if let Some(session) = self.sessions.get_mut(&connection) {
            session.poll = Some(poll);
            self.deadlines.insert((poll.deadline, connection));
        }
    }

    /// Ends the wait of a connection's poll, if one waits.
    pub fn unpark(&mut self, connection: ConnectionId) -> Option<Parked> {
        let poll = self.sessions.get_mut(&connection)?.poll.take()?;
        self.deadlines.remove(&(poll.deadline, connection));
        Some(poll)
    }

    /// When the next waiting poll is to be answered.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// The connections whose polls have waited long enough.
    pub fn due(&self, elapsed: Duration) -> Vec<ConnectionId> {
        self.deadlines.iter().take_while(|(deadline, _)| *deadline <= elapsed).map(|(_, c)| *c).collect()
    }

    pub fn parked(&self) -> Vec<ConnectionId> {
        self.deadlines.iter().map(|(_, connection)| *connection).collect()
    }

    /// Something came for a user.
    pub fn wake(&mut self, user: AccountNumber) {
        if self.is_online(user) {
            self.woken.push(user);
        }
    }

    /// The connections for which something came.
    pub fn take_woken(&mut self) -> Vec<ConnectionId> {
        let connections = &self.connection_of;
        self.woken.drain(..).filter_map(|user| connections.get(&user).copied()).collect()
    }

    /// Tells a connected user something that is not kept. When too much waits, the oldest goes.
    pub fn tell(&mut self, user: AccountNumber, event: Event) {
        let Some(session) = self.connection_of.get(&user).and_then(|c| self.sessions.get_mut(c)) else {
            return;
        };
        if session.fleeting.len() >= limits::FLEETING_EVENTS {
            session.fleeting.pop_front();
        }
        session.fleeting.push_back(event);
        self.woken.push(user);
    }
}
