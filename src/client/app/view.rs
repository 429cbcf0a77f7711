//! The views: all that the app shows, one closed list. A front end decides how each looks.

use std::fmt;
use std::sync::Arc;

use crate::client::state::outgoing::Outgoing;
use crate::client::state::row::Row;
use crate::model::{Message, Seq, State, Target};
use crate::texts::Phrase;

/// Makes a line about an event.
pub fn notice(phrase: Phrase) -> View {
    View::Notice(phrase.to_string())
}

/// Makes the line about messages there that are damaged on the server.
pub fn damaged(target: &dyn fmt::Display, first: Seq, last: Seq) -> View {
    let numbers = if first == last { first.to_string() } else { format!("{first}-{last}") };
    notice(Phrase::DamagedMessage { target, numbers: &numbers })
}

/// Makes a line of an answer.
pub fn answer(text: impl fmt::Display) -> View {
    View::Answer(text.to_string())
}

#[derive(Clone, Debug)]
pub enum View {
    /// A received message. Once it is shown it counts as read.
    Incoming(Arc<Message>),
    /// A received message of a hidden user: it is not shown, and counts as shown.
    Hidden(Arc<Message>),
    /// The state of a message; `None`: queued. `others` messages to that target, sent before it, reached the state at the
    /// same time.
    Tick { state: Option<State>, message: Outgoing, others: usize },
    /// A message that the server refused.
    Failed { message: Outgoing, why: String },
    /// A message received in a direct chat.
    Direct(Arc<Message>),
    /// A message sent in a direct chat; `held`: the other side has it.
    DirectTick { held: bool, message: Arc<Message> },
    /// A row of the history.
    Row(Row),
    /// A row that was found, and its conversation.
    Found(Target, Row),
    /// A number of messages there that were not read, and the last of them; `more`: memory does not hold all.
    Unread { target: Target, count: usize, more: bool, last: Arc<Message> },
    /// Rows of a conversation that memory does not hold, and those after them, oldest first. None: they could not be read.
    Older(Target, Vec<Row>),
    /// A message that the user has sent elsewhere, on another device or in a script, and its conversation.
    Elsewhere(Target, Row),
    /// A line that can be typed, and its effect.
    Help { form: String, help: String },
    /// The screen is cleared.
    Clear,
    /// A line of an answer.
    Answer(String),
    /// A line about an event.
    Notice(String),
    /// The reason why a command was not carried out.
    Problem(String),
}

/// Makes the ticks of a message that moves from one state to another: a message may take several steps at once, and
/// each is shown. `None`: it is in the outbox, durable.
pub fn ticks(from: Option<State>, to_state: State, message: &Outgoing, others: usize) -> Vec<View> {
    let states = [State::Received, State::Delivered, State::Read].into_iter();
    let steps = states.filter(|state| Some(*state) > from && *state <= to_state);
    steps.map(|state| View::Tick { state: Some(state), message: message.clone(), others }).collect()
}
