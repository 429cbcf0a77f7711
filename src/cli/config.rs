//! `wachat config`: the value and the source of each setting.

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command};

use super::page::{DONE, Page, page};
use super::terminal::write_out;
use crate::settings::{SETTINGS, Setting, Settings};

pub(super) const PAGES: &[Page] = &[page(
    "config",
    DONE,
    &[
        ("wachat config", "The settings of connect and serve"),
        ("wachat config send --user ana", "Those of one command line"),
    ],
    &["serve", "connect"],
)];

/// Arguments of `wachat config`. Its output has the form of a settings file, so that a line can be copied there.
#[derive(Args)]
pub(super) struct ConfigArgs {
    /// Command line to show the settings of, such as: connect --user ana [default: connect, then serve]
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND LINE")]
    words: Vec<String>,
}

/// Prints the settings. Ends the program with exit code 2 if the given command line is wrong.
pub(super) fn run(args: &ConfigArgs, command: &Command, settings: &Settings) -> Result<(), String> {
    let lines: Vec<Vec<String>> = match args.words.as_slice() {
        [] => ["connect", "serve"].map(|command| vec![command.to_owned()]).into(),
        words => vec![words.to_vec()],
    };
    let mut shown = file_line(settings);
    for line in lines {
        shown.push_str(&describe(&line, command, settings).unwrap_or_else(|error| error.exit()));
    }
    write_out(shown.as_bytes())
}

fn file_line(settings: &Settings) -> String {
    match &settings.path {
        Some(path) if path.exists() => format!("# {}\n", path.display()),
        Some(path) => format!("# {}: not found\n", path.display()),
        None => "# no settings file: this user has no home directory\n".to_owned(),
    }
}

fn describe(words: &[String], command: &Command, settings: &Settings) -> Result<String, clap::Error> {
    let words = std::iter::once("wachat").chain(words.iter().map(String::as_str));
    let matches = lenient(command.clone()).try_get_matches_from(words)?;
    let mut levels = vec![(command, &matches)];
    while let Some((command, matches)) = levels.last()
        && let Some((name, matches)) = matches.subcommand()
        && let Some(command) = command.find_subcommand(name)
    {
        levels.push((command, matches));
    }
    let mut text = String::new();
    let mut table = "";
    for setting in SETTINGS {
        let level = levels.iter().find(|(command, _)| setting.argument_of(command).is_some());
        let Some((_, matches)) = level else { continue };
        if setting.table != table {
            table = setting.table;
            text.push_str(&format!("\n[{table}]\n"));
        }
        let (value, source) = describe_one(setting, matches, settings);
        text.push_str(&format!("{value:<40} # {source}\n"));
    }
    Ok(text)
}

/// Makes all arguments optional: a missing one is shown as not set, and is not an error.
fn lenient(command: Command) -> Command {
    command.mut_args(|argument| argument.required(false)).mut_subcommands(lenient)
}

fn describe_one(setting: &Setting, matches: &ArgMatches, settings: &Settings) -> (String, String) {
    let raw = matches.get_raw(setting.argument).and_then(|mut values| values.next());
    let Some(value) = raw.map(|value| setting.convert(&value.to_string_lossy())) else {
        return (format!("# {} =", setting.key()), "not set".to_owned());
    };
    // A JSON string is a TOML string as well.
    let value = if setting.is_text() { serde_json::Value::from(value).to_string() } else { value };
    let source = match matches.value_source(setting.argument) {
        Some(ValueSource::CommandLine) => "flag".to_owned(),
        Some(ValueSource::EnvVariable) => format!("environment, {}", setting.environment()),
        _ => settings.find(setting).map_or("default".to_owned(), |found| format!("file, line {}", found.line)),
    };
    (format!("{} = {value}", setting.key()), source)
}
