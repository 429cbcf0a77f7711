//! The direct chats that are open, the messages in them that were not confirmed, and the callers that are expected.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use crate::limits;
use crate::model::{Message, MessageId, Proof, UserName};

/// A direct chat.
#[derive(Debug)]
pub struct Chat {
    pub number: u64,
    pub peer: UserName,
    /// This client has called.
    pub mine: bool,
    /// Messages that the peer has not confirmed yet, oldest first, and the time since when.
    pub unconfirmed: VecDeque<(Arc<Message>, Instant)>,
    /// The chat is being closed, for this reason.
    pub closing: Option<String>,
}

impl Chat {
    pub fn new(number: u64, peer: UserName, mine: bool) -> Self {
        Self { number, peer, mine, unconfirmed: VecDeque::new(), closing: None }
    }

    /// Returns the moment when the oldest unconfirmed message is overdue.
    pub fn deadline(&self) -> Option<Instant> {
        let (_, since) = self.unconfirmed.front().filter(|_| self.closing.is_none())?;
        Some(*since + limits::TIMEOUT)
    }
}

/// All direct chats.
#[derive(Default)]
pub struct Chats {
    pub expected: Expected,
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
    pub fn is_open_with(&self, peer: &UserName) -> bool {
        self.open.iter().any(|chat| chat.peer == *peer && chat.mine && chat.closing.is_none())
    }

    pub fn unconfirmed(&self) -> usize {
        self.open.iter().map(|chat| chat.unconfirmed.len()).sum()
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.open.iter().filter_map(Chat::deadline).min()
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
        if self.announced.len() >= limits::TOKENS {
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
