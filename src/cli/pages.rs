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

/// Returns the additions to all commands.
pub fn all() -> Vec<&'static Page> {
    let first = [PROGRAM, serve_args::PAGES, clients::PAGES, bridge::PAGES, chaos::PAGES, class::PAGES];
    let course = [talk::PAGES, demo::PAGES, dissector::PAGES, explain::PAGES, judge::PAGES, trace::PAGES];
    let last = [config::PAGES, shell::PAGES, man::PAGES];
    first.iter().chain(&admin::PAGES).chain(&course).chain(&last).copied().flatten().collect()
}

/// Adds exit codes and examples to the help of a command and of those below it. `path`: its words after `wachat`.
pub(super) fn add_to_help(command: Command, path: &str) -> Command {
    let command = match all().into_iter().find(|page| page.command == path) {
        Some(page) => command.after_help(help(page)),
        None => command,
    };
    command.mut_subcommands(|sub| {
        let path = format!("{path} {}", sub.get_name()).trim_start().to_owned();
        add_to_help(sub, &path)
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
