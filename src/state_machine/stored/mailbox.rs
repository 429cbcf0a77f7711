//! A user's mailbox: the numbered events that are pending until the user acknowledges them (protocol, section 6).

use std::collections::BTreeMap;
use std::ops::Bound;

use super::{AccountNumber, TargetNumber};
use crate::model::{Seq, State};
use crate::protocol::Event;

/// The conversation and the kind of a STATE event: a newer one replaces a pending one with the same key.
pub type StateKey = (TargetNumber, State);

/// Pending direct messages and STATE events in order of their numbers. An empty mailbox allocates nothing.
#[derive(Default)]
pub struct Mailbox {
    /// The newest number that concerns the user, in this mailbox or in one of the user's rooms.
    newest: Seq,
    pending: BTreeMap<Seq, Pending>,
    /// The pending STATE event of each key.
    states: BTreeMap<StateKey, Event>,
    /// The pending direct messages: all of them, those of each sender (never none), those of strangers.
    messages: Usage,
    by_sender: BTreeMap<AccountNumber, Usage>,
    from_strangers: Usage,
}

enum Pending {
    Message(WaitingMessage),
    State(StateKey),
}

/// A direct message that waits. Its text is in the conversation or in the history file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitingMessage {
    pub from: AccountNumber,
    /// Approximate length in a reply.
    pub bytes: u32,
    /// The sender was a stranger to the recipient when the message was accepted (protocol, section 7).
    pub is_from_stranger: bool,
}

/// An event that waits in a mailbox.
#[derive(Clone, Copy, Debug)]
pub enum WaitingEvent<'a> {
    Message(Seq, WaitingMessage),
    State(&'a Event),
}

/// Count and length of messages, for the quotas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub messages: usize,
    pub bytes: u64,
}

impl Usage {
    pub(in crate::state_machine) fn add_usage(&mut self, other: Self) {
        self.messages += other.messages;
        self.bytes += other.bytes;
    }

    pub(in crate::state_machine) fn subtract_usage(&mut self, other: Self) {
        self.messages = self.messages.saturating_sub(other.messages);
        self.bytes = self.bytes.saturating_sub(other.bytes);
    }

    pub(in crate::state_machine) fn add(&mut self, bytes: u32) {
        self.messages += 1;
        self.bytes += u64::from(bytes);
    }

    fn subtract(&mut self, bytes: u32) {
        self.messages = self.messages.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(u64::from(bytes));
    }
}

impl WaitingEvent<'_> {
    pub fn seq(&self) -> Seq {
        match self {
            Self::Message(seq, _) => *seq,
            Self::State(event) => event.seq(),
        }
    }
}

impl Mailbox {
    /// Returns the usage by pending direct messages.
    pub fn messages(&self) -> Usage {
        self.messages
    }

    pub fn messages_from(&self, sender: AccountNumber) -> Usage {
        self.by_sender.get(&sender).copied().unwrap_or_default()
    }

    pub fn messages_from_strangers(&self) -> Usage {
        self.from_strangers
    }

    pub fn put_message(&mut self, seq: Seq, message: WaitingMessage) {
        self.messages.add(message.bytes);
        self.by_sender.entry(message.from).or_default().add(message.bytes);
        if message.is_from_stranger {
            self.from_strangers.add(message.bytes);
        }
        self.put(seq, Pending::Message(message));
    }

    /// Adds a STATE event, instead of a pending one with the same key.
    pub fn put_state(&mut self, event: Event, key: StateKey) {
        let seq = event.seq();
        if let Some(older) = self.states.insert(key, event) {
            self.pending.remove(&older.seq());
        }
        self.put(seq, Pending::State(key));
    }

    /// Removes the STATE events of a conversation that is gone.
    pub fn remove_states(&mut self, target: TargetNumber) {
        for state in [State::Delivered, State::Read] {
            if let Some(event) = self.states.remove(&(target, state)) {
                self.pending.remove(&event.seq());
            }
        }
    }

    /// Returns whether the direct message with this number is pending.
    pub fn has_message(&self, seq: Seq) -> bool {
        matches!(self.pending.get(&seq), Some(Pending::Message(_)))
    }

    fn put(&mut self, seq: Seq, event: Pending) {
        self.note_newest(seq);
        self.pending.insert(seq, event);
    }

    /// Notes the number of a message in one of the user's rooms; room messages themselves stay in the room's log.
    pub fn note_newest(&mut self, seq: Seq) {
        self.newest = self.newest.max(seq);
    }

    /// Removes every event up to a number. Returns the senders of the messages among them, each with the number
    /// of the last one, in the order of those numbers.
    pub fn remove_acknowledged(&mut self, upto: Seq) -> Vec<(AccountNumber, Seq)> {
        let mut senders = Vec::new();
        while let Some(first) = self.pending.first_entry().filter(|first| *first.key() <= upto) {
            match first.remove_entry() {
                (seq, Pending::Message(message)) => {
                    senders.push((message.from, seq));
                    self.uncount(message);
                }
                (_, Pending::State(key)) => _ = self.states.remove(&key),
            }
        }
        senders.sort_unstable_by_key(|(from, seq)| (*from, std::cmp::Reverse(*seq)));
        senders.dedup_by_key(|(from, _)| *from);
        senders.sort_unstable_by_key(|(_, seq)| *seq);
        senders
    }

    fn uncount(&mut self, message: WaitingMessage) {
        self.messages.subtract(message.bytes);
        if message.is_from_stranger {
            self.from_strangers.subtract(message.bytes);
        }
        if let Some(usage) = self.by_sender.get_mut(&message.from) {
            usage.subtract(message.bytes);
            if usage.messages == 0 {
                self.by_sender.remove(&message.from);
            }
        }
    }

    /// Returns the newest number that concerns the user: nothing is pending above it, here or in a room.
    pub fn newest(&self) -> Seq {
        self.newest
    }

    /// Iterates over the pending events above a number, in order.
    pub fn after(&self, after: Seq) -> impl Iterator<Item = WaitingEvent<'_>> + '_ {
        let pending = self.pending.range((Bound::Excluded(after), Bound::Unbounded));
        pending.filter_map(|(seq, pending)| match pending {
            Pending::Message(message) => Some(WaitingEvent::Message(*seq, *message)),
            Pending::State(key) => self.states.get(key).map(WaitingEvent::State),
        })
    }
}
