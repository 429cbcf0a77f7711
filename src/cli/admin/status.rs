//! `wachat status`: the figures of a running server, and the space that its store takes.

use std::fs;
use std::io;
use std::path::Path;

use clap::Args;
use serde_json::{Map, Value};

use super::super::page::{DONE, Page, page};
use super::super::terminal::write_out;
use super::access::{StoreArgs, of_running_server};
use crate::disk::{Disk as _, RealDisk};
use crate::protocol::control::{ControlRequest, Figure};

pub(super) const PAGES: &[Page] = &[page(
    "status",
    DONE,
    &[
        ("wachat status", "Accounts, sessions, queues, batches, disk"),
        ("wachat status --json", "The same as a JSON object"),
    ],
    &["session list", "log-level"],
)];

#[derive(Args)]
#[command(mut_arg("data", of_running_server))]
pub(in crate::cli) struct StatusArgs {
    /// Print a JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArgs,
}

pub(super) fn run(args: &StatusArgs) -> Result<(), String> {
    let mut figures: Vec<Figure> = args.store.open_server()?.list(&ControlRequest::Status)?;
    // Looked up here: a slow disk must not hold up the server.
    let disk = [("disk_free_bytes", RealDisk.free_bytes(&args.store.data)), ("store_bytes", size_of(&args.store.data))];
    for (name, bytes) in disk {
        let bytes = bytes.map_err(|error| format!("{}: {error}", args.store.data.display()))?;
        figures.push(Figure { name: name.into(), value: bytes.to_string().into() });
    }
    let text = if args.json { to_json(&figures) } else { to_lines(&figures) };
    write_out(text.as_bytes())
}

/// Returns the bytes of all files in a directory. One that goes away meanwhile, as those of a checkpoint do, has none.
fn size_of(directory: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(directory)? {
        let size = entry.and_then(|entry| match entry.file_type()?.is_dir() {
            true => size_of(&entry.path()),
            false => Ok(entry.metadata()?.len()),
        });
        match size {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            size => bytes += size.unwrap_or(0),
        }
    }
    Ok(bytes)
}

fn to_lines(figures: &[Figure]) -> String {
    figures.iter().map(|Figure { name, value }| format!("{name:<22} {value}\n")).collect()
}

/// Returns an object with a number where the value is one.
fn to_json(figures: &[Figure]) -> String {
    let value = |text: &str| text.parse().map_or_else(|_| Value::from(text), |number: u64| Value::from(number));
    // A store's name is a word, also where it has no letter in it.
    let field = |Figure { name, value: text }: &Figure| {
        (name.to_string(), if name == "store" { Value::from(text.as_ref()) } else { value(text) })
    };
    format!("{}\n", Value::Object(figures.iter().map(field).collect::<Map<_, _>>()))
}
