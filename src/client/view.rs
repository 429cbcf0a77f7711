//! What the app wants a person to see: one closed list. How it looks is another's business.

use std::sync::Arc;

use super::conversation::Row;
use super::texts::Phrase;
use crate::model::{Message, State, Target};

/// How far a message of mine has come, as its sender sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tick {
    /// In the outbox, on disk.
    Queued,
    Received,
    Delivered,
    Read,
}

impl Tick {
    /// The steps after this one, up to that one: a message may take several at once, and a person
    /// sees each.
    pub fn steps_to(self, end: Self) -> impl Iterator<Item = Self> {
        let steps = [Self::Queued, Self::Received, Self::Delivered, Self::Read];
        steps.into_iter().filter(move |step| *step > self && *step <= end)
    }
}

impl From<State> for Tick {
    fn from(state: State) -> Self {
        match state {
            State::Received => Self::Received,
            State::Delivered => Self::Delivered,
            State::Read => Self::Read,
        }
    }
}

/// Something happened that a person should know.
pub fn notice(phrase: Phrase) -> View {
    View::Notice(phrase.to_string())
}

/// A line of an answer.
pub fn answer(phrase: Phrase) -> View {
    View::Answer(phrase.to_string())
}

/// One thing to show.
#[derive(Clone, Debug)]
pub enum View {
    /// A message from somebody. Once it is shown it counts as read.
    Incoming(Arc<Message>),
    /// A message from somebody who is ignored: nothing to see, and done with.
    Hidden(Arc<Message>),
    /// `others` messages to that place came as far at the same time.
    Tick { tick: Tick, to: Target, text: String, others: usize },
    /// A message of mine that will never be sent.
    Failed { to: Target, text: String, why: String },
    /// Said to me in a direct chat.
    Direct(Arc<Message>),
    /// A message of mine in a direct chat; `held`: the other side has it.
    DirectTick { held: bool, message: Arc<Message> },
    /// A row looked back on.
    Row(Row),
    /// A row that was searched for, and the conversation that it is of.
    Found(Target, Row),
    /// So many messages there were not read, and this is the last of them.
    Unread { target: Target, count: usize, last: Arc<Message> },
    /// The screen is to be empty.
    Clear,
    /// Something was asked for, and this is a line of the answer.
    Answer(String),
    /// Something happened that a person should know.
    Notice(String),
    /// Something a person wanted was not done.
    Problem(String),
}
