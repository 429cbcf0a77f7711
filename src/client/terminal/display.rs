//! The text of a view on a terminal. Every text of another user passes [`safe`].

use std::io::stdout;

use rustix::termios::tcgetwinsize;

use super::marks::{HELD, Marks};
use crate::client::app::view::View;
use crate::client::state::outgoing::Outgoing;
use crate::client::state::row::Row;
use crate::model::safe::{indented, safe, snippet};
use crate::model::{Message, Target, Timestamp, UserName};
use crate::text::break_words;
use crate::texts::Phrase;
use crate::texts::words::{DIRECT, noted_ko, taken_back};

/// Returns the line of an own message, to which its mark is added: `[14:35] ana: hola`. Its target is named where it is
/// not the current one: `[14:35] ana -> luis: hola`.
pub fn own_line(message: &Outgoing, me: &UserName, is_current: bool) -> String {
    let how = if is_current { String::new() } else { format!(" -> {}", safe(&message.to.to_string())) };
    say(message.at, "", me, &how, message.text.as_str())
}

/// Returns the line of a message that the user has sent elsewhere, without its mark.
pub fn elsewhere_line(target: &Target, message: &Message) -> String {
    format!("{}{}", peer(target), message_line(message))
}

/// Returns what names the user of a conversation before one of its lines; the lines of a room name it themselves.
fn peer(target: &Target) -> String {
    match target {
        Target::User(user) => format!("{} ", safe(&format!("@{user}"))),
        Target::Room(_) => String::new(),
    }
}

/// The columns before the effect of a command.
const HELP_INDENT: &str = "    ";

/// Returns the text of a view, without a line feed at its end.
pub fn render(view: &View, marks: Marks) -> String {
    match view {
        View::Incoming(message) => message_line(message),
        View::Tick { state, message, others } => {
            let is_erased = message.text.is_erased();
            let text = if is_erased { taken_back() } else { marks.snippet(message.text.as_str()) };
            let text = if *others > 0 { Phrase::OthersBefore { text: &text, others }.to_string() } else { text };
            safe(&format!("{} {}: {text}", marks.of(*state), address(&message.to))).into_owned()
        }
        View::Failed { message, why } => {
            let text = marks.snippet(message.text.as_str());
            let failed = Phrase::NotSent { text: &text, dash: &marks.dash(), why };
            safe(&format!("{} {}: {failed}", marks.failed(), address(&message.to))).into_owned()
        }
        View::Direct(message) => direct_line(message),
        View::DirectTick { held, message } => {
            let mark = marks.of(held.then_some(HELD));
            let text = marks.snippet(message.text.as_str());
            safe(&format!("{mark} {} ({DIRECT}): {text}", address(&message.to))).into_owned()
        }
        View::Row(row) => row_line(row, marks),
        View::Found(target, row) | View::Elsewhere(target, row) => format!("{}{}", peer(target), row_line(row, marks)),
        View::Help { form, help } => help_lines(form, help),
        View::Unread { target, count, more, last } => unread_line(target, *count, *more, last),
        // The screen knows what they are.
        View::Hidden(_) | View::Older(..) | View::Clear => String::new(),
        View::Answer(line) => safe(line).into_owned(),
        View::Notice(line) => format!("* {}", safe(line)),
        View::Problem(line) => format!("! {}", safe(line)),
    }
}

/// Returns a form, and its effect below it, broken between words.
fn help_lines(form: &str, help: &str) -> String {
    let columns = tcgetwinsize(stdout()).map_or(0, |size| usize::from(size.ws_col));
    // The last column stays empty.
    let width = columns.checked_sub(HELP_INDENT.len() + 1).unwrap_or(usize::MAX);
    let help = break_words(help, width).join(&format!("\n{HELP_INDENT}"));
    format!("{}\n{HELP_INDENT}{help}", safe(form))
}

fn unread_line(target: &Target, count: usize, more: bool, last: &Message) -> String {
    let more = if more { "+" } else { "" };
    let count = format!("{count}{more}");
    let last = match last.text.is_erased() {
        true => format!("{} {}", last.from, taken_back()),
        false => format!("{}: {}", last.from, snippet(last.text.as_str())),
    };
    safe(&Phrase::Unread { target, count: &count, last: &last }.to_string()).into_owned()
}

fn row_line(row: &Row, marks: Marks) -> String {
    match row {
        Row::Received(message) => message_line(message),
        Row::Sent(message, state) => format!("{} {}", message_line(message), marks.of(Some(*state))),
        Row::Direct(message) => direct_line(message),
        Row::Gap(gap) => {
            format!("* {}", safe(&Phrase::Gap { max: &gap.max_messages(), target: &gap.target }.to_string()))
        }
        Row::Failed(message, why) => {
            let time = message.at.local_time_of_day();
            format!(
                "[{time}] {} {}: {} {} {}",
                marks.failed(),
                address(&message.to),
                indented(message.text.as_str()),
                marks.dash(),
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

/// Returns the line of a message of a direct chat.
pub fn direct_line(message: &Message) -> String {
    line_of(message, "", &format!(" ({DIRECT})"))
}

fn line_of(message: &Message, target: &str, how: &str) -> String {
    if message.text.is_erased() {
        let time = message.at.local_time_of_day();
        return format!("[{time}] {target}{}{how} {}", safe(message.from.shown()), taken_back());
    }
    say(message.at, target, &message.from, how, message.text.as_str())
}

/// Returns a message's line. A text that begins with `/me ` is an action (protocol, section 7): `[14:35] * ana waves`.
fn say(at: Timestamp, target: &str, from: &UserName, how: &str, text: &str) -> String {
    let time = at.local_time_of_day();
    let from = safe(from.shown());
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
