//! The settings file: TOML, checked key by key. An error names the file and the line.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::Command;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::table::{Kind, SETTINGS, Setting};

/// One value of the file.
#[derive(Debug)]
pub struct Found {
    pub setting: &'static Setting,
    /// The value as it is in the file, without quotes.
    pub value: String,
    /// The line of the value, counted from 1.
    pub line: usize,
}

/// An error in the settings file, with its place.
#[derive(Debug)]
pub enum SettingsError {
    Io(PathBuf, io::Error),
    /// The file, the line and the error.
    Line(PathBuf, usize, String),
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(path, error) => write!(f, "cannot read the settings in {}: {error}", path.display()),
            Self::Line(path, line, why) => write!(f, "{}, line {line}: {why}", path.display()),
        }
    }
}

/// An error, and its range of bytes in the file.
type Fault = (Range<usize>, String);

/// A setting, its value, and the value's range of bytes in the file.
type Parsed = (&'static Setting, String, Range<usize>);

/// Reads the whole file. Returns its values, or its first error.
pub(super) fn read(path: &Path, command: &Command) -> Result<Vec<Found>, SettingsError> {
    let text = std::fs::read_to_string(path).map_err(|error| SettingsError::Io(path.to_path_buf(), error))?;
    let line = |span: Range<usize>| 1 + text.bytes().take(span.start).filter(|byte| *byte == b'\n').count();
    let fault = |(span, why): Fault| {
        let number = line(span);
        let advice = text.lines().nth(number - 1).and_then(advise_quotes);
        SettingsError::Line(path.to_path_buf(), number, advice.unwrap_or(why))
    };
    let parsed = DeTable::parse(&text)
        .map_err(|error| fault((error.span().unwrap_or_default(), error.message().replace('\n', "; "))))?;
    let found = read_table(parsed.get_ref(), "", command).map_err(fault)?;
    Ok(found.into_iter().map(|(setting, value, span)| Found { setting, value, line: line(span) }).collect())
}

/// Returns the advice for a line with an error in which the value of a text has no quotes, such as `user = ana`. What
/// TOML makes of such a value depends on its characters: a syntax error, a number, a date.
fn advise_quotes(line: &str) -> Option<String> {
    let (key, value) = line.split_once('=').map(|(key, value)| (key.trim(), value))?;
    let value = value.split(" #").next()?.trim();
    let is_text = SETTINGS.iter().any(|row| row.is_text() && row.key() == key);
    let is_bare = !value.is_empty() && !value.starts_with(['"', '\'', '[', '{']);
    // A JSON string is a TOML string as well.
    let quoted = || serde_json::Value::from(value).to_string();
    (is_text && is_bare).then(|| format!("{key} is a text: put quotes around it, as in {key} = {}", quoted()))
}

/// Returns the settings of one table and of the tables in it.
fn read_table(table: &DeTable, name: &str, command: &Command) -> Result<Vec<Parsed>, Fault> {
    let mut found = Vec::new();
    for (key, value) in table {
        let inner = SETTINGS.iter().find(|row| name.is_empty() && row.table == key.get_ref().as_ref());
        if let Some(row) = inner {
            let is_table = || (value.span(), format!("[{}] is a table", row.table));
            found.extend(read_table(value.get_ref().as_table().ok_or_else(is_table)?, row.table, command)?);
            continue;
        }
        let setting = find(name, key, command)?;
        let text = read_value(setting, value)?;
        check(setting, &text, command).map_err(|why| (value.span(), why))?;
        found.push((setting, text, value.span()));
    }
    Ok(found)
}

fn find(table: &str, key: &Spanned<std::borrow::Cow<str>>, command: &Command) -> Result<&'static Setting, Fault> {
    let applies =
        |row: &&Setting| row.table == table && command.get_subcommands().any(|c| row.argument_of(c).is_some());
    let known: Vec<&'static Setting> = SETTINGS.iter().filter(applies).collect();
    known.iter().find(|row| row.key() == key.get_ref().as_ref()).copied().ok_or_else(|| {
        let keys: Vec<_> = known.iter().map(|row| row.key()).collect();
        let target = if table.is_empty() { String::new() } else { format!(" in [{table}]") };
        (key.span(), format!("there is no setting {:?}{target}; there are {}", key.get_ref(), keys.join(", ")))
    })
}

fn read_value(setting: &Setting, value: &Spanned<DeValue>) -> Result<String, Fault> {
    match (setting.kind, value.get_ref()) {
        (Kind::Text, DeValue::String(text)) => Ok(text.to_string()),
        (Kind::Number, DeValue::Integer(number)) => Ok(number.to_string()),
        (Kind::Flag | Kind::Not, DeValue::Boolean(yes)) => Ok(yes.to_string()),
        (kind, _) => Err((value.span(), format!("{} is {kind}", setting.key()))),
    }
}

/// Checks a value with the parser of the setting's flag.
fn check(setting: &Setting, value: &str, command: &Command) -> Result<(), String> {
    let argument = command.get_subcommands().find_map(|command| setting.argument_of(command));
    let Some((argument, long)) = argument.and_then(|a| Some((a.clone(), a.get_long()?.to_owned()))) else {
        return Ok(());
    };
    if matches!(setting.kind, Kind::Flag | Kind::Not) {
        return Ok(());
    }
    let parser = Command::new("settings").no_binary_name(true).arg(argument);
    let Err(error) = parser.try_get_matches_from([format!("--{long}={value}")]) else { return Ok(()) };
    // Only the first paragraph: the rest are hints for the command line.
    let text = error.to_string();
    let first: Vec<_> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    Err(first.join(" ").trim_start_matches("error: ").replace(&format!("--{long}"), setting.key()))
}
