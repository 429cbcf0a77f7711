//! The decisions: which records an event makes.

use std::collections::HashMap;
use std::sync::Arc;

use super::conversation::{Gap, Moved};
use super::machine::{Change, ClientState};
use super::outbox::Outgoing;
use super::record::Record;
use crate::model::{Message, MessageId, RoomName, Seq, State, Target, Timestamp, UserName};
use crate::protocol::{Event, Ko};

/// An effect of a poll that the user may want to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    Message(Arc<Message>),
    Moved(State, Moved),
    Online(UserName),
    Offline(UserName),
    Joined(RoomName, UserName),
    Parted(RoomName, UserName),
    /// This number of messages of that room was fetched with HISTORY.
    CaughtUp(RoomName, usize),
    Gap(Gap),
    /// The messages there with these numbers are damaged on the server.
    Damaged(Target, Seq, Seq),
}

impl Arrival {
    /// Returns the user whose presence or membership has changed.
    pub fn user(&self) -> Option<&UserName> {
        match self {
            Self::Online(user) | Self::Offline(user) | Self::Joined(_, user) | Self::Parted(_, user) => Some(user),
            Self::Message(_) | Self::Moved(..) | Self::CaughtUp(..) | Self::Gap(_) | Self::Damaged(..) => None,
        }
    }
}

/// The messages that were fetched with HISTORY for a gap.
#[derive(Debug)]
pub struct CaughtUp {
    /// Oldest first.
    pub messages: Vec<Arc<Message>>,
    /// The part of the gap that stays with the server.
    pub rest: Option<Gap>,
    /// The numbers, first and last, of those that are damaged on the server.
    pub damaged: Vec<(Seq, Seq)>,
}

impl ClientState {
    pub fn queue(&mut self, message: Outgoing) {
        self.record(Record::Queued(message));
    }

    /// Notes that the server has a message of the outbox, and returns its state: a `STATE` event may have come
    /// before the answer to SEND.
    pub fn accept(&mut self, id: &MessageId, at: Timestamp, seq: Seq) -> State {
        match self.record(Record::Sent { id: id.clone(), seq, at }) {
            Change::Sent(state) => state,
            Change::None | Change::Moved(..) => State::Received,
        }
    }

    /// Notes that the server refused a message for good.
    pub fn fail(&mut self, id: &MessageId, why: &Ko) {
        self.record(Record::Failed { id: id.clone(), why: why.to_string() });
    }

    /// Compares the store of a login with the noted one. Another one is noted, and the client goes on from the
    /// number that the server calls acknowledged (protocol, section 6). `true`: another one was noted before.
    pub fn note_login(&mut self, store: &str, acknowledged: Seq) -> bool {
        let (known, same) = (!self.store.is_empty(), self.store == store);
        if !same {
            self.note_position(store, acknowledged);
        }
        known && !same
    }

    /// Goes on from this number of this store. One below the noted position stands for an older copy of the
    /// store.
    pub fn note_position(&mut self, store: &str, last: Seq) {
        self.record(Record::Position { store: store.to_owned(), last });
    }

    /// Takes in the events of a poll, and the messages that were fetched for the gaps among them, by the gaps'
    /// numbers. Returns what of it is new. Once it is committed, [`Self::position`] may be acknowledged.
    pub fn take_in(&mut self, events: Vec<Event>, mut fetched: HashMap<Seq, CaughtUp>) -> Vec<Arrival> {
        let mut arrivals = Vec::new();
        let mut last = self.position;
        for event in events {
            let seq = event.seq();
            // One that is not above was given before.
            if seq > last || seq == Seq::ZERO {
                last = last.max(seq);
                let caught_up = fetched.remove(&seq);
                self.take_in_one(event, caught_up, &mut arrivals);
            }
        }
        if last > self.position {
            self.note_position(&self.store.clone(), last);
        }
        // Ticks come behind the messages of the same poll.
        arrivals.sort_by_key(|arrival| matches!(arrival, Arrival::Moved(..)));
        arrivals
    }

    fn take_in_one(&mut self, event: Event, caught_up: Option<CaughtUp>, arrivals: &mut Vec<Arrival>) {
        match event {
            Event::Message(message) if self.holds(&message) || self.has_row(&message) => {}
            Event::Message(message) => {
                self.record(Record::Received(message.clone()));
                arrivals.push(Arrival::Message(message));
            }
            Event::State { seq, target, state, upto, at } => {
                if let Change::Moved(state, what) = self.record(Record::State { seq, target, state, upto, at }) {
                    arrivals.push(Arrival::Moved(state, what));
                }
            }
            Event::Gap { room, first, last } => self.fill(&Gap { room, first, last }, caught_up, arrivals),
            Event::Damaged { seq, target } => arrivals.push(Arrival::Damaged(target, seq, seq)),
            Event::Online { user, .. } => arrivals.push(Arrival::Online(user)),
            Event::Offline { user, .. } => arrivals.push(Arrival::Offline(user)),
            Event::Join { room, user, .. } => arrivals.push(Arrival::Joined(room, user)),
            Event::Part { room, user, .. } => arrivals.push(Arrival::Parted(room, user)),
            // Of an event that this version does not know the number is enough.
            Event::Peer { .. } | Event::Unknown { .. } => {}
        }
    }

    /// Puts fetched messages in the place of a gap, and notes the part that is still one.
    fn fill(&mut self, gap: &Gap, caught_up: Option<CaughtUp>, arrivals: &mut Vec<Arrival>) {
        let nothing = || CaughtUp { messages: Vec::new(), rest: Some(gap.clone()), damaged: Vec::new() };
        let CaughtUp { messages, rest, damaged } = caught_up.unwrap_or_else(nothing);
        let room = || Target::Room(gap.room.clone());
        arrivals.extend(damaged.into_iter().map(|(first, last)| Arrival::Damaged(room(), first, last)));
        if let Some(rest) = rest {
            self.record(Record::Gap(rest.clone()));
            arrivals.push(Arrival::Gap(rest));
        }
        let count = self.add_fetched(messages).len();
        if count > 0 {
            arrivals.push(Arrival::CaughtUp(gap.room.clone(), count));
        }
    }

    /// Notes messages of a room that were fetched with HISTORY, oldest first, and returns those that are new. The
    /// user's own are noted by the program that sent them.
    pub fn add_fetched(&mut self, messages: Vec<Arc<Message>>) -> Vec<Arc<Message>> {
        let mut new = Vec::new();
        for message in messages {
            if !self.is_mine(&message) && !self.holds(&message) && !self.has_row(&message) {
                self.record(Record::Fetched(message.clone()));
                new.push(message);
            }
        }
        new
    }

    /// Notes a message of a direct chat. `false`: it is in the history already.
    pub fn add_direct(&mut self, message: Arc<Message>) -> bool {
        let new = !self.holds(&message);
        if new {
            self.record(Record::Direct(message));
        }
        new
    }

    /// Notes that the first `count` of the messages in [`Self::unshown`] have been shown.
    pub fn mark_shown(&mut self, count: usize) {
        if count > 0 {
            self.record(Record::Shown(self.shown + count as u64));
        }
    }

    /// Hides the messages of a user, or shows them again. Returns `true` if they are hidden now.
    pub fn toggle_ignored(&mut self, user: &UserName) -> bool {
        let hidden = !self.is_ignored(user);
        self.record(Record::Ignored(user.clone(), hidden));
        hidden
    }

    /// Copies what another program of this user noted of its messages, as far as it is new here.
    pub(super) fn adopt(&mut self, records: Vec<Record>) {
        for record in records {
            let new = match &record {
                Record::Queued(message) => !self.is_known(&message.id),
                Record::Sent { id, .. } | Record::Failed { id, .. } => self.outbox.contains(id),
                _ => false,
            };
            if new {
                self.record(record);
            }
        }
    }

    /// Checks that a message was queued here, whether it waits or was answered. It can be asked only while what
    /// other programs left is taken over.
    pub(super) fn is_known(&self, id: &MessageId) -> bool {
        self.outbox.contains(id) || self.settled.as_ref().is_some_and(|settled| settled.contains(id))
    }

    /// Notes that another program of this user sends the messages of the outbox.
    pub(super) fn move_all_away(&mut self) {
        let ids: Vec<_> = self.outbox.iter().map(|message| message.id.clone()).collect();
        for id in ids {
            self.record(Record::Moved(id));
        }
    }
}
