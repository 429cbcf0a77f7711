//! Takes the passwords out of a line, and what a record cannot hold.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::limits;
use crate::model::DeviceKey;
use crate::protocol::exchange::Verb;

/// Stands for a password, whatever its length is.
const MASK: &str = "***";

/// Returns a line of a client without the passwords in it. `is_first`: it is the line of the login.
///
/// Of a line that is neither a login nor a known request only the length of its verb is kept: it can be a password, a
/// mistyped PASSWD or a login after a byte order mark.
pub fn mask(line: &str, is_first: bool) -> Cow<'_, str> {
    let end = line.find(|c: char| matches!(c, ';' | ':') || c.is_whitespace()).unwrap_or(line.len());
    let (verb, rest) = line.split_at(end);
    let word = verb.trim_matches('"');
    // KEY is a login line, too.
    let login = Some(Verb::of(format!("{word}:").as_bytes())).filter(|verb| rest.starts_with(':') && verb.is_login());
    let known = login.unwrap_or_else(|| Verb::of(word.as_bytes()));
    let is_login = is_first || rest.starts_with(':');
    match (known, rest.chars().next()) {
        (Verb::Login(kind), Some(':')) => mask_login(verb, kind.fields(), rest).into(),
        // A line without a further field holds no password.
        (Verb::Login(_) | Verb::Command(..), None) => line.into(),
        // KEY has no fields: what follows is a login line that was mistyped.
        (Verb::Command("PASSWD" | "KEY", _), Some(';')) => format!("{verb};{MASK}").into(),
        (Verb::Command(..), Some(';')) if !is_login => line.into(),
        (Verb::Login(_) | Verb::Command(..), _) => format!("{verb} {MASK}").into(),
        _ => unknown(verb),
    }
}

/// Returns what is kept of a line whose verb is not known: the verb may be a password, or stand before one.
fn unknown(verb: &str) -> Cow<'static, str> {
    format!("{MASK} (a verb of {} characters that is not known)", verb.chars().count()).into()
}

/// Masks the last of so many fields, and all of them where one is missing.
fn mask_login(verb: &str, fields: usize, rest: &str) -> String {
    let parts: Vec<_> = rest.splitn(fields + 1, ':').skip(1).collect();
    match parts.split_last() {
        Some((_, names)) if parts.len() == fields => format!("{verb}:{}:{MASK}", names.join(":")),
        _ => format!("{verb} {MASK}"),
    }
}

/// Returns a line of a server without a device's key in it: the reply to KEY.
pub fn mask_reply(line: &str) -> Cow<'_, str> {
    match line.split_once(';') {
        Some(("OK", key)) if DeviceKey::new(key).is_some() => format!("OK;{MASK}").into(),
        _ => line.into(),
    }
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
