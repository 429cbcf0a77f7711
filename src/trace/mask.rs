//! Takes the passwords out of a line, and what a record cannot hold.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::limits;
use crate::protocol::request::{Command, RECV_COMMANDS, SEND_COMMANDS};

/// Stands for a password, whatever its length is.
const MASK: &str = "***";

/// Similarity with a word from which on another one is taken for it: `PASWD` and `PASSWORD` are mistyped `PASSWD`s.
const SIMILAR: f64 = 0.5;

/// Returns a line of a client without the passwords in it. `is_first`: it is the line of the login.
pub fn mask(line: &str, is_first: bool) -> Cow<'_, str> {
    let verb_end = line.find(|c: char| !c.is_alphanumeric() && c != '"').unwrap_or(line.len());
    let (verb, rest) = line.split_at(verb_end);
    let bare = verb.trim_matches('"').to_uppercase();
    if is_first || (rest.starts_with(':') && is_login(&bare)) {
        return mask_login(line, verb, is_login(&bare) || is_command(&bare)).into();
    }
    if !rest.is_empty() && is_like(&bare, "PASSWD") {
        return format!("{verb};{MASK}").into();
    }
    let first = line.split(';').next().unwrap_or_default();
    match is_command(&first.trim_matches('"').to_uppercase()) {
        true => line.into(),
        false => unknown(first),
    }
}

/// Returns what is kept of a line whose verb is not known: the verb may be a password, or stand before one.
fn unknown(verb: &str) -> Cow<'static, str> {
    format!("{MASK} (a verb of {} characters that is not known)", verb.chars().count()).into()
}

/// Masks everything behind the second colon. In a line that is no login the password may be anywhere: only a verb at its
/// beginning is kept.
fn mask_login(line: &str, verb: &str, is_verb: bool) -> String {
    let mut parts = line.splitn(3, ':');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(kind), Some(user), Some(_)) if kind == verb && is_verb => format!("{kind}:{user}:{MASK}"),
        _ if is_verb && verb.len() < line.len() => format!("{verb} {MASK}"),
        _ if is_verb => line.to_owned(),
        _ => MASK.to_owned(),
    }
}

fn is_login(verb: &str) -> bool {
    is_like(verb, "LOGIN") || is_like(verb, "REGISTER")
}

fn is_command(verb: &str) -> bool {
    let sends = SEND_COMMANDS.iter().map(Command::verb);
    sends.chain(RECV_COMMANDS.iter().map(Command::verb)).any(|known| known == verb)
}

fn is_like(verb: &str, word: &str) -> bool {
    strsim::normalized_damerau_levenshtein(verb, word) >= SIMILAR
}

/// Returns the text of a line as an entry holds it: bytes that are no text and control characters are written as
/// `\x1b`, and a line above the bound is cut, with the number of bytes that are left out.
pub(super) fn printable(line: &[u8]) -> Cow<'_, str> {
    let kept = line.get(..limits::TRACE_LINE_BYTES).unwrap_or(line);
    let left_out = line.len() - kept.len();
    let text = String::from_utf8_lossy(kept);
    if left_out == 0 && !text.chars().any(is_control) {
        return text;
    }
    let mut shown = String::with_capacity(text.len() + 32);
    for c in text.chars() {
        // Writing into a string does not fail.
        let _ = if is_control(c) { write!(shown, "\\x{:02x}", u32::from(c)) } else { write!(shown, "{c}") };
    }
    if left_out > 0 {
        let _ = write!(shown, "… ({left_out} bytes more)");
    }
    shown.into()
}

fn is_control(c: char) -> bool {
    c.is_control() && c != '\t'
}
