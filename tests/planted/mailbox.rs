//! In the place of `src/state_machine/stored/mailbox.rs`: a user's mailbox.

#[path = "../../src/state_machine/stored/mailbox.rs"]
mod real;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{AccountNumber, TargetNumber};
use crate::model::{Message, Seq, State};
use crate::planted::is;
use crate::protocol::Event;

type StateKey = (TargetNumber, State);

#[derive(Default)]
pub(in crate::state_machine) struct Mailbox {
    real: real::Mailbox,
    /// The newest number that was given to anybody.
    given: AtomicU64,
    /// The number of each STATE that waits, and how far it goes.
    marks: HashMap<StateKey, (Seq, Seq)>,
}

impl Mailbox {
    pub fn restore(acknowledged: Seq) -> Self {
        Self { real: real::Mailbox::restore(acknowledged), ..Self::default() }
    }

    pub fn acknowledged(&self) -> Seq {
        self.real.acknowledged()
    }

    pub fn messages(&self) -> usize {
        self.real.messages()
    }

    pub fn messages_from(&self, sender: AccountNumber) -> usize {
        if is("quota-not-counted") { 0 } else { self.real.messages_from(sender) }
    }

    pub fn put_message(&mut self, message: Arc<Message>, from: AccountNumber) {
        self.real.put_message(message, from);
    }

    pub fn put_state(&mut self, event: Event, key: StateKey) {
        let event = self.as_far_as_before(event, key);
        self.real.put_state(event, key);
    }

    /// A STATE that takes the place of one that waits says no more than that one.
    fn as_far_as_before(&mut self, mut event: Event, key: StateKey) -> Event {
        if let Event::State { seq, upto, .. } = &mut event {
            let older = self.marks.get(&key).filter(|_| is("states-not-merged-upwards"));
            *upto = older.map_or(*upto, |(_, upto)| *upto);
            self.marks.insert(key, (*seq, *upto));
        }
        event
    }

    pub fn acknowledge(&mut self, upto: Seq) -> Vec<(AccountNumber, Seq)> {
        self.marks.retain(|_, (seq, _)| *seq > upto);
        self.real.acknowledge(upto)
    }

    pub fn clear(&mut self) {
        self.real.clear();
    }

    pub fn note_newest(&mut self, seq: Seq) {
        self.real.note_newest(seq);
    }

    pub fn newest(&self) -> Seq {
        match self.real.after(Seq::ZERO).next() {
            Some(oldest) if is("delivered-before-commit") => oldest.seq(),
            _ => self.real.newest(),
        }
    }

    pub fn after(&self, after: Seq) -> impl Iterator<Item = &Event> + '_ {
        let given = if is("let-go-before-the-acknowledgement") { self.given.load(Ordering::Relaxed) } else { 0 };
        let after = after.max(Seq::new(given).unwrap_or(after));
        self.real.after(after).inspect(|event| _ = self.given.fetch_max(event.seq().get(), Ordering::Relaxed))
    }
}
