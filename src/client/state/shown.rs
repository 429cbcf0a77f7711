//! The received messages, as far as they were shown.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::model::{Message, Seq, Target, UserName};

/// The number of received messages that were shown, and those that were not.
#[derive(Default)]
pub(super) struct Shown {
    pub count: u64,
    /// Oldest first.
    pub waiting: VecDeque<Arc<Message>>,
}

impl Shown {
    /// Takes the next message that counts as shown once this number of them was.
    pub fn take_next(&mut self, count: u64) -> Option<Arc<Message>> {
        let next = if self.count < count { self.waiting.pop_front() } else { None };
        self.count += u64::from(next.is_some());
        next
    }

    /// Removes the texts of those for which this holds.
    pub fn erase(&mut self, is_erased: impl Fn(&Message) -> bool) {
        for message in self.waiting.iter_mut().filter(|message| is_erased(message)) {
            *message = Arc::new(message.erased());
        }
    }

    /// Removes the numbers: those of another store are not theirs. A message without one comes before all that have one.
    pub fn forget_numbers(&mut self) {
        for message in &mut self.waiting {
            *message = Arc::new(Message { seq: Seq::ZERO, ..Message::clone(message) });
        }
    }

    /// Counts the messages of a conversation up to a number as shown.
    pub fn note_seen(&mut self, me: &UserName, target: &Target, upto: Seq) {
        let before = self.waiting.len();
        self.waiting.retain(|message| message.seq > upto || message.target_for(me) != *target);
        self.count += (before - self.waiting.len()) as u64;
    }
}
