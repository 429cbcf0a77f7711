//! From the arguments of a command to values.

use super::command::Command;
use crate::client::link::request::RoomChange;
use crate::client::state::record::Switch;
use crate::client::state::row::folded;
use crate::limits;
use crate::model::{DeviceName, Email, RoomKind, RoomName, Target, Text, Topic, UserName};
use crate::texts::Phrase;

/// The reason why a line is no command: it is not of the form, or another one.
pub enum Refusal {
    Form,
    Because(String),
}

pub type Parsed = Result<Command, Refusal>;

pub fn say(to: Option<&str>, text: &str) -> Parsed {
    let to = to.map(target).transpose()?;
    Ok(Command::Say { to, text: message(text)? })
}

/// Checks the text of a message: it is not empty.
fn message(text: &str) -> Result<Text, Refusal> {
    if text.trim().is_empty() {
        return Err(Refusal::Because(Phrase::EmptyMessage.to_string()));
    }
    let too_much = || Refusal::Because(Phrase::NotAText { most: &limits::TEXT_BYTES }.to_string());
    Text::new(text).ok_or_else(too_much)
}

/// Parses the text of a command that has an effect without one, too.
pub fn optional_text(rest: &str) -> Result<Option<Text>, Refusal> {
    (!rest.is_empty()).then(|| message(rest)).transpose()
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
    if text.is_empty() || text.contains(char::is_whitespace) {
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

/// Parses the arguments of `/join`: a room, with or without its `#`, and the word that creates one beside another of
/// nearly the same name.
pub fn join(rest: &str) -> Parsed {
    let (name, word) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let name = name.trim_start_matches(['@', '#']);
    if name.is_empty() || !["", "new", "nueva", "nova"].contains(&word.trim()) {
        return Err(Refusal::Form);
    }
    let sure = !word.trim().is_empty();
    match target(&format!("#{name}"))? {
        Target::Room(room) => Ok(Command::Join { room, sure }),
        Target::User(_) => Err(Refusal::Form),
    }
}

/// Takes a room off the beginning of the arguments, if one is named there.
fn leading_room(rest: &str) -> Result<(Option<RoomName>, &str), Refusal> {
    if !rest.starts_with('#') {
        return Ok((None, rest));
    }
    let (name, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    Ok((optional_room(name)?, rest.trim_start()))
}

/// Parses the arguments of `/room`: a room, and the word for those who may join it.
pub fn room_kind(rest: &str) -> Parsed {
    let (room, word) = leading_room(rest)?;
    let kind = match word {
        "open" | "abierta" | "aberta" => RoomKind::Open,
        "invite" | "invitación" | "invitacion" | "convite" => RoomKind::Invite,
        _ => return Err(Refusal::Form),
    };
    Ok(Command::Change(room, RoomChange::Kind(kind)))
}

/// Parses the arguments of `/topic`: a room, and its new topic, or the word that removes it.
pub fn topic(rest: &str) -> Parsed {
    let (room, text) = leading_room(rest)?;
    let text = match text {
        "" => return Ok(Command::Topic(room)),
        "none" | "ninguno" | "nenhum" => "",
        text => text,
    };
    let wrong = || Refusal::Because(Phrase::NotATopic { most: &limits::TOPIC_BYTES }.to_string());
    Topic::new(text).map(|topic| Command::Change(room, RoomChange::Topic(topic))).ok_or_else(wrong)
}

/// Parses the arguments of a command about a room and a user, in either order: in IRC the user of `INVITE` comes first.
pub fn room_and_user(rest: &str, change: fn(UserName) -> RoomChange) -> Parsed {
    let words: Vec<_> = rest.split_whitespace().collect();
    let (room, user) = match *words.as_slice() {
        [user] => ("", user),
        [room, user] | [user, room] if room.starts_with('#') => (room, user),
        _ => return Err(Refusal::Form),
    };
    let room = optional_room(room)?;
    optional_user(user)?.map(|user| Command::Change(room, change(user))).ok_or(Refusal::Form)
}

/// Parses the argument of `/email`: an address, or the word that removes it.
pub fn email(rest: &str) -> Parsed {
    match rest {
        "" => Err(Refusal::Form),
        "none" | "ninguna" | "nenhum" => Ok(Command::Email(Email::default())),
        address => {
            let wrong = || Refusal::Because(Phrase::NotAnEmail { text: &address }.to_string());
            Email::new(address).map(Command::Email).ok_or_else(wrong)
        }
    }
}

/// Parses `/permit ana yes`, and `/permit` alone.
pub fn permit(rest: &str) -> Parsed {
    let Some((user, word)) = rest.split_once(char::is_whitespace) else { return none(rest, Command::Permit(None)) };
    let permitted = match word.trim() {
        "yes" | "sí" | "si" | "sim" => true,
        "no" | "não" | "nao" => false,
        _ => return Err(Refusal::Form),
    };
    let user = optional_user(user)?.ok_or(Refusal::Form)?;
    Ok(Command::Permit(Some((user, permitted))))
}

/// Parses `/set quiet on`, and `/set` alone.
pub fn set(rest: &str) -> Parsed {
    let words: Vec<_> = rest.split_whitespace().collect();
    let [name, value] = match *words.as_slice() {
        [] => return Ok(Command::Set(None)),
        [name, value] => [name, value],
        _ => return Err(Refusal::Form),
    };
    let on = match value {
        "on" | "sí" | "si" | "sim" => true,
        "off" | "no" | "não" | "nao" => false,
        _ => return Err(Refusal::Form),
    };
    Switch::parse(name).map(|switch| Command::Set(Some((switch, on)))).ok_or(Refusal::Form)
}

/// Parses the argument of `/logout`: the number of a connection, or the word for all others.
pub fn log_out(rest: &str) -> Parsed {
    match rest {
        "others" | "otras" | "outras" => Ok(Command::LogOut(None)),
        number => number.parse().map(|number| Command::LogOut(Some(number))).map_err(|_| Refusal::Form),
    }
}

/// Parses the argument of `/forget`.
pub fn forget(rest: &str) -> Parsed {
    if rest.is_empty() {
        return Err(Refusal::Form);
    }
    let wrong = || Refusal::Because(Phrase::NotADevice { text: &format!("{rest:?}") }.to_string());
    DeviceName::new(rest).map(Command::Forget).ok_or_else(wrong)
}

pub fn search(rest: &str) -> Parsed {
    let words: Vec<_> = rest.split_whitespace().map(folded).collect();
    if words.is_empty() { Err(Refusal::Form) } else { Ok(Command::Search(words)) }
}

/// Parses `/history luis 5`, `/history luis`, `/history 5`, `/history`.
pub fn history(rest: &str) -> Parsed {
    let (name, count) = name_and_number(rest)?;
    Ok(Command::History { target: optional_target(name)?, count: count.unwrap_or(limits::CONVERSATION_SHOWN) })
}

/// Parses the arguments of `/erase`: whose message, and which one, counted from the last one.
pub fn erase(rest: &str) -> Parsed {
    let (name, n) = name_and_number(rest)?;
    Ok(Command::Erase { user: optional_user(name)?, n: n.unwrap_or(1) })
}

/// Takes a name and a number apart, each of which may be missing. A lone number is one, and no name.
fn name_and_number(rest: &str) -> Result<(&str, Option<usize>), Refusal> {
    let words: Vec<_> = rest.split_whitespace().collect();
    let (name, number) = match *words.as_slice() {
        [] => ("", None),
        [one] if one.parse::<usize>().is_ok() => ("", Some(one)),
        [name] => (name, None),
        [name, number] => (name, Some(number)),
        _ => return Err(Refusal::Form),
    };
    let parse = |number: &str| number.parse().ok().filter(|n| *n > 0).ok_or(Refusal::Form);
    Ok((name, number.map(parse).transpose()?))
}
