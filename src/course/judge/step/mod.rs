//! Steps of the tests: each line is parsed once, before anything is played.
//!
//! - `server`: steps of a test of a server. `client`: those of a test of a client. `words`: parts of both.
//!
//! | step of both | meaning |
//! |---|---|
//! | `repeat 100 <step>` | does a step that often, with `{i}` from 1 |
//! | `wait 300` | waits 300 milliseconds |
//! | `{password}`, `{long text}` | the password of the users; 50,000 bytes |

pub mod client;
pub mod server;
mod words;

pub use client::ClientAction;
pub use server::ServerAction;
pub use words::Span;
use words::{cut, number};

/// The side of the protocol that is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Server,
    Client,
}

/// A line of a test, and its action.
#[derive(Clone, Debug)]
pub struct Step<A> {
    /// The line, for the report.
    pub text: &'static str,
    /// The number of times that the action is done; `{i}` counts them from 1.
    pub times: u64,
    pub action: A,
}

/// The steps of a test, by the side that is tested.
#[derive(Clone, Debug)]
pub enum Steps {
    Server(Vec<Step<ServerAction>>),
    Client(Vec<Step<ClientAction>>),
}

impl Steps {
    /// Returns no steps yet.
    pub fn new(side: Side) -> Self {
        match side {
            Side::Server => Self::Server(Vec::new()),
            Side::Client => Self::Client(Vec::new()),
        }
    }

    /// Parses a line and adds it. The error says what is no part of a step.
    pub fn add(&mut self, line: &'static str) -> Result<(), String> {
        match self {
            Self::Server(steps) => match server::event_pattern(line) {
                Some(pattern) => match steps.last_mut() {
                    Some(step) => step.action.add_event(pattern)?,
                    None => return Err("an event belongs to a step before it".to_owned()),
                },
                None => steps.push(Step::parse(line, ServerAction::parse)?),
            },
            Self::Client(steps) => steps.push(Step::parse(line, ClientAction::parse)?),
        }
        Ok(())
    }

    pub fn side(&self) -> Side {
        match self {
            Self::Server(_) => Side::Server,
            Self::Client(_) => Side::Client,
        }
    }

    /// Returns whether they need a command that restarts the server. A client is restarted by the judge itself.
    pub fn restart(&self) -> bool {
        let Self::Server(steps) = self else { return false };
        steps.iter().any(|step| matches!(step.action, ServerAction::Restart | ServerAction::Crashes { .. }))
    }
}

impl<A> Step<A> {
    fn parse(text: &'static str, parse: fn(&'static str) -> Result<A, String>) -> Result<Self, String> {
        let (times, line) = match text.strip_prefix("repeat ").map(|rest| cut(rest, " ")).transpose()? {
            Some((times, line)) => (number(times)?, line),
            None => (1, text),
        };
        Ok(Self { text, times, action: parse(line)? })
    }
}
