//! `wachat man`: manual pages, from the same description of the command line as `--help`.

use std::io;

use clap::{Args, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::page::{DONE, Page, page};
use super::terminal::write_out;
use crate::client::exit::{Exit, Failure, failed};
use crate::settings::{self, SETTINGS};

pub(super) const PAGES: &[Page] = &[page(
    "man",
    DONE,
    &[("wachat man | man -l -", "The overview"), ("wachat man user import | man -l -", "The page of a command")],
    &["completions"],
)];

#[derive(Args)]
pub(super) struct ManArgs {
    /// Command to describe, such as: user import [default: an overview of all commands]
    command: Vec<String>,
}

/// Prints a manual page: `wachat man | man -l -`. Exit code 2: there is no such command.
pub(super) fn run(args: &ManArgs, mut command: Command, pages: &[&Page]) -> Result<(), Failure> {
    // Sets the full names of the subcommands.
    command.build();
    let no_such = || (Exit::Usage, "there is no such command; wachat help lists the commands".to_owned());
    let mut described = &command;
    for word in &args.command {
        described = described.find_subcommand(word).ok_or_else(no_such)?;
    }
    let path = args.command.join(" ");
    let page = pages.iter().find(|page| page.command == path).ok_or_else(no_such)?;
    let mut out = Vec::new();
    render(described, page, pages, &mut out).map_err(failed)?;
    write_out(&out).map_err(failed)
}

fn render(command: &Command, page: &Page, pages: &[&Page], out: &mut Vec<u8>) -> io::Result<()> {
    // Man leaves out the texts of the options that only --help shows.
    let man = Man::new(command.clone().mut_args(|argument| argument.hide_short_help(false)));
    man.render_title(out)?;
    man.render_name_section(out)?;
    man.render_synopsis_section(out)?;
    man.render_description_section(out)?;
    man.render_options_section(out)?;
    if command.has_subcommands() {
        man.render_subcommands_section(out)?;
    }
    let mut roff = Roff::new();
    list(&mut roff, "EXIT STATUS", page.exits.iter().map(|(code, meaning)| (code.to_string(), (*meaning).to_owned())));
    list(&mut roff, "ENVIRONMENT", environment(command).into_iter());
    roff.control("SH", ["EXAMPLES"]);
    for (line, purpose) in page.examples {
        roff.text([roman(*purpose)]);
        roff.control("PP", []).control("RS", ["4"]).control("EX", []);
        roff.text([roman(*line)]);
        roff.control("EE", []).control("RE", []).control("PP", []);
    }
    see_also(&mut roff, page, pages);
    roff.to_writer(out)
}

/// Writes a section with a list of terms.
fn list(roff: &mut Roff, heading: &str, rows: impl Iterator<Item = (String, String)>) {
    roff.control("SH", [heading]);
    for (term, text) in rows {
        roff.control("TP", ["12"]);
        roff.text([bold(term)]);
        roff.text([roman(text)]);
    }
}

fn environment(command: &Command) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    for row in SETTINGS {
        if let Some(flag) = row.argument_of(command).and_then(clap::Arg::get_long) {
            rows.push((row.environment(), format!("Stands for --{flag}, unless the flag is given.")));
        }
    }
    if command.get_arguments().any(|argument| argument.get_id() == "password_file") {
        rows.push(("WACHAT_PASSWORD".to_owned(), "The password, unless there is a file with it.".to_owned()));
    }
    if ["serve", "telegram", "user", "room", "chaos"].contains(&command.get_name()) {
        rows.push(("RUST_LOG".to_owned(), "What is logged: error, warn (the default), info, debug.".to_owned()));
    }
    if command.get_arguments().any(|argument| argument.get_id() == "lang") {
        rows.push(("LC_ALL, LC_MESSAGES, LANG".to_owned(), "The language, unless --lang is given.".to_owned()));
    }
    rows.push((settings::ENVIRONMENT.to_owned(), "The settings file, unless --config names one.".to_owned()));
    rows
}

fn see_also(roff: &mut Roff, page: &Page, pages: &[&Page]) {
    let name = |command: &&str| format!("wachat-{}(1)", command.replace(' ', "-"));
    let mut others = Vec::new();
    if page.command.is_empty() {
        others.extend(pages.iter().filter(|page| !page.command.is_empty()).map(|page| name(&page.command)));
    } else {
        others.push("wachat(1)".to_owned());
        others.extend(page.see.iter().map(name));
    }
    roff.control("SH", ["SEE ALSO"]);
    roff.text([roman(others.join(", "))]);
}
