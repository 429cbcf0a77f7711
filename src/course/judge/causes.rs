//! Failures that look the same: what several tests share is told once, at the first of them in the order of the labs.

use std::ptr;

use super::pattern::{is_number, is_time, is_unique};
use super::time_line::{EventKind, Failure};
use super::{Outcome, Side, Test};

/// The tests that fail in the same way, in the order of the labs.
pub struct Cause<'a> {
    pub first: &'a Outcome,
    pub others: Vec<&'a Outcome>,
}

/// Groups the failures of a run. The first cause is what to fix first: later labs build on it.
pub fn causes(outcomes: &[Outcome]) -> Vec<Cause<'_>> {
    let mut found: Vec<(Look, Cause<'_>)> = Vec::new();
    for outcome in outcomes {
        let Some(failure) = outcome.failure() else { continue };
        let look = Look::of(failure, outcome.test.steps.side());
        match found.iter_mut().find(|(known, _)| *known == look) {
            Some((_, cause)) => cause.others.push(outcome),
            None => found.push((look, Cause { first: outcome, others: Vec::new() })),
        }
    }
    // That the server has gone is what another failure has brought.
    found.sort_by_key(|(_, cause)| cause.first.failure().is_some_and(Failure::is_of_a_server_that_has_gone));
    found.into_iter().map(|(_, cause)| cause).collect()
}

impl Cause<'_> {
    fn holds(&self, outcome: &Outcome) -> bool {
        ptr::eq(self.first, outcome) || self.others.iter().any(|other| ptr::eq(*other, outcome))
    }
}

/// The place of a failure among the causes of its run.
#[derive(Clone, Copy)]
pub enum Place<'a> {
    /// It is the first of the first cause.
    FixFirst,
    /// It is the first of a later cause.
    First(&'a Cause<'a>),
    /// It looks the same as that of this test.
    As(&'static Test),
}

/// Returns the place of a failure; `None`: the test has not failed.
pub fn place<'a>(outcome: &Outcome, causes: &'a [Cause<'a>]) -> Option<Place<'a>> {
    let number = causes.iter().position(|cause| cause.holds(outcome))?;
    let cause = causes.get(number)?;
    Some(match number {
        _ if !ptr::eq(cause.first, outcome) => Place::As(cause.first.test),
        0 => Place::FixFirst,
        _ => Place::First(cause),
    })
}

/// A failure without what differs from test to test: names, ids, numbers, times.
#[derive(PartialEq, Eq)]
struct Look {
    request: String,
    expected: String,
    came: String,
}

impl Look {
    fn of(failure: &Failure, side: Side) -> Self {
        let request = match side {
            Side::Server => last_request(failure).unwrap_or_default(),
            Side::Client => first_word(&failure.step),
        };
        let came = plain(&failure.came);
        let expected = match came.as_str() {
            // The program does not know the request, so what it should have answered does not matter.
            "KO;SYNTAX" => String::new(),
            line if line.contains(';') && !line.starts_with("KO;") => plain(&failure.expected),
            _ => kind(failure),
        };
        Self { request, expected, came }
    }
}

/// Returns what kind of thing was expected: where nothing or a refusal came, the rest does not matter.
fn kind(failure: &Failure) -> String {
    let kind = plain_field(failure.expected.split(';').next().unwrap_or_default());
    match failure.step.split_once(' ') {
        Some((_, message)) if message.contains(": ") => kind.replace(message, "…"),
        _ => kind.to_owned(),
    }
}

/// Returns the verb of the last line that was sent on the connection of the last event.
fn last_request(failure: &Failure) -> Option<String> {
    let connection = &failure.moments.last()?.connection;
    let on_it = failure.moments.iter().rev().filter(|moment| moment.connection == *connection);
    let sent = on_it.filter_map(|moment| match &moment.what {
        EventKind::Sent(bytes) => Some(bytes),
        EventKind::Came(_) | EventKind::Note(_) => None,
    });
    let line = sent.flat_map(|bytes| bytes.rsplit(|byte| *byte == b'\n')).find(|line| !line.is_empty())?;
    Some(first_word(&String::from_utf8_lossy(line)))
}

fn first_word(line: &str) -> String {
    line.split([';', ':', ' ']).next().unwrap_or_default().to_ascii_uppercase()
}

/// Returns a line without what differs from test to test.
fn plain(line: &str) -> String {
    let mut fields: Vec<_> = line.split(';').map(plain_field).collect();
    match fields.as_slice() {
        // The text of a refusal is for people.
        ["KO", _, ..] => fields.truncate(2),
        // The length of a list stays.
        ["OK", _] => return line.to_owned(),
        _ => {}
    }
    fields.join(";")
}

fn plain_field(field: &str) -> &str {
    match field {
        field if is_time(field) => "<time>",
        field if is_number(field) || field.starts_with('<') && field.ends_with('>') => "<n>",
        field if is_unique(field) => "<name>",
        field => field,
    }
}
