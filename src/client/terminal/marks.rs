//! The marks of the states: signs, or where the locale has no UTF-8 their forms in ASCII.

use crate::model::State;
use crate::model::safe::snippet;
use crate::text::cells;
use crate::texts::Language;
use crate::texts::ascii::is_ascii_only;
use crate::texts::words::{READ_TICK, READ_TICK_ASCII};

/// The state of a message that the other side of a direct chat has.
pub const HELD: State = State::Delivered;

#[derive(Clone, Copy, Debug)]
pub struct Marks {
    ascii: bool,
}

impl Marks {
    /// The marks of a terminal with UTF-8.
    pub const SIGNS: Self = Self { ascii: false };

    pub fn of_environment() -> Self {
        Self { ascii: is_ascii_only(|name| std::env::var(name).ok()) }
    }

    /// Returns the mark of a state; `None`: queued.
    pub fn of(self, state: Option<State>) -> &'static str {
        match (state, self.ascii) {
            (None, false) => "…",
            (None, true) => "...",
            (Some(State::Received), false) => "✓",
            (Some(State::Received), true) => "+",
            (Some(State::Delivered), false) => "✓✓",
            (Some(State::Delivered), true) => "++",
            (Some(State::Read), false) => READ_TICK.text(Language::current()),
            (Some(State::Read), true) => READ_TICK_ASCII.text(Language::current()),
        }
    }

    pub fn failed(self) -> &'static str {
        if self.ascii { "x" } else { "✗" }
    }

    pub(crate) fn dash(self) -> &'static str {
        if self.ascii { "--" } else { "—" }
    }

    /// Returns the most cells that a mark takes.
    pub fn width(self) -> usize {
        let states = [None, Some(State::Received), Some(State::Delivered), Some(State::Read)];
        states.iter().map(|state| cells(self.of(*state))).max().unwrap_or(0)
    }

    pub(super) fn snippet(self, text: &str) -> String {
        let snippet = snippet(text);
        match snippet.strip_suffix('…').filter(|_| self.ascii) {
            Some(start) => format!("{start}..."),
            None => snippet,
        }
    }
}
