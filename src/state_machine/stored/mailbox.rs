//! A user's mailbox: the numbered events that are pending until the user acknowledges them (protocol, section 6).

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use super::{AccountNumber, TargetNumber};
use crate::model::{Message, Seq, State};
use crate::protocol::Event;

/// The conversation and the kind of a STATE event: a newer one replaces a pending one with the same key.
pub type StateKey = (TargetNumber, State);

/// Pending direct messages and STATE events in order of their numbers. An empty mailbox allocates nothing.
#[derive(Default)]
pub struct Mailbox {
    /// The newest number that concerns the user, in this mailbox or in one of the user's rooms.
    newest: Seq,
    pending: BTreeMap<Seq, (Event, Origin)>,
    /// The number of the pending STATE event of each key.
    states: BTreeMap<StateKey, Seq>,
    /// The count of pending direct messages by sender; never 0.
    messages: BTreeMap<AccountNumber, usize>,
}

/// The index entry that a pending event has beside its number.
enum Origin {
    Sender(AccountNumber),
    State(StateKey),
}

impl Mailbox {
    /// Returns the count of pending direct messages, for the quota.
    pub fn messages(&self) -> usize {
        self.pending.len().saturating_sub(self.states.len())
    }

    pub fn messages_from(&self, sender: AccountNumber) -> usize {
        self.messages.get(&sender).copied().unwrap_or(0)
    }

    pub fn put_message(&mut self, message: Arc<Message>, from: AccountNumber) {
        *self.messages.entry(from).or_default() += 1;
        self.put(Event::Message(message), Origin::Sender(from));
    }

    /// Adds a STATE event, in the place of a pending one with the same key.
    pub fn put_state(&mut self, event: Event, key: StateKey) {
        if let Some(older) = self.states.insert(key, event.seq()) {
            self.pending.remove(&older);
        }
        self.put(event, Origin::State(key));
    }

    /// Removes the STATE events of a conversation that is gone.
    pub fn remove_states(&mut self, target: TargetNumber) {
        for state in [State::Delivered, State::Read] {
            if let Some(seq) = self.states.remove(&(target, state)) {
                self.pending.remove(&seq);
            }
        }
    }

    fn put(&mut self, event: Event, origin: Origin) {
        let seq = event.seq();
        self.note_newest(seq);
        self.pending.insert(seq, (event, origin));
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
            let (seq, (_, origin)) = first.remove_entry();
            match origin {
                Origin::Sender(from) => {
                    senders.push((from, seq));
                    self.uncount_message(from);
                }
                Origin::State(key) => _ = self.states.remove(&key),
            }
        }
        senders.sort_unstable_by_key(|(from, seq)| (*from, std::cmp::Reverse(*seq)));
        senders.dedup_by_key(|(from, _)| *from);
        senders.sort_unstable_by_key(|(_, seq)| *seq);
        senders
    }

    fn uncount_message(&mut self, from: AccountNumber) {
        if let Some(count) = self.messages.get_mut(&from) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.messages.remove(&from);
            }
        }
    }

    /// Returns the newest number that concerns the user: nothing is pending above it, here or in a room.
    pub fn newest(&self) -> Seq {
        self.newest
    }

    /// Iterates over the pending events above a number, in order.
    pub fn after(&self, after: Seq) -> impl Iterator<Item = &Event> + '_ {
        self.pending.range((Bound::Excluded(after), Bound::Unbounded)).map(|(_, (event, _))| event)
    }
}
