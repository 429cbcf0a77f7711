//! The outbox: messages that the user typed and the server has not answered yet.

use std::collections::VecDeque;

use crate::model::{MessageId, Target, Text, Timestamp};

/// A message on its way to the server. Its id stays the same however often it is retried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    pub id: MessageId,
    pub to: Target,
    /// The time when it was typed, by this machine's clock.
    pub at: Timestamp,
    pub text: Text,
}

/// The messages that wait, in the order in which they were typed.
#[derive(Default)]
pub struct Outbox(VecDeque<Outgoing>);

impl Outbox {
    pub(super) fn push(&mut self, message: Outgoing) {
        self.0.push_back(message);
    }

    /// Takes a message out. Nearly always it is the first.
    pub(super) fn remove(&mut self, id: &MessageId) -> Option<Outgoing> {
        let at = self.0.iter().position(|message| message.id == *id)?;
        self.0.remove(at)
    }

    /// Returns the first message whose conversation is not held. Nothing overtakes within a conversation:
    /// while its first message is held, so are those behind it.
    pub fn first_free(&self, is_held: impl Fn(&Target) -> bool) -> Option<Outgoing> {
        self.0.iter().find(|message| !is_held(&message.to)).cloned()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Outgoing> {
        self.0.iter()
    }

    pub fn contains(&self, id: &MessageId) -> bool {
        self.0.iter().any(|message| message.id == *id)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
