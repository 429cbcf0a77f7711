//! `wachat explain`.

use std::path::PathBuf;

use clap::Args;

use super::page::{DONE, Page, page};
use super::terminal::write_out;
use crate::course::explain;
use crate::model::safe::safe_lines;
use crate::texts::Language;

pub(super) const PAGES: &[Page] = &[page(
    "explain",
    DONE,
    &[
        ("wachat explain m-1", "From the store in data/"),
        ("wachat explain m-1 --trace server.csv --trace ana.csv --lang es", "With the traces, in Spanish"),
    ],
    &["trace", "history"],
)];

/// Tell the life of one message as a story
///
/// Reads a store, also beside a server that runs, and the traces of server, clients and proxy where they are given. Each
/// step names the promise that it shows, and the sentence of the protocol. Times are UTC. A store alone knows when a message
/// was accepted, delivered and read, as far back as its log goes; retries, lost lines and crashes are in the traces.
#[derive(Args)]
pub(super) struct ExplainArgs {
    /// Id of the message, such as m-1, or its first characters
    id: String,
    /// Directory of the store
    #[arg(long, default_value = "data")]
    data: PathBuf,
    /// Sender of the message, where several users have used the id
    #[arg(long, value_name = "NAME")]
    from: Option<String>,
    /// File of serve --trace FILE, connect --trace or chaos --trace; may be given again
    #[arg(long, value_name = "FILE")]
    trace: Vec<PathBuf>,
    /// Language [default: from LC_ALL, LC_MESSAGES or LANG, else English]
    #[arg(long, value_enum, value_name = "LANGUAGE")]
    lang: Option<Language>,
}

/// Runs the command. The error says why there is no story.
pub(super) fn run(args: &ExplainArgs) -> Result<(), String> {
    Language::set(args.lang);
    let told = explain::explain(&args.id, args.from.as_deref(), &args.data, &args.trace, Language::current())?;
    for note in &told.notes {
        crate::client::exit::note(note);
    }
    write_out(safe_lines(&told.text).as_bytes())
}
