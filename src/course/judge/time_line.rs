//! The time line of a test, and the step at which it failed.

use std::fmt;
use std::time::Duration;

use super::step::Span;
use crate::course::wire::{Came, cut, shorten};
use crate::model::safe::safe;

#[derive(Clone, Debug)]
pub struct LogEntry {
    pub at: Duration,
    /// The connection's name in the test; empty: the judge itself.
    pub connection: String,
    pub what: EventKind,
}

#[derive(Clone, Debug)]
pub enum EventKind {
    Sent(Vec<u8>),
    Came(Came),
    Note(String),
}

#[derive(Clone, Debug)]
pub struct Failure {
    pub step: String,
    pub expected: String,
    pub came: String,
    pub moments: Vec<LogEntry>,
}

/// The expected and the actual line of a step.
#[derive(Debug)]
pub struct Mismatch {
    pub expected: String,
    pub came: String,
}

/// The begin of what was expected where a connection could not be opened.
const CONNECTION: &str = "a connection to ";

impl Failure {
    pub fn new(step: String, Mismatch { expected, came }: Mismatch, moments: Vec<LogEntry>) -> Self {
        Self { step, expected, came, moments }
    }

    pub fn is_of_a_server_that_has_gone(&self) -> bool {
        self.expected.starts_with(CONNECTION)
    }
}

impl Mismatch {
    pub fn new(expected: impl Into<String>, came: impl ToString) -> Self {
        Self { expected: expected.into(), came: came.to_string() }
    }

    pub fn no_connection(to: impl fmt::Display, why: impl ToString) -> Self {
        Self::new(format!("{CONNECTION}{to}"), why)
    }
}

impl Span {
    /// Returns an error if what had to come within this time came too early.
    pub fn check(self, pattern: &str, time: Duration) -> Result<(), Mismatch> {
        if time >= self.from {
            return Ok(());
        }
        Err(Mismatch::new(format!("{pattern} not before {:?}", self.from), format!("it after {time:?}")))
    }
}

impl fmt::Display for LogEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.at.as_secs_f64();
        let name = &self.connection;
        match &self.what {
            EventKind::Sent(bytes) => write!(f, "{seconds:8.3} {name:>2} > {}", sent(bytes)),
            EventKind::Came(came) => write!(f, "{seconds:8.3} {name:>2} < {came}"),
            EventKind::Note(note) => write!(f, "{seconds:8.3} {name:>2}   {}", shorten(note)),
        }
    }
}

/// Returns bytes as a person can type them, but for control characters (LF is `␊`) and bytes that are no text (`\xff`).
fn sent(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text += &safe(chunk.valid());
        text += &chunk.invalid().escape_ascii().to_string();
    }
    cut(&text, bytes.len())
}
