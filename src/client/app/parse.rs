//! From a line that was typed to a command.

use super::arguments::{Refusal, say};
use super::command::Command;
use super::commands::{self, COMMANDS};
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

/// Checks that a line is the beginning of a command or an address, without a text: what is typed next would be appended to
/// it.
pub fn is_begun(line: &str) -> bool {
    let has_text = || matches!(parse(line), Ok(Command::Say { .. } | Command::Reply(Some(_)) | Command::Away(Some(_))));
    line.starts_with(['/', '@']) && line.split_whitespace().count() <= 2 && !has_text()
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

/// Explains that there is no such verb, and names the one that was probably meant, or what wachat has instead.
pub(super) fn explain_unknown(verb: &str) -> String {
    let typed = commands::bare(verb);
    if let Some(hint) = instead_of(&typed) {
        return hint.to_string();
    }
    let names = COMMANDS.iter().flat_map(commands::names);
    let near = names.filter_map(|name| Some((distance(&typed, &commands::bare(name))?, name)));
    match near.min_by_key(|(distance, _)| *distance) {
        Some((_, known)) => Phrase::DidYouMean { verb: &verb, known: &known }.to_string(),
        None => Phrase::NoCommand { verb: &verb }.to_string(),
    }
}

/// Returns the hint for a verb that users of IRC type, and that has no row: wachat has nothing of that kind.
fn instead_of(typed: &str) -> Option<Phrase<'static>> {
    match typed {
        "nick" => Some(Phrase::NoNick),
        _ => None,
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

/// Returns the command that a lone word probably stands for.
pub(super) fn command_meant(word: &str) -> Option<&'static str> {
    match word {
        "exit" | "quit" | "salir" | "sair" => Some("/quit"),
        "help" | "ayuda" | "ajuda" => Some("/help"),
        _ => None,
    }
}
