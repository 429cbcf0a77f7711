//! The arguments of a command, between text and values.

use super::command::Command;
use crate::client::texts::Phrase;
use crate::limits;
use crate::model::{RoomName, Target, Text, UserName};

/// The reason why a line is no command: it is not of the form, or another one.
pub enum Refusal {
    Form,
    Because(String),
}

pub type Parsed = Result<Command, Refusal>;

pub fn say(to: Option<&str>, text: &str) -> Parsed {
    let to = to.map(target).transpose()?;
    let too_much = || Refusal::Because(Phrase::NotAText { most: &limits::TEXT_BYTES }.to_string());
    Ok(Command::Say { to, text: Text::new(text).ok_or_else(too_much)? })
}

/// Parses the arguments of `/msg`.
pub fn say_to(rest: &str) -> Parsed {
    let (to, text) = rest.split_once(char::is_whitespace).ok_or(Refusal::Form)?;
    say(Some(to), text.trim_start())
}

/// Parses the argument of `/me`.
pub fn act(rest: &str) -> Parsed {
    if rest.is_empty() { Err(Refusal::Form) } else { say(None, &format!("/me {rest}")) }
}

fn target(text: &str) -> Result<Target, Refusal> {
    if text.is_empty() {
        return Err(Refusal::Form);
    }
    Target::parse(text).map_err(|_| Refusal::Because(Phrase::NotAName { text: &format!("{text:?}") }.to_string()))
}

pub fn optional_target(rest: &str) -> Result<Option<Target>, Refusal> {
    let rest = rest.trim_start_matches('@');
    (!rest.is_empty()).then(|| target(rest)).transpose()
}

pub fn optional_room(rest: &str) -> Result<Option<RoomName>, Refusal> {
    let room = |target| if let Target::Room(room) = target { Ok(room) } else { Err(Refusal::Form) };
    optional_target(rest)?.map(room).transpose()
}

pub fn optional_user(rest: &str) -> Result<Option<UserName>, Refusal> {
    let user = |target| if let Target::User(user) = target { Ok(user) } else { Err(Refusal::Form) };
    optional_target(rest)?.map(user).transpose()
}

pub fn none(rest: &str, command: Command) -> Parsed {
    if rest.is_empty() { Ok(command) } else { Err(Refusal::Form) }
}

pub fn search(rest: &str) -> Parsed {
    let words: Vec<_> = rest.split_whitespace().map(str::to_lowercase).collect();
    if words.is_empty() { Err(Refusal::Form) } else { Ok(Command::Search(words)) }
}

/// Parses `/history luis 5`, `/history luis`, `/history 5`, `/history`. A lone number is a count.
pub fn history(rest: &str) -> Parsed {
    let words: Vec<_> = rest.split_whitespace().collect();
    let (name, count) = match *words.as_slice() {
        [] => (None, None),
        [one] if one.parse::<usize>().is_ok() => (None, Some(one)),
        [name] => (Some(name), None),
        [name, count] => (Some(name), Some(count)),
        _ => return Err(Refusal::Form),
    };
    let count = match count {
        Some(count) => count.parse().ok().filter(|n| *n > 0).ok_or(Refusal::Form)?,
        None => limits::CONVERSATION_SHOWN,
    };
    Ok(Command::History { target: optional_target(name.unwrap_or_default())?, count })
}
