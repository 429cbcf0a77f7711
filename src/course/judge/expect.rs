//! The expectations of a test: what has to come, and what must not.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use super::play::{EventKind, Mismatch, Player, milliseconds, unknown};
use super::wire::Came;
use crate::limits;

/// Pause before the next poll, for a server whose polls return at once.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

impl Player<'_> {
    pub(super) fn read(&mut self, name: &str, time: Duration) -> Result<Came, Mismatch> {
        let came = self.wire(name)?.read_within(time);
        self.note(name, EventKind::Came(came.clone()));
        Ok(came)
    }

    pub(super) fn expect(&mut self, name: &str, pattern: &str) -> Result<(), Mismatch> {
        let came = self.read(name, self.server.patience)?;
        self.compare(pattern, came)
    }

    fn compare(&mut self, pattern: &str, came: Came) -> Result<(), Mismatch> {
        let pattern = self.names.fill(pattern);
        match &came {
            Came::Line(line) if self.names.fits(&pattern, line) => Ok(()),
            _ => Err(Mismatch { expected: pattern, came: came.to_string() }),
        }
    }

    pub(super) fn expect_within(&mut self, name: &str, rest: &str) -> Result<(), Mismatch> {
        let (times, pattern) = rest.split_once(" < ").ok_or_else(|| unknown(rest))?;
        let (from, to) = times.split_once(' ').ok_or_else(|| unknown(times))?;
        let from = milliseconds(from)?;
        let to = milliseconds(to)?;
        let begin = Instant::now();
        let came = self.read(name, to)?;
        self.compare(pattern, came)?;
        let time = begin.elapsed();
        if time >= from {
            return Ok(());
        }
        Err(Mismatch { expected: format!("{pattern} not before {from:?}"), came: format!("it after {time:?}") })
    }

    pub(super) fn expect_end(&mut self, name: &str) -> Result<(), Mismatch> {
        match self.read(name, self.server.patience)? {
            Came::End => Ok(()),
            came => Err(Mismatch { expected: Came::End.to_string(), came: came.to_string() }),
        }
    }

    pub(super) fn expect_nothing(&mut self, name: &str, time: Duration) -> Result<(), Mismatch> {
        match self.read(name, time)? {
            Came::Nothing => Ok(()),
            came => Err(Mismatch { expected: format!("nothing for {time:?}"), came: came.to_string() }),
        }
    }

    /// Polls until as many events with a number have come as there are patterns, and compares them. Those without a number,
    /// such as the presence of others, are not looked at.
    pub(super) fn expect_events(&mut self, name: &str, after: &str, patterns: &[&str]) -> Result<(), Mismatch> {
        let deadline = Instant::now() + self.server.patience;
        let events = loop {
            self.send(name, self.names.fill(&format!("POLL;{after};1\n")).as_bytes(), false)?;
            let events = self.read_events(name)?;
            if events.len() >= patterns.len() || Instant::now() > deadline {
                break events;
            }
            thread::sleep(POLL_INTERVAL);
        };
        let mut came = events.iter();
        for pattern in patterns {
            let pattern = pattern.split_once(" * ").map_or(*pattern, |(_, pattern)| pattern);
            self.compare(pattern, came.next().map_or(Came::Nothing, |event| Came::Line(event.clone())))?;
        }
        let mut seen = BTreeSet::new();
        let numbers = events.iter().filter_map(|event| event.split(';').next()?.parse::<u64>().ok());
        if numbers.clone().any(|number| !seen.insert(number)) || !numbers.is_sorted() {
            return Err(Mismatch { expected: "events in ascending order".to_owned(), came: events.join("; ") });
        }
        match came.next() {
            None => Ok(()),
            Some(event) => Err(Mismatch { expected: "no further event".to_owned(), came: event.clone() }),
        }
    }

    /// Polls until the last event with a number is the expected one.
    pub(super) fn expect_last(&mut self, name: &str, rest: &str) -> Result<(), Mismatch> {
        let (after, pattern) = rest.split_once(" < ").ok_or_else(|| unknown(rest))?;
        let deadline = Instant::now() + self.server.patience;
        loop {
            self.send(name, self.names.fill(&format!("POLL;{after};1\n")).as_bytes(), false)?;
            let last = self.read_events(name)?.pop().map_or(Came::Nothing, Came::Line);
            match self.compare(pattern, last) {
                Err(_) if Instant::now() < deadline => thread::sleep(Duration::from_millis(20)),
                verdict => return verdict,
            }
        }
    }

    fn read_events(&mut self, name: &str) -> Result<Vec<String>, Mismatch> {
        let wait = self.server.patience + Duration::from_secs(1);
        let count = match self.read(name, wait)? {
            Came::Line(line) => {
                let count = line.strip_prefix("OK;").and_then(|count| count.parse::<usize>().ok());
                count.filter(|count| *count <= limits::MAX_POLL_EVENTS).ok_or(line)
            }
            came => Err(came.to_string()),
        };
        let count = count.map_err(|came| Mismatch { expected: "OK;<count>, the head of a list".to_owned(), came })?;
        let mut events = Vec::new();
        for _ in 0..count {
            match self.read(name, self.server.patience)? {
                Came::Line(line) if line.starts_with("0;") => {}
                Came::Line(line) => events.push(line),
                came => return Err(Mismatch { expected: format!("{count} events"), came: came.to_string() }),
            }
        }
        Ok(events)
    }
}
