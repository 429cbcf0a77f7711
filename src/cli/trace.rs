//! `wachat trace`: shows the traces of `serve --trace`, `connect --trace` and `chaos --trace`.

use std::path::PathBuf;

use clap::Args;

use super::page::{DONE, Page, page};
use super::terminal::{terminal_size, write_file, write_out};
use crate::course::trace::{Form, Selection, show};

pub(super) const PAGES: &[Page] = &[page(
    "trace",
    DONE,
    &[
        ("wachat trace server.csv ana.csv", "A sequence diagram in the terminal"),
        ("wachat trace server.csv chaos.csv ana.csv", "With the proxy between them"),
        ("wachat trace server.csv --as table --user ana", "Each line of ana"),
        ("wachat trace server.csv ana.csv --message m-1 --as html --out m-1.html", "The way of one message"),
    ],
    &["serve", "connect", "chaos"],
)];

/// Width of a diagram where there is no terminal.
const COLUMNS: usize = 120;

/// Merge traces, and show them as a diagram or a table
///
/// The order comes from the lines: each process's own order is kept, and a line is sent before it is received. No clock
/// is read, so that of a machine may be wrong. Where traces contradict each other or are cut, notes on standard error
/// say so.
#[derive(Args)]
pub(super) struct TraceArgs {
    /// Files of serve --trace FILE, connect --trace and chaos --trace; of all together at most the first 100,000 entries are read
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Form of the output
    #[arg(long = "as", value_enum, value_name = "FORM", default_value = "diagram")]
    form: Form,
    /// Only the connections of this user
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Only the lines about the message with this id, or whose id begins so, and what became of it
    #[arg(long, value_name = "ID")]
    message: Option<String>,
    /// Width of a diagram [default: that of the terminal, else 120]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(20..))]
    columns: Option<u16>,
    /// File to write to [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Runs the command. The error says why nothing is shown.
pub(super) fn run(args: &TraceArgs) -> Result<(), String> {
    let selection = Selection { user: args.user.clone(), message: args.message.clone(), sender: None };
    let columns = args.columns.map_or_else(columns, usize::from);
    let shown = show(&args.files, args.form, &selection, columns)?;
    for note in &shown.notes {
        crate::client::exit::note(note);
    }
    match &args.out {
        None => write_out(shown.text.as_bytes()),
        Some(path) => write_file(path, shown.text.as_bytes()),
    }
}

pub(super) fn columns() -> usize {
    terminal_size().map_or(COLUMNS, |(columns, _)| columns)
}
