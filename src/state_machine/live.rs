//! The live state: RECV sessions with their waiting polls and transient events (protocol, sections 6 and 7). A
//! restart ends all of it; no record or checkpoint holds any.

use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use hashbrown::HashMap;

use crate::limits;
use crate::model::{Fingerprint, RoomName, Seq};
use crate::protocol::Event;
use crate::state_machine::command::ConnectionId;
use crate::state_machine::{AccountNumber, DeviceNumber, SessionKey};

/// All RECV sessions.
#[derive(Default)]
pub struct Presence {
    /// By account number: the sessions of each user who is online.
    sessions: Vec<Vec<Session>>,
    keys: HashMap<ConnectionId, SessionKey>,
    /// The deadline of each waiting poll, earliest first.
    pub deadlines: BTreeSet<(Duration, SessionKey)>,
    /// The sessions for which events have come since the waiting polls were last answered.
    pub woken: Vec<SessionKey>,
    /// Number of PORT requests so far.
    ports: u64,
}

/// One RECV session.
pub struct Session {
    pub connection: ConnectionId,
    pub device: DeviceNumber,
    /// Position of the session's login among all logins.
    pub login_order: u64,
    /// The highest number that this connection was sent: `POLL;*` acknowledges it.
    pub sent: Seq,
    pub poll: Option<WaitingPoll>,
    /// The client has ended its input: polls do not wait.
    pub hung_up: bool,
    pub address: IpAddr,
    /// The port at which the client takes direct chats. In a box: few have one, and the others no room for it.
    pub direct: Option<Box<DirectPort>>,
    /// Events without a number, oldest first (protocol, section 7).
    pub transient: VecDeque<Event>,
}

/// The TCP port on which a client takes direct chats, and under TLS its certificate.
#[derive(Clone, Copy)]
pub struct DirectPort {
    pub port: u16,
    pub fingerprint: Option<Fingerprint>,
    /// Position of the PORT request among all.
    order: u64,
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
        !self.sessions_of(user).is_empty()
    }

    /// Returns the sessions of a user.
    pub fn sessions_of(&self, user: AccountNumber) -> &[Session] {
        self.sessions.get(user.index()).map_or(&[], Vec::as_slice)
    }

    pub fn session(&self, key: SessionKey) -> Option<&Session> {
        self.sessions_of(key.user).iter().find(|session| session.device == key.device)
    }

    pub fn session_mut(&mut self, key: SessionKey) -> Option<&mut Session> {
        let mut sessions = self.sessions.get_mut(key.user.index())?.iter_mut();
        sessions.find(|session| session.device == key.device)
    }

    /// Returns a connection's session and its key; `None` also for a session that was replaced.
    pub fn session_of(&mut self, connection: ConnectionId) -> Option<(SessionKey, &mut Session)> {
        let key = *self.keys.get(&connection)?;
        self.session_mut(key).map(|session| (key, session))
    }

    /// Returns the users who are online.
    pub fn online(&self) -> BTreeSet<AccountNumber> {
        self.keys.values().map(|key| key.user).collect()
    }

    /// Returns the session of a user that takes direct chats: of several the one that has said so last.
    pub fn direct_session(&self, user: AccountNumber) -> Option<(&Session, DirectPort)> {
        let sessions = self.sessions_of(user).iter().filter_map(|session| Some((session, **session.direct.as_ref()?)));
        sessions.max_by_key(|(_, direct)| direct.order)
    }

    /// Sets where the client of a connection's session takes direct chats. `false`: there is no session.
    pub fn set_direct(&mut self, connection: ConnectionId, direct: Option<(u16, Option<Fingerprint>)>) -> bool {
        self.ports += 1;
        let order = self.ports;
        let Some((_, session)) = self.session_of(connection) else { return false };
        session.direct = direct.map(|(port, fingerprint)| Box::new(DirectPort { port, fingerprint, order }));
        true
    }

    /// Opens a session; returns the connection of the one that it replaces.
    pub fn open_session(
        &mut self,
        connection: ConnectionId,
        key: SessionKey,
        login_order: u64,
        address: IpAddr,
    ) -> Option<ConnectionId> {
        let replaced = self.remove_session(key);
        let SessionKey { user, device } = key;
        if self.sessions.len() <= user.index() {
            self.sessions.resize_with(user.index() + 1, Vec::new);
        }
        let sent = Seq::ZERO;
        let poll = None;
        let hung_up = false;
        let direct = None;
        let transient = VecDeque::new();
        let session = Session { connection, device, login_order, sent, poll, hung_up, address, direct, transient };
        if let Some(sessions) = self.sessions.get_mut(user.index()) {
            sessions.reserve_exact(1);
            sessions.push(session);
        }
        self.keys.insert(connection, key);
        replaced
    }

    /// Removes the session of a device, if it has one; returns its connection.
    pub fn remove_session(&mut self, key: SessionKey) -> Option<ConnectionId> {
        self.end_poll(key);
        let sessions = self.sessions.get_mut(key.user.index())?;
        let index = sessions.iter().position(|session| session.device == key.device)?;
        let session = sessions.remove(index);
        if sessions.is_empty() {
            *sessions = Vec::new();
        }
        self.keys.remove(&session.connection);
        Some(session.connection)
    }

    /// Adds a session's poll to the waiting ones; it replaces an earlier one.
    pub fn start_poll(&mut self, key: SessionKey, poll: WaitingPoll) {
        self.end_poll(key);
        if let Some(session) = self.session_mut(key) {
            session.poll = Some(poll);
            self.deadlines.insert((poll.deadline, key));
        }
    }

    /// Removes a session's waiting poll.
    pub fn end_poll(&mut self, key: SessionKey) {
        if let Some(poll) = self.session_mut(key).and_then(|session| session.poll.take()) {
            self.deadlines.remove(&(poll.deadline, key));
        }
    }

    /// Returns the sessions whose polls have a deadline up to a time.
    pub fn polling_until(&self, elapsed: Duration) -> Vec<SessionKey> {
        self.deadlines.iter().take_while(|(deadline, _)| *deadline <= elapsed).map(|(_, key)| *key).collect()
    }

    /// Marks the sessions of a user, if online, as such whose waiting polls may have events.
    pub fn wake(&mut self, user: AccountNumber) {
        let sessions = self.sessions.get(user.index()).into_iter().flatten();
        self.woken.extend(sessions.map(|session| SessionKey { user, device: session.device }));
    }

    /// Queues a transient event for the sessions of those users who are online, and returns how many users they are.
    pub fn push_transient_event(&mut self, users: impl IntoIterator<Item = AccountNumber>, event: &Event) -> usize {
        users.into_iter().filter(|user| self.push_to_sessions(*user, event, |_| true)).count()
    }

    /// Queues a transient event about a user for that user's own devices: those with a name.
    pub fn push_to_own_devices(&mut self, user: AccountNumber, event: &Event) {
        self.push_to_sessions(user, event, DeviceNumber::is_named);
    }

    /// Drops the transient events about a room that wait for a user, who has been put out of it.
    pub fn forget_room(&mut self, user: AccountNumber, room: &RoomName) {
        let sessions = self.sessions.get_mut(user.index()).into_iter().flatten();
        sessions.for_each(|session| session.transient.retain(|event| !event.tells_of(room)));
    }

    /// Queues a transient event for one session.
    pub fn push_to_session(&mut self, key: SessionKey, event: &Event) {
        self.push_to_sessions(key.user, event, |device| device == key.device);
    }

    /// Queues a transient event for some sessions of a user. `false`: there is none. Above the limit the oldest one of a
    /// session is dropped.
    fn push_to_sessions(&mut self, user: AccountNumber, event: &Event, is_told: impl Fn(DeviceNumber) -> bool) -> bool {
        let Some(sessions) = self.sessions.get_mut(user.index()) else { return false };
        let mut told = false;
        for session in sessions.iter_mut().filter(|session| is_told(session.device)) {
            if session.transient.len() >= limits::TRANSIENT_EVENTS {
                session.transient.pop_front();
            }
            session.transient.push_back(event.clone());
            self.woken.push(SessionKey { user, device: session.device });
            told = true;
        }
        told
    }
}
