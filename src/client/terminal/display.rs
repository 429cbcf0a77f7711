//! How things look on a terminal. Whatever came from somebody else passes [`safe`].

use std::borrow::Cow;
use std::fmt::Write as _;

use super::conversation::Row;
use super::texts::words::{DIRECT, READ_TICK, noted_ko};
use super::texts::{Language, Phrase};
use super::view::{Tick, View};
use crate::limits;
use crate::model::{Message, Target};

/// Lines after the first of a message are set in, so that none can pass for a message of its own.
const MORE: &str = "\n        ";

/// The text of a view, without a line feed at its end.
pub fn render(view: &View) -> String {
    match view {
        View::Incoming(message) => said(message),
        View::Tick { tick, to, text, others } => {
            let text = snippet(text);
            let text = if *others > 0 { Phrase::OthersBefore { text: &text, others }.to_string() } else { text };
            safe(&format!("{} {}: {text}", mark(*tick), address(to))).into_owned()
        }
        View::Failed { to, text, why } => {
            let failed = Phrase::NotSent { text: &snippet(text), why };
            safe(&format!("✗ {}: {failed}", address(to))).into_owned()
        }
        View::Direct(message) => said_directly(message),
        View::DirectTick { held, message } => {
            let mark = mark(if *held { Tick::Delivered } else { Tick::Queued });
            safe(&format!("{mark} {} ({DIRECT}): {}", address(&message.to), snippet(&message.text.to_string())))
                .into_owned()
        }
        View::Row(row) => look_back(row),
        View::Found(Target::User(user), row) => format!("{} {}", safe(&format!("@{user}")), look_back(row)),
        View::Found(Target::Room(_), row) => look_back(row),
        View::Unread { target, count, last } => unread(target, *count, last),
        // Nothing to read: the screen knows what they are.
        View::Hidden(_) | View::Clear => String::new(),
        View::Answer(line) => safe(line).into_owned(),
        View::Notice(line) => format!("* {}", safe(line)),
        View::Problem(line) => format!("! {}", safe(line)),
    }
}

/// More than is kept in memory may be unread: then it is at least so many.
fn unread(target: &Target, count: usize, last: &Message) -> String {
    let more = if count >= limits::CONVERSATION_ROWS { "+" } else { "" };
    let (count, last) = (format!("{count}{more}"), format!("{}: {}", last.from, snippet(last.text.as_str())));
    safe(&Phrase::Unread { target, count: &count, last: &last }.to_string()).into_owned()
}

fn look_back(row: &Row) -> String {
    match row {
        Row::Received(message) => said(message),
        Row::Sent(message, state) => format!("{} {}", said(message), mark((*state).into())),
        Row::Direct(message) => said_directly(message),
        Row::Gap(gap) => format!("* {}", safe(&Phrase::Gap { most: &gap.most(), room: &gap.room }.to_string())),
        Row::Failed(message, why) => {
            let time = message.at.local_time_of_day();
            format!(
                "[{time}] ✗ {}: {} — {}",
                address(&message.to),
                indented(message.text.as_str()),
                safe(&noted_ko(why))
            )
        }
    }
}

/// `[14:35] luis: hola`; in a room `[14:35] #sala luis: hola`.
fn said(message: &Message) -> String {
    match &message.to {
        Target::User(_) => spoken(message, "", ""),
        room => spoken(message, &format!("{} ", safe(&room.to_string())), ""),
    }
}

fn said_directly(message: &Message) -> String {
    spoken(message, "", &format!(" ({DIRECT})"))
}

/// A text that begins with `/me ` is shown as an action (protocol, section 7): `[14:35] * ana waves`.
fn spoken(message: &Message, target: &str, how: &str) -> String {
    let (time, from, text) = (message.at.local_time_of_day(), safe(message.from.shown()), message.text.as_str());
    match text.strip_prefix("/me ") {
        Some(action) => format!("[{time}] {target}* {from}{how} {}", indented(action)),
        None => format!("[{time}] {target}{from}{how}: {}", indented(text)),
    }
}

pub fn indented(text: &str) -> String {
    text.split('\n').map(safe).collect::<Vec<_>>().join(MORE)
}

/// How one would write to it: `@luis`, `#sala`.
fn address(target: &Target) -> String {
    match target {
        Target::User(user) => format!("@{user}"),
        Target::Room(room) => room.to_string(),
    }
}

fn mark(tick: Tick) -> &'static str {
    match tick {
        Tick::Queued => "…",
        Tick::Received => "✓",
        Tick::Delivered => "✓✓",
        Tick::Read => READ_TICK.text(Language::current()),
    }
}

/// The beginning of a text: enough to know which message it was.
pub(crate) fn snippet(text: &str) -> String {
    let mut chars = text.chars();
    let mut start: String = chars.by_ref().take(limits::SNIPPET_CHARS).collect();
    if chars.next().is_some() {
        start.push('…');
    }
    start
}

/// The text with everything visible that a terminal would obey, or that would turn the order of
/// what is read around. TAB stays.
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
    let hides = matches!(c, '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}');
    c.is_control() && c != '\t' || turns || breaks || hides
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown_and_not_sent() {
        for (text, shown) in [
            ("hola ñandú 👩‍🚀", "hola ñandú 👩‍🚀"),
            ("a\tb", "a\tb"),
            ("\u{1b}[2J", "␛[2J"),
            ("a\rb\u{7}\0\u{7f}", "a␍b␇␀␡"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("ab\u{202e}cd", "ab\\u{202e}cd"),
            ("a\u{2028}b", "a\\u{2028}b"),
        ] {
            assert_eq!(safe(text), shown, "{text:?}");
        }
    }

    #[test]
    fn no_line_of_a_message_passes_for_another_message() {
        assert_eq!(indented("one\n[14:35] luis: two"), "one\n        [14:35] luis: two");
    }
}
