//! A message that the user has typed, on its way to the server.

use crate::limits;
use crate::model::{Message, MessageId, Target, Text, Timestamp};

/// A message on its way to the server. Its id stays the same however often it is retried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    pub id: MessageId,
    pub to: Target,
    /// The time when it was typed, by this machine's clock.
    pub at: Timestamp,
    pub text: Text,
}

/// The beginning of an automatic answer: a client shows it as an action (protocol, section 7), and gives no automatic
/// answer to it.
pub(crate) const AUTOMATIC: &str = "/me (away) ";

/// Checks that a text is an automatic answer.
pub(crate) fn is_automatic(text: &Text) -> bool {
    text.as_str().starts_with(AUTOMATIC)
}

impl Outgoing {
    /// Returns what was sent as this message.
    pub fn of(message: &Message) -> Self {
        let Message { id, to, at, text, .. } = message.clone();
        Self { id, to, at, text }
    }

    /// Returns about the bytes that it takes.
    pub(super) fn bytes(&self) -> usize {
        self.text.as_str().len() + limits::ROW_BYTES
    }
}
