//! Observable events, and the report of a broken promise.

use std::fmt;
use std::sync::Arc;

use crate::model::State;

/// The name of a user or of a room. There are few, and they are in many events.
pub type Name = Arc<str>;

/// An event's place in the order of observation, from 1.
pub type Moment = usize;

/// A message by its place in the checker's list.
pub type Index = usize;

/// Reads the state of a message, as the server reports it.
pub fn state_named(word: &str) -> State {
    State::parse(word).unwrap_or_else(|| panic!("{word} is not a state"))
}

/// A STATE event: every message of this sender to a target, up to a number, has this state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    pub sender: Name,
    pub target: Name,
    pub state: State,
    pub upto: u64,
}

/// One thing that was observed. It happened to one user, but for a restart.
#[derive(Clone, Debug)]
pub enum Event {
    Asks {
        message: Index,
    },
    Accepted {
        message: Index,
        seq: u64,
        at: Box<str>,
    },
    Refused {
        message: Index,
    },
    Given {
        reader: Name,
        message: Index,
        seq: u64,
    },
    Told {
        reader: Name,
        seq: u64,
        mark: Mark,
    },
    Acknowledges {
        reader: Name,
        upto: u64,
    },
    Reads {
        reader: Name,
        target: Name,
        upto: u64,
    },
    Shown {
        observer: Name,
        message: Index,
        seq: u64,
        state: Option<State>,
    },
    Restarted,
    /// An event that no correct server sends, in words.
    Odd(String),
}

/// A broken promise: its number, and the smallest piece of history that shows it.
#[derive(Clone, Debug)]
pub struct Broken {
    pub promise: u8,
    pub why: String,
    /// The events that contradict each other, each with its moment.
    pub events: Vec<(Moment, String)>,
}

/// Result of an observation: the promises hold, or one is broken.
pub type Verdict = Result<(), Broken>;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "promise {} is broken: {}", self.promise, self.why)?;
        self.events.iter().try_for_each(|(moment, event)| write!(f, "\n  #{moment} {event}"))
    }
}

impl From<Broken> for String {
    fn from(broken: Broken) -> Self {
        broken.to_string()
    }
}

/// A text as it is compared and printed: itself, or the start of a long one with its digest.
pub fn summary(text: &str) -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};
    if text.len() <= 40 {
        return format!("{text:?}");
    }
    let mut digest = DefaultHasher::new();
    text.hash(&mut digest);
    let start: String = text.chars().take(12).collect();
    format!("{start:?}... ({} bytes, digest {:016x})", text.len(), digest.finish())
}
