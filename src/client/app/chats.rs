//! The direct chats that are open, the messages in them that were not confirmed, and the callers that are expected.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::limits;
use crate::model::{Message, MessageId, Proof, Text, Timestamp, UserName};

/// Most tokens that a client remembers.
const TOKENS: usize = 64;

#[derive(Debug)]
pub struct Chat {
    pub number: u64,
    pub peer: UserName,
    /// This client has called.
    pub mine: bool,
    /// The user has accepted the caller. One who is not accepted is read up to the first message, which waits here.
    pub accepted: bool,
    pub waiting: Option<(MessageId, Text)>,
    /// The peer has answered or said something: its user has accepted the call. Until then one message is sent, and
    /// the others wait in `unconfirmed`.
    pub heard: bool,
    /// The user was told that the messages wait.
    told: bool,
    /// The time when the chat was opened.
    since: Instant,
    /// Messages that the peer has not confirmed yet, oldest first, and the time since when.
    pub unconfirmed: VecDeque<(Arc<Message>, Instant)>,
    /// The chat is being closed, for this reason.
    pub closing: Option<String>,
}

impl Chat {
    /// Makes a chat that this client has opened.
    pub fn calling(number: u64, peer: UserName, now: Instant) -> Self {
        let (unconfirmed, waiting, closing) = Default::default();
        let mine = true;
        let accepted = true;
        let heard = false;
        let told = false;
        Self { number, peer, mine, accepted, waiting, heard, told, since: now, unconfirmed, closing }
    }

    /// Makes a chat that the peer has opened.
    pub fn called(number: u64, peer: UserName, accepted: bool, now: Instant) -> Self {
        Self { mine: false, accepted, heard: true, ..Self::calling(number, peer, now) }
    }

    /// Checks that the caller waits until the user accepts.
    pub fn is_waiting(&self) -> bool {
        !self.accepted && self.closing.is_none()
    }

    /// Returns the context when the peer or the user is overdue, or the user is to be told that messages wait.
    pub fn deadline(&self) -> Option<Instant> {
        if self.closing.is_some() {
            return None;
        }
        if !self.accepted {
            return Some(self.since + limits::CALL_TIME);
        }
        let (_, since) = self.unconfirmed.front()?;
        Some(*since + self.longest_wait())
    }

    fn longest_wait(&self) -> Duration {
        match (self.heard, self.told) {
            (true, _) => limits::TIMEOUT,
            (false, false) => limits::CALL_NOTICE,
            (false, true) => limits::CALL_TIME,
        }
    }

    /// Returns `true`, once, if the chat is overdue since the peer's user has yet to accept it.
    pub(super) fn begins_to_wait(&mut self) -> bool {
        let begins = self.accepted && !self.heard && !self.told;
        self.told |= begins;
        begins
    }

    /// Notes that the peer's user has accepted the call. Returns the messages that have waited for that.
    pub fn note_heard(&mut self, now: Instant) -> Vec<Arc<Message>> {
        if std::mem::replace(&mut self.heard, true) {
            return Vec::new();
        }
        self.unconfirmed.iter_mut().for_each(|(_, since)| *since = now);
        self.unconfirmed.iter().skip(1).map(|(message, _)| message.clone()).collect()
    }
}

#[derive(Default)]
pub struct Chats {
    pub expected: Expected,
    /// The users whom the user of this client has called or accepted in this run.
    pub accepted: HashSet<UserName>,
    pub volume: Volume,
    /// The newest last. With each peer there may be one that this client called and one that the peer called: two
    /// who call each other at the same time would not agree on which is the older one.
    pub open: Vec<Chat>,
    /// Messages whose chat was closed before they were confirmed.
    pub lost: Vec<Arc<Message>>,
}

impl Chats {
    /// Returns the chats with a peer that are not being closed.
    pub fn with<'a>(&'a mut self, peer: &'a UserName) -> impl DoubleEndedIterator<Item = &'a mut Chat> {
        self.open.iter_mut().filter(move |chat| chat.peer == *peer && chat.closing.is_none())
    }

    pub fn find(&mut self, number: u64) -> Option<&mut Chat> {
        self.open.iter_mut().find(|chat| chat.number == number)
    }

    pub fn remove(&mut self, number: u64) -> Option<Chat> {
        let at = self.open.iter().position(|chat| chat.number == number)?;
        Some(self.open.remove(at))
    }

    pub fn confirm(&mut self, number: u64, id: &MessageId) -> Option<Arc<Message>> {
        let unconfirmed = &mut self.find(number)?.unconfirmed;
        let at = unconfirmed.iter().position(|(message, _)| message.id == *id)?;
        unconfirmed.remove(at).map(|(message, _)| message)
    }

    /// Checks that this client has called a peer, and that the chat is open.
    pub(super) fn is_open_with(&self, peer: &UserName) -> bool {
        self.open.iter().any(|chat| chat.peer == *peer && chat.mine && chat.closing.is_none())
    }

    pub fn unconfirmed(&self) -> usize {
        self.open.iter().map(|chat| chat.unconfirmed.len()).sum()
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.open.iter().filter_map(Chat::deadline).min()
    }
}

/// The bytes that each peer has sent today: bounded, since the files of a client are never cleaned up.
#[derive(Default)]
pub struct Volume {
    day: u64,
    bytes: HashMap<UserName, usize>,
}

impl Volume {
    /// Counts a message of a peer. `false`: it is beyond what is taken from one peer in a day, in UTC.
    pub fn add(&mut self, peer: &UserName, text: &Text, at: Timestamp) -> bool {
        if self.day != at.day() {
            (self.day, self.bytes) = (at.day(), HashMap::new());
        }
        let bytes = self.bytes.entry(peer.clone()).or_default();
        *bytes = bytes.saturating_add(text.as_str().len() + limits::ROW_BYTES);
        *bytes <= limits::DIRECT_MIB_PER_DAY << 20
    }
}

/// The callers that the server has announced, and those that have called before their announcement came. A proof
/// admits a caller once, within [`limits::TOKEN_LIFE`].
#[derive(Default)]
pub struct Expected {
    announced: Vec<(UserName, Proof, Instant)>,
    /// Connections whose caller has shown a proof that was not announced yet.
    calls: Vec<(u64, UserName, Proof, Instant)>,
}

impl Expected {
    /// Notes that the server announces a caller. Of too many announcements the oldest goes. Returns the
    /// connection that waits for this one.
    pub fn announce(&mut self, caller: &UserName, proof: &Proof, now: Instant) -> Option<u64> {
        self.forget_old(now);
        if let Some(at) = self.calls.iter().position(|(_, who, what, _)| who == caller && what == proof) {
            return Some(self.calls.remove(at).0);
        }
        if self.announced.len() >= TOKENS {
            self.announced.remove(0);
        }
        self.announced.push((caller.clone(), proof.clone(), now));
        None
    }

    /// Admits a caller with an announced proof, and returns the name as the server writes it. A caller may be
    /// faster than its announcement: then the connection is remembered.
    pub fn redeem(&mut self, number: u64, caller: UserName, proof: Proof, now: Instant) -> Option<UserName> {
        self.forget_old(now);
        match self.announced.iter().position(|(who, what, _)| *who == caller && *what == proof) {
            Some(at) => Some(self.announced.remove(at).0),
            None => {
                self.calls.push((number, caller, proof, now));
                None
            }
        }
    }

    fn forget_old(&mut self, now: Instant) {
        self.announced.retain(|(.., at)| now.duration_since(*at) < limits::TOKEN_LIFE);
        // The thread of a caller waits no longer than that.
        self.calls.retain(|(.., at)| now.duration_since(*at) < limits::TIMEOUT);
    }
}
