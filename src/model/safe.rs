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

/// Makes visible every character that a terminal would obey, or that would turn the reading order around, or of which
/// nothing is seen. TAB stays.
pub fn safe(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| is_unsafe(c) || is_selector(c) || is_joiner(c)) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len() + 16);
    let mut chars = text.chars().peekable();
    let mut before = None;
    while let Some(c) = chars.next() {
        match c {
            c if !is_unsafe(c) && has_effect(before, c, chars.peek().copied()) => shown.push(c),
            '\u{7f}' => shown.push('␡'),
            // Unicode has a picture of each of these, in their order.
            c if c < ' ' => shown.push(char::from_u32(0x2400 + u32::from(c)).unwrap_or('␀')),
            // Writing into a string does not fail.
            c => _ = write!(shown, "\\u{{{:x}}}", u32::from(c)),
        }
        before = Some(c);
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

/// Returns whether a character chooses how the sign before it is shown: as a text or as an emoji.
fn is_selector(c: char) -> bool {
    matches!(c, '\u{fe0e}' | '\u{fe0f}')
}

/// Returns whether a character joins what is around it, or keeps it apart.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

/// Returns whether a selector or joiner may change what is seen, between its neighbours; all other characters do. A text is
/// shown grapheme by grapheme, too, so what comes after decides only where it is of the same one.
fn has_effect(before: Option<char>, c: char, after: Option<char>) -> bool {
    let follows = |fits: fn(char) -> bool| before.is_some_and(fits);
    if is_selector(c) {
        let is_keycap = follows(|c| matches!(c, '0'..='9' | '#' | '*')) && after == Some('\u{20e3}');
        return is_keycap || follows(is_pictograph);
    }
    let joins_emoji =
        c == '\u{200d}' && follows(|c| is_pictograph(c) || is_selector(c)) && after.is_some_and(is_pictograph);
    !is_joiner(c) || joins_emoji || follows(is_of_joining_script)
}

/// Returns whether a character is in one of the blocks that have all emoji but the keycaps.
fn is_pictograph(c: char) -> bool {
    let letters = matches!(c, '\u{a9}' | '\u{ae}' | '\u{2122}' | '\u{2139}' | '\u{24c2}');
    let marks = matches!(c, '\u{203c}' | '\u{2049}' | '\u{3030}' | '\u{303d}' | '\u{3297}' | '\u{3299}');
    let arrows = matches!(c, '\u{2190}'..='\u{21ff}' | '\u{2900}'..='\u{297f}' | '\u{2b00}'..='\u{2bff}');
    let signs = matches!(c, '\u{2300}'..='\u{23ff}' | '\u{25a0}'..='\u{27bf}');
    letters || marks || arrows || signs || matches!(c, '\u{1f000}'..='\u{1faff}')
}

/// Returns whether a character is of a script whose letters change their form beside others: of those from Arabic to
/// Sinhala, or of Myanmar, Khmer, Mongolian, or a script beyond them that is written in the same way.
fn is_of_joining_script(c: char) -> bool {
    let west = matches!(c, '\u{620}'..='\u{dff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{18af}');
    let east = matches!(c, '\u{1a00}'..='\u{1cff}' | '\u{a800}'..='\u{abff}' | '\u{fb50}'..='\u{fdff}');
    (west || east || matches!(c, '\u{fe70}'..='\u{fefc}' | '\u{10a00}'..='\u{11fff}')) && !hides(c)
}
