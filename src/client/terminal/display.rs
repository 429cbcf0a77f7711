//! The text of a view on a terminal. Every text of another user passes
//! [`safe`].

use std::io::stdout;

use rustix::termios::tcgetwinsize;
use unicode_width::UnicodeWidthStr as _;

use crate::client::app::view::View;
use crate::client::state::conversation::Row;
use crate::client::texts::safe::{indented, safe, snippet};
use crate::client::texts::words::{DIRECT, READ_TICK, noted_ko};
use crate::client::texts::{Language, Phrase};
use crate::model::{Message, State, Target};

/// The columns before the effect of a command.
const HELP_INDENT: &str = "    ";

/// Returns the text of a view, without a line feed at its end.
pub fn render(view: &View) -> String {
    match view {
        View::Incoming(message) => message_line(message),
        View::Tick { state, to, text, others } => {
            let text = snippet(text);
            let text = if *others > 0 { Phrase::OthersBefore { text: &text, others }.to_string() } else { text };
            safe(&format!("{} {}: {text}", mark(*state), address(to))).into_owned()
        }
        View::Failed { to, text, why } => {
            let failed = Phrase::NotSent { text: &snippet(text), why };
            safe(&format!("✗ {}: {failed}", address(to))).into_owned()
        }
        View::Direct(message) => direct_line(message),
        View::DirectTick { held, message } => {
            let mark = mark(held.then_some(State::Delivered));
            safe(&format!("{mark} {} ({DIRECT}): {}", address(&message.to), snippet(&message.text.to_string())))
                .into_owned()
        }
        View::Row(row) => row_line(row),
        View::Found(Target::User(user), row) | View::Elsewhere(Target::User(user), row) => {
            format!("{} {}", safe(&format!("@{user}")), row_line(row))
        }
        View::Found(Target::Room(_), row) | View::Elsewhere(Target::Room(_), row) => row_line(row),
        View::Help { form, help } => help_lines(form, help),
        View::Unread { target, count, more, last } => unread_line(target, *count, *more, last),
        // The screen knows what they are.
        View::Hidden(_) | View::Clear => String::new(),
        View::Answer(line) => safe(line).into_owned(),
        View::Notice(line) => format!("* {}", safe(line)),
        View::Problem(line) => format!("! {}", safe(line)),
    }
}

/// Returns a form, and its effect below it, broken between words.
fn help_lines(form: &str, help: &str) -> String {
    let columns = tcgetwinsize(stdout()).map_or(0, |size| usize::from(size.ws_col));
    let width = if columns > HELP_INDENT.len() { columns - HELP_INDENT.len() } else { usize::MAX };
    let (mut lines, mut line) = (safe(form).into_owned(), String::new());
    for word in help.split(' ') {
        if !line.is_empty() && line.width() + 1 + word.width() >= width {
            lines.push_str(&format!("\n{HELP_INDENT}{}", std::mem::take(&mut line)));
        }
        line = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
    }
    format!("{lines}\n{HELP_INDENT}{line}")
}

fn unread_line(target: &Target, count: usize, more: bool, last: &Message) -> String {
    let more = if more { "+" } else { "" };
    let (count, last) = (format!("{count}{more}"), format!("{}: {}", last.from, snippet(last.text.as_str())));
    safe(&Phrase::Unread { target, count: &count, last: &last }.to_string()).into_owned()
}

fn row_line(row: &Row) -> String {
    match row {
        Row::Received(message) => message_line(message),
        Row::Sent(message, state) => format!("{} {}", message_line(message), mark(Some(*state))),
        Row::Direct(message) => direct_line(message),
        Row::Gap(gap) => {
            format!("* {}", safe(&Phrase::Gap { max: &gap.max_messages(), target: &gap.target }.to_string()))
        }
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

/// Returns `[14:35] luis: hola`, or in a room `[14:35] #sala luis: hola`.
fn message_line(message: &Message) -> String {
    match &message.to {
        Target::User(_) => line_of(message, "", ""),
        room => line_of(message, &format!("{} ", safe(&room.to_string())), ""),
    }
}

fn direct_line(message: &Message) -> String {
    line_of(message, "", &format!(" ({DIRECT})"))
}

/// Returns a message's line. A text that begins with `/me ` is an action (protocol, section 7): `[14:35] * ana waves`.
fn line_of(message: &Message, target: &str, how: &str) -> String {
    let (time, from, text) = (message.at.local_time_of_day(), safe(message.from.shown()), message.text.as_str());
    match text.strip_prefix("/me ") {
        Some(action) => format!("[{time}] {target}* {from}{how} {}", indented(action)),
        None => format!("[{time}] {target}{from}{how}: {}", indented(text)),
    }
}

/// Returns the address of a target: `@luis`, `#sala`.
fn address(target: &Target) -> String {
    match target {
        Target::User(user) => format!("@{user}"),
        Target::Room(room) => room.to_string(),
    }
}

fn mark(state: Option<State>) -> &'static str {
    match state {
        None => "…",
        Some(State::Received) => "✓",
        Some(State::Delivered) => "✓✓",
        Some(State::Read) => READ_TICK.text(Language::current()),
    }
}
