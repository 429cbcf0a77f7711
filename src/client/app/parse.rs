//! From a line that was typed to a command, and from its arguments to values.

use super::command::Command;
use super::commands::{self, COMMANDS};
use crate::client::state::conversation::folded;
use crate::client::state::switch::Switch;
use crate::limits;
use crate::model::{Email, RoomName, Target, Text, UserName};
use crate::texts::{Language, Phrase};

/// Parses a line. The error is for the user who typed it.
pub fn parse(line: &str) -> Result<Command, String> {
    if line.trim().is_empty() {
        return Ok(if line.is_empty() { Command::Nothing } else { Command::Blank });
    }
    if let Some(text) = line.strip_prefix("//") {
        return say(None, &format!("/{text}")).map_err(|refusal| explain(refusal, &"//<text>"));
    }
    if line.starts_with('/') {
        return parse_slash(line.trim_end());
    }
    if let Some(rest) = line.strip_prefix('@') {
        return parse_at(rest, line.trim_end());
    }
    say(None, line).map_err(|refusal| explain(refusal, &"<text>"))
}

fn parse_slash(line: &str) -> Result<Command, String> {
    let (verb, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let row = commands::find(verb).ok_or_else(|| explain_unknown(verb))?;
    (row.parse)(rest.trim_start()).map_err(|refusal| explain(refusal, &row.form.text(Language::current())))
}

/// Parses `@luis: hola`, or a command that is written so.
fn parse_at(rest: &str, line: &str) -> Result<Command, String> {
    let Some((to, text)) = rest.split_once(':') else {
        let row = commands::find(line).ok_or_else(|| explain(Refusal::Form, &Phrase::AtForm))?;
        return (row.parse)("").map_err(|refusal| explain(refusal, &row.form.text(Language::current())));
    };
    let text = text.strip_prefix(' ').unwrap_or(text);
    say(Some(to.trim()), text).map_err(|refusal| explain(refusal, &Phrase::AtForm))
}

/// Explains that there is no such verb, and names the one that was probably meant.
pub fn explain_unknown(verb: &str) -> String {
    let typed = commands::bare(verb);
    let names = COMMANDS.iter().flat_map(commands::names);
    let near = names.filter_map(|name| Some((distance(&typed, &commands::bare(name))?, name)));
    match near.min_by_key(|(distance, _)| *distance) {
        Some((_, known)) => Phrase::DidYouMean { verb: &verb, known: &known }.to_string(),
        None => Phrase::NoCommand { verb: &verb }.to_string(),
    }
}

/// Returns the distance between a typed verb and a name that it may stand for: its beginning, or the name with
/// a slip or two, where the verb is long enough for that.
fn distance(typed: &str, name: &str) -> Option<usize> {
    let slips = match typed.chars().count() {
        0..=2 => return None,
        3..=4 => 1,
        _ => 2,
    };
    if name.starts_with(typed) {
        return Some(0);
    }
    let distance = strsim::osa_distance(typed, name);
    (distance <= slips && name.chars().count() > 2).then_some(distance)
}

fn explain(refusal: Refusal, form: &dyn std::fmt::Display) -> String {
    match refusal {
        Refusal::Form => Phrase::TheForm { form }.to_string(),
        Refusal::Because(why) => why,
    }
}

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

/// Returns the command that a lone word probably stands for.
pub fn command_meant(word: &str) -> Option<&'static str> {
    match word {
        "exit" | "quit" | "salir" | "sair" => Some("/quit"),
        "help" | "ayuda" | "ajuda" => Some("/help"),
        _ => None,
    }
}

/// Parses the argument of `/logout`: the number of a connection, or the word for all others.
pub fn log_out(rest: &str) -> Parsed {
    match rest {
        "others" | "otras" | "outras" => Ok(Command::LogOut(None)),
        number => number.parse().map(|number| Command::LogOut(Some(number))).map_err(|_| Refusal::Form),
    }
}

pub fn search(rest: &str) -> Parsed {
    let words: Vec<_> = rest.split_whitespace().map(folded).collect();
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
