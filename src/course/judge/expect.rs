//! The expectations of a test: what has to come, and what must not.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use super::play::Player;
use super::step::Span;
use super::time_line::{EventKind, Mismatch};
use crate::course::wire::Came;
use crate::limits;

/// Time that a poll of the judge may wait for an event.
const POLL_WAIT: Duration = Duration::from_secs(1);

/// Pause before the next poll, for a server whose polls return at once.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
const LAST_POLL_INTERVAL: Duration = Duration::from_millis(20);

impl Player<'_> {
    pub fn read(&mut self, name: &str, time: Duration) -> Result<Came, Mismatch> {
        let came = self.wire(name)?.read_within(time);
        self.note(name, EventKind::Came(came.clone()));
        Ok(came)
    }

    pub fn expect(&mut self, name: &str, pattern: &str) -> Result<(), Mismatch> {
        let came = self.read(name, self.server.patience)?;
        self.compare(pattern, came)
    }

    fn compare(&mut self, pattern: &str, came: Came) -> Result<(), Mismatch> {
        let pattern = self.names.fill(pattern);
        match &came {
            Came::Line(line) if self.names.fits(&pattern, line) => Ok(()),
            _ => Err(Mismatch::new(pattern, came)),
        }
    }

    pub fn expect_within(&mut self, name: &str, span: Span, pattern: &str) -> Result<(), Mismatch> {
        let begin = Instant::now();
        let came = self.read(name, span.to)?;
        self.compare(pattern, came)?;
        span.check(pattern, begin.elapsed())
    }

    pub fn expect_end(&mut self, name: &str) -> Result<(), Mismatch> {
        match self.read(name, self.server.patience)? {
            Came::End => Ok(()),
            came => Err(Mismatch::new(Came::End.to_string(), came)),
        }
    }

    pub fn expect_nothing(&mut self, name: &str, time: Duration) -> Result<(), Mismatch> {
        match self.read(name, time)? {
            Came::Nothing => Ok(()),
            came => Err(Mismatch::new(format!("nothing for {time:?}"), came)),
        }
    }

    /// Polls until as many events with a number have come as there are patterns, and compares them. Those without a
    /// number, such as the presence of others, are not compared.
    pub fn expect_events(&mut self, name: &str, after: &str, patterns: &[&str]) -> Result<(), Mismatch> {
        let deadline = Instant::now() + self.server.patience;
        let events = loop {
            let events = self.poll(name, after, deadline)?;
            if events.len() >= patterns.len() || Instant::now() > deadline {
                break events;
            }
            thread::sleep(POLL_INTERVAL);
        };
        let mut came = events.iter();
        for pattern in patterns {
            self.compare(pattern, came.next().map_or(Came::Nothing, |event| Came::Line(event.clone())))?;
        }
        let mut seen = BTreeSet::new();
        let numbers = events.iter().filter_map(|event| event.split(';').next()?.parse::<u64>().ok());
        if numbers.clone().any(|number| !seen.insert(number)) || !numbers.is_sorted() {
            return Err(Mismatch::new("events in ascending order", events.join("; ")));
        }
        came.next().map_or(Ok(()), |event| Err(Mismatch::new("no further event", event)))
    }

    /// Polls until the last event with a number is the expected one.
    pub fn expect_last(&mut self, name: &str, after: &str, pattern: &str) -> Result<(), Mismatch> {
        let deadline = Instant::now() + self.server.patience;
        loop {
            let last = self.poll(name, after, deadline)?.pop().map_or(Came::Nothing, Came::Line);
            match self.compare(pattern, last) {
                Err(_) if Instant::now() < deadline => thread::sleep(LAST_POLL_INTERVAL),
                verdict => return verdict,
            }
        }
    }

    /// Polls once, and returns the events with a number. What comes after the deadline of the step and the time that the
    /// poll may wait is late, however early the poll was.
    fn poll(&mut self, name: &str, after: &str, deadline: Instant) -> Result<Vec<String>, Mismatch> {
        self.send(name, self.names.fill(&format!("POLL;{after};{}\n", POLL_WAIT.as_secs())).as_bytes(), false)?;
        let end = deadline + POLL_WAIT;
        let left = || end.saturating_duration_since(Instant::now());
        let head = self.read(name, left())?;
        let count = match &head {
            Came::Line(line) => line.strip_prefix("OK;").and_then(|count| count.parse::<usize>().ok()),
            _ => None,
        };
        let count = count.filter(|count| *count <= limits::MAX_POLL_EVENTS);
        let count = count.ok_or_else(|| Mismatch::new("OK;<count>, the head of a list", head))?;
        let mut events = Vec::new();
        for _ in 0..count {
            match self.read(name, left())? {
                Came::Line(line) if line.starts_with("0;") => {}
                Came::Line(line) => events.push(line),
                came => return Err(Mismatch::new(format!("{count} events"), came)),
            }
        }
        Ok(events)
    }
}
