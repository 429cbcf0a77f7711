//! The pages of all commands: exit codes, examples, related commands.

use clap::Command;

use super::page::{DONE, page};
use super::{
    admin, bridge, chaos, class, clients, config, demo, dissector, explain, judge, man, serve_args, shell, talk, trace,
};

pub use super::page::Page;

const PROGRAM: &[Page] = &[page(
    "",
    DONE,
    &[
        ("wachat serve --listen 0.0.0.0 --tls", "Run a server for the network"),
        ("wachat connect --user ana --server 192.168.1.7 --tls", "Chat there"),
        ("wachat help send", "Explain a command"),
    ],
    &[],
)];

/// The commands in the groups of `wachat --help`.
const GROUPS: [(&str, &[&str]); 5] = [
    ("Chat", &["connect", "bridge"]),
    ("Server", &["serve", "status", "log-level", "check", "backup", "restore", "cluster"]),
    ("Administration", &["user", "room", "session", "ban", "unban", "bans", "announce"]),
    ("Course", &["judge", "chaos", "trace", "explain", "demo", "talk", "class", "dissector"]),
    ("Scripts and settings", &["send", "receive", "history", "users", "rooms", "config", "completions", "man"]),
];

/// Returns the additions to all commands.
pub fn all() -> Vec<&'static Page> {
    let first = [PROGRAM, serve_args::PAGES, clients::PAGES, bridge::PAGES, chaos::PAGES, class::PAGES];
    let course = [talk::PAGES, demo::PAGES, dissector::PAGES, explain::PAGES, judge::PAGES, trace::PAGES];
    let last = [config::PAGES, shell::PAGES, man::PAGES];
    first.iter().chain(&admin::PAGES).chain(&course).chain(&last).copied().flatten().collect()
}

/// Completes the help of the program and of all its commands.
pub(super) fn complete_help(program: Command) -> Command {
    let groups = groups(&program);
    let head = "{about-with-newline}\n{usage-heading} {usage}";
    let template = format!("{head}\n\n{groups}Options:\n{{options}}{{after-help}}");
    add_to_help(program.help_template(template), "")
}

/// Lists the commands below the headings of their groups. clap has one heading for all of them.
fn groups(program: &Command) -> String {
    let mut text = String::new();
    for (heading, names) in GROUPS {
        text.push_str(&format!("{heading}:\n"));
        for command in names.iter().filter_map(|name| program.find_subcommand(name)) {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            text.push_str(&format!("  {:<11}  {about}\n", command.get_name()));
        }
        text.push('\n');
    }
    text
}

/// Adds exit codes and examples to the help of a command and of those below it. `path`: its words after `wachat`.
fn add_to_help(command: Command, path: &str) -> Command {
    let command = match all().into_iter().find(|page| page.command == path) {
        Some(page) if has_headings(&command) => shorten(command).after_long_help(help(page)),
        Some(page) => command.after_help(help(page)),
        None => command,
    };
    command.mut_subcommands(|sub| {
        let path = format!("{path} {}", sub.get_name()).trim_start().to_owned();
        add_to_help(sub, &path)
    })
}

fn has_headings(command: &Command) -> bool {
    command.get_arguments().any(|argument| argument.get_help_heading().is_some())
}

/// Makes `-h` fit on a screen: the options below a heading, the examples and the exit codes are for `--help`.
fn shorten(command: Command) -> Command {
    command.mut_args(|argument| {
        let is_rare = argument.get_help_heading().is_some();
        argument.hide_short_help(is_rare)
    })
}

fn help(page: &Page) -> String {
    let mut text = "Examples:".to_owned();
    for (line, purpose) in page.examples {
        text.push_str(&format!("\n  {purpose}:\n    {line}"));
    }
    text.push_str("\n\nExit codes:");
    for (code, meaning) in page.exits {
        text.push_str(&format!("\n  {code:<3}  {meaning}"));
    }
    text
}
