//! What waits for one user until it is acknowledged.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use super::{AccountNumber, TargetNumber};
use crate::model::{Message, Seq, State};
use crate::protocol::Event;

/// Of which place and kind a STATE is: a newer one replaces it.
pub(super) type StateKey = (TargetNumber, State);

/// Numbered events in order. Empty, it owns no memory.
#[derive(Default)]
pub(super) struct Mailbox {
    /// Everything up to here was acknowledged and is not sent again (protocol, section 6).
    acknowledged: Seq,
    waiting: BTreeMap<Seq, Waiting>,
    /// Where the STATE of each place and kind waits.
    states: HashMap<StateKey, Seq>,
    /// How many direct messages wait, of each sender.
    messages: HashMap<AccountNumber, usize>,
    /// How many direct messages wait, of all.
    total: usize,
}

enum Waiting {
    Message(Arc<Message>, AccountNumber),
    State(Event, StateKey),
}

impl Mailbox {
    pub fn restore(acknowledged: Seq) -> Self {
        Self { acknowledged, ..Self::default() }
    }

    pub fn acknowledged(&self) -> Seq {
        self.acknowledged
    }

    pub fn messages(&self) -> usize {
        self.total
    }

    pub fn messages_from(&self, sender: AccountNumber) -> usize {
        self.messages.get(&sender).copied().unwrap_or(0)
    }

    pub fn put_message(&mut self, message: Arc<Message>, from: AccountNumber) {
        *self.messages.entry(from).or_default() += 1;
        self.total += 1;
        self.waiting.insert(message.seq, Waiting::Message(message, from));
    }

    pub fn put_state(&mut self, event: Event, key: StateKey) {
        if let Some(older) = self.states.insert(key, event.seq()) {
            self.waiting.remove(&older);
        }
        self.waiting.insert(event.seq(), Waiting::State(event, key));
    }

    /// Lets go of everything up to a number. Returns each sender of a message among it with the
    /// number of their last one, in the order of those numbers.
    pub fn acknowledge(&mut self, upto: Seq) -> Vec<(AccountNumber, Seq)> {
        self.acknowledged = self.acknowledged.max(upto);
        let kept = self.waiting.split_off(&upto.next());
        let mut last_of = HashMap::new();
        for (seq, waiting) in std::mem::replace(&mut self.waiting, kept) {
            match waiting {
                Waiting::Message(_, from) => {
                    last_of.insert(from, seq);
                    self.count_out(from);
                }
                Waiting::State(_, key) => _ = self.states.remove(&key),
            }
        }
        let mut senders: Vec<_> = last_of.into_iter().collect();
        senders.sort_unstable_by_key(|(_, seq)| *seq);
        senders
    }

    fn count_out(&mut self, from: AccountNumber) {
        self.total = self.total.saturating_sub(1);
        if let Some(count) = self.messages.get_mut(&from) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.messages.remove(&from);
            }
        }
    }

    /// Lets go of everything; nobody will ask for it any more.
    pub fn clear(&mut self) {
        *self = Self::restore(self.acknowledged);
    }

    /// The newest number that waits; 0 where nothing does.
    pub fn last(&self) -> Seq {
        self.waiting.last_key_value().map_or(Seq::ZERO, |(last, _)| *last)
    }

    /// What waits above a number, in order.
    pub fn after(&self, after: Seq) -> impl Iterator<Item = Event> + '_ {
        self.waiting.range((Bound::Excluded(after), Bound::Unbounded)).map(|(_, waiting)| match waiting {
            Waiting::Message(message, _) => Event::Message(message.clone()),
            Waiting::State(event, _) => event.clone(),
        })
    }
}
