//! What the sender thread is to do beside the outbox. It may be told at any time and never makes
//! the main thread wait: with two bounded channels between them, each could wait for the other.

use std::collections::{HashMap, VecDeque};

use crossbeam_channel::{Receiver, Sender, TrySendError};
use parking_lot::Mutex;

use crate::limits;
use crate::model::{RoomName, Seq, Target, UserName};

/// A question to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    Users,
    /// How far my message with this number has come.
    Status(Target, Seq),
    /// The last so many messages there, as the server has them.
    History(Target, usize),
    /// Where that user takes direct chats.
    Peer(UserName),
    /// Whether I am in the lobby.
    Lobby,
    /// Come into a room, and see the last so many messages from before.
    Join(RoomName, usize),
    Leave(RoomName),
    Rooms,
    Members(RoomName),
    /// What I have read, of each place.
    Chats,
    Whois(UserName),
}

#[derive(Default)]
struct Items {
    reads: HashMap<Target, Seq>,
    /// Where a run before this one may not have got round to saying it.
    doubtful: HashMap<Target, Seq>,
    asks: VecDeque<Ask>,
    hurry: bool,
}

/// The list of things to do, and the bell that wakes the sender.
pub struct Agenda {
    items: Mutex<Items>,
    bell: Sender<()>,
}

impl Agenda {
    /// The list, and where its bell is heard.
    pub fn new() -> (Self, Receiver<()>) {
        let (bell, heard) = crossbeam_channel::bounded(1);
        (Self { items: Mutex::default(), bell }, heard)
    }

    /// Something is in the outbox, or on the list.
    pub fn ring(&self) {
        match self.bell.try_send(()) {
            // It rings already; or the sender has ended, and has said why.
            Ok(()) | Err(TrySendError::Full(()) | TrySendError::Disconnected(())) => {}
        }
    }

    /// The server is there again: do not wait any longer.
    pub fn hurry(&self) {
        self.items.lock().hurry = true;
        self.ring();
    }

    /// Everything there up to this number has been seen. Of several, only the highest is said.
    pub fn read(&self, target: Target, seq: Seq) {
        let mut items = self.items.lock();
        let upto = items.reads.entry(target).or_default();
        *upto = seq.max(*upto);
        drop(items);
        self.ring();
    }

    /// What a run before this one showed; the sender compares it with what the server knows.
    pub fn doubt(&self, reads: impl IntoIterator<Item = (Target, Seq)>) {
        self.items.lock().doubtful.extend(reads);
        self.ring();
    }

    /// Asks something. `false`: too many questions wait already.
    pub fn ask(&self, ask: Ask) -> bool {
        let mut items = self.items.lock();
        let room = items.asks.len() < limits::CLIENT_ASKS;
        if room {
            items.asks.push_back(ask);
        }
        drop(items);
        self.ring();
        room
    }

    /// Whether nothing is to be asked or said any more.
    pub fn is_empty(&self) -> bool {
        let items = self.items.lock();
        items.reads.is_empty() && items.asks.is_empty()
    }

    pub fn take_hurry(&self) -> bool {
        std::mem::take(&mut self.items.lock().hurry)
    }

    pub fn first_ask(&self) -> Option<Ask> {
        self.items.lock().asks.front().cloned()
    }

    pub fn asked(&self) {
        self.items.lock().asks.pop_front();
    }

    pub fn some_read(&self) -> Option<(Target, Seq)> {
        self.items.lock().reads.iter().next().map(|(target, seq)| (target.clone(), *seq))
    }

    /// This much was said. What came since stays on the list.
    pub fn said_read(&self, target: &Target, seq: Seq) {
        let mut items = self.items.lock();
        if items.reads.get(target).is_some_and(|upto| *upto <= seq) {
            items.reads.remove(target);
        }
    }

    pub fn has_doubts(&self) -> bool {
        !self.items.lock().doubtful.is_empty()
    }

    /// The server has told what it knows to be read: what it does not know goes on the list.
    pub fn resolve_doubts(&self, known: &HashMap<Target, Seq>) {
        let mut items = self.items.lock();
        for (target, seq) in std::mem::take(&mut items.doubtful) {
            if known.get(&target).is_none_or(|read| *read < seq) {
                let upto = items.reads.entry(target).or_default();
                *upto = seq.max(*upto);
            }
        }
    }
}
