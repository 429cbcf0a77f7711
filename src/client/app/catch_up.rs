//! The messages of an absence: counted until the client has caught up, and then said in one line.

use std::time::{Duration, Instant};

use super::App;
use super::view::notice;
use crate::limits;
use crate::model::Target;
use crate::texts::Phrase;

/// Time without the server after which the messages that arrive are summed up in a line.
const ABSENCE: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    /// Messages come as they are written.
    #[default]
    Present,
    /// The messages that come were written before.
    CatchingUp,
    /// All of them have come.
    CaughtUp,
}

#[derive(Default)]
pub struct CatchUp {
    mode: Mode,
    /// Number of messages in each conversation, in the order of the first ones.
    counts: Vec<(Target, usize)>,
    /// The server is away since then.
    since: Option<Instant>,
}

impl CatchUp {
    /// A run begins, and with it the first time to catch up.
    pub fn begin() -> Self {
        Self { mode: Mode::CatchingUp, ..Self::default() }
    }

    pub fn note_away(&mut self, now: Instant) {
        self.since.get_or_insert(now);
    }

    /// The server is back. After a short time without it there is nothing to sum up.
    pub fn note_reachable(&mut self, now: Instant) {
        let since = self.since.take();
        if since.is_some_and(|since| now.duration_since(since) >= ABSENCE) {
            self.mode = Mode::CatchingUp;
        }
    }

    pub fn note_caught_up(&mut self) {
        if self.mode == Mode::CatchingUp {
            self.mode = Mode::CaughtUp;
        }
    }

    pub fn count(&mut self, target: Target) {
        if self.mode == Mode::Present {
            return;
        }
        match self.counts.iter_mut().find(|(known, _)| *known == target) {
            Some((_, count)) => *count += 1,
            None => self.counts.push((target, 1)),
        }
    }

    /// Takes the counts, once all messages have come.
    fn take(&mut self) -> Vec<(Target, usize)> {
        if self.mode != Mode::CaughtUp {
            return Vec::new();
        }
        self.mode = Mode::Present;
        std::mem::take(&mut self.counts)
    }
}

impl App {
    /// Sums up the messages that have come, after the last of them.
    pub(super) fn sum_up(&mut self) {
        let counts = if self.held.is_empty() { self.catch_up.take() } else { return };
        let count_of = |(target, count): &(Target, usize)| match target {
            Target::Room(room) => Phrase::NewInRoom { count, room }.to_string(),
            Target::User(user) => Phrase::NewFromUser { count, user }.to_string(),
        };
        let mut parts: Vec<_> = counts.iter().take(limits::ABSENCE_NAMES).map(count_of).collect();
        let rest: usize = counts.iter().skip(limits::ABSENCE_NAMES).map(|(_, count)| count).sum();
        if rest > 0 {
            parts.push(Phrase::NewElsewhere { count: &rest }.to_string());
        }
        if !parts.is_empty() {
            self.show(notice(Phrase::NewMeanwhile { list: &parts.join(", ") }));
        }
    }
}
