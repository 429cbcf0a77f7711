//! Parts of a step: words, numbers, times.

use std::str::FromStr;
use std::time::Duration;

use crate::protocol::Port;

/// A span of time in which a line has to come, from the begin of its step.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub from: Duration,
    pub to: Duration,
}

/// Returns the first word of a step, and the rest.
pub fn first_word(step: &'static str) -> (&'static str, &'static str) {
    step.split_once(' ').unwrap_or((step, ""))
}

pub fn cut(text: &'static str, at: &str) -> Result<(&'static str, &'static str), String> {
    text.split_once(at).ok_or_else(|| unknown(text))
}

pub fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| unknown(text))
}

pub fn milliseconds(text: &str) -> Result<Duration, String> {
    number(text).map(Duration::from_millis)
}

/// Parses `9000 12000 < line`: a time in milliseconds, and the line.
pub fn span(text: &'static str) -> Result<(Span, &'static str), String> {
    let (times, line) = cut(text, " < ")?;
    let (from, to) = cut(times, " ")?;
    Ok((Span { from: milliseconds(from)?, to: milliseconds(to)? }, line))
}

pub fn unknown(text: &str) -> String {
    format!("{text:?} is no step of these tests, and no part of one")
}

pub fn port(name: &str) -> Result<Port, String> {
    Port::parse(name).ok_or_else(|| unknown(name))
}
