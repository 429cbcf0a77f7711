//! Text of other users, made safe to show.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::limits;

/// Lines after the first of a message are indented, so that none can pass for a message of its own.
const MORE: &str = "\n        ";

/// Returns a text of several lines with all but the first indented.
pub fn indented(text: &str) -> String {
    safe_lines(text).replace('\n', MORE)
}

/// Returns a text whose lines are safe.
pub fn safe_lines(text: &str) -> String {
    text.split('\n').map(safe).collect::<Vec<_>>().join("\n")
}

/// Returns the beginning of a text, enough to recognise the message.
pub fn snippet(text: &str) -> String {
    let mut chars = text.chars();
    let mut start: String = chars.by_ref().take(limits::SNIPPET_CHARS).collect();
    if chars.next().is_some() {
        start.push('…');
    }
    start
}

/// Makes visible every character that a terminal would obey, or that would turn the reading order around. TAB stays.
pub fn safe(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            c if !is_unsafe(c) => shown.push(c),
            '\u{7f}' => shown.push('␡'),
            // Unicode has a picture of each of these, in their order.
            c if c < ' ' => shown.push(char::from_u32(0x2400 + u32::from(c)).unwrap_or('␀')),
            // Writing into a string does not fail.
            c => _ = write!(shown, "\\u{{{:x}}}", u32::from(c)),
        }
    }
    shown.into()
}

fn is_unsafe(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let breaks = matches!(c, '\u{2028}' | '\u{2029}');
    c.is_control() && c != '\t' || turns || breaks || hides(c)
}

/// Returns whether nothing is seen of a character: it is a Default_Ignorable_Code_Point, other than the joiners and
/// variation selectors that words and emoji need, or it annotates.
fn hides(c: char) -> bool {
    let in_words =
        matches!(c, '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}' | '\u{ffa0}');
    let selects = matches!(c, '\u{180b}'..='\u{180f}' | '\u{fe00}'..='\u{fe0d}' | '\u{e0100}'..='\u{e01ef}');
    let formats = matches!(c, '\u{200b}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}');
    let rare = matches!(c, '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}');
    in_words || selects || formats || rare
}
