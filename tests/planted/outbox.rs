//! In the place of `src/client/state/outbox.rs`: the messages that wait for the server.

#[path = "../../src/client/state/outbox.rs"]
mod real;

use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use crate::model::{MessageId, Target};
use crate::planted::is;

pub use real::Outgoing;

#[derive(Default)]
pub struct Outbox {
    real: real::Outbox,
    /// The start is over: the program has looked at the outbox.
    started: AtomicBool,
    /// The message that was given to the sender last, under its own id and that of its last try.
    tried: Mutex<Option<(MessageId, MessageId)>>,
}

impl Outbox {
    pub(super) fn push(&mut self, message: Outgoing) {
        if !is("outbox-forgotten-at-the-start") || self.started.load(Ordering::Relaxed) {
            self.real.push(message);
        }
    }

    pub(super) fn remove(&mut self, id: &MessageId) -> Option<Outgoing> {
        let tried = self.tried.lock().clone().filter(|(_, last)| last == id);
        self.real.remove(tried.as_ref().map_or(id, |(own, _)| own))
    }

    pub fn first_free(&self, is_held: impl Fn(&Target) -> bool) -> Option<Outgoing> {
        let first = self.real.first_free(&is_held)?;
        if is("outbox-reordered") {
            return self.real.iter().filter(|message| message.to == first.to).last().cloned();
        }
        Some(if is("id-drawn-anew-on-resend") { self.under_another_id(first) } else { first })
    }

    fn under_another_id(&self, message: Outgoing) -> Outgoing {
        let mut tried = self.tried.lock();
        let id = match &*tried {
            Some((own, last)) if *own == message.id => MessageId::new(&format!("{last}x")).unwrap_or(own.clone()),
            _ => message.id.clone(),
        };
        *tried = Some((message.id.clone(), id.clone()));
        Outgoing { id, ..message }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Outgoing> {
        self.real.iter()
    }

    pub fn contains(&self, id: &MessageId) -> bool {
        self.real.contains(id)
    }

    pub fn len(&self) -> usize {
        self.started.store(true, Ordering::Relaxed);
        self.real.len()
    }

    pub fn is_empty(&self) -> bool {
        self.started.store(true, Ordering::Relaxed);
        self.real.is_empty()
    }
}
