//! Traces: what is recorded, and what `wachat trace` makes of it.

pub mod conversation;
pub mod devices;
mod forms;
mod input;
mod order;
mod recording;
mod selection;
mod whole;

use std::path::Path;
use std::process::{Command, Output};

use crate::support::clients::exit_code;
use crate::support::{NO_SETTINGS, WACHAT};
use wachat::trace::Entry;

/// Runs `wachat trace` with these words and files.
pub fn trace(files: &[&Path], more: &[&str]) -> Output {
    let mut command = Command::new(WACHAT);
    command.arg("trace").args(files).args(more).env("WACHAT_CONFIG", NO_SETTINGS).env("LC_ALL", "C.UTF-8");
    command.output().expect("wachat trace")
}

/// Runs `wachat trace`, which has to succeed. Returns its output and its notes.
pub fn shown(files: &[&Path], more: &[&str]) -> (String, String) {
    let output = trace(files, more);
    let notes = String::from_utf8(output.stderr.clone()).expect("UTF-8");
    assert_eq!(exit_code(&output), 0, "{more:?}: {notes}");
    (String::from_utf8(output.stdout).expect("UTF-8"), notes)
}

/// Returns the entries of a file; each of its lines is one, but a last line that is still being written.
pub fn entries(file: &Path) -> Vec<Entry<'static>> {
    let text = std::fs::read_to_string(file).expect("a trace");
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| Entry::parse(line.as_bytes()).unwrap_or_else(|| panic!("no entry: {line}"))).collect()
}

/// Returns the lines of the table, split where the columns begin, without the times.
pub fn table(files: &[&Path], more: &[&str]) -> Vec<[String; 7]> {
    let text = shown(files, &[&["--as", "table"], more].concat()).0;
    let head = text.lines().next().expect("a head");
    let names = ["process", "port", "user", "other end", "line ", "text"];
    let mut starts: Vec<usize> = names.iter().map(|name| head.find(name).expect("a column")).collect();
    // The arrow has no name: its column ends where the next one begins.
    starts.insert(3, starts[3] - 4);
    let row = |line: &str| {
        let cells: Vec<char> = line.chars().collect();
        std::array::from_fn(|column| {
            let end = starts.get(column + 1).copied().unwrap_or(cells.len());
            cells.get(starts[column]..end).unwrap_or_default().iter().collect::<String>().trim_end().to_owned()
        })
    };
    text.lines().skip(1).map(row).collect()
}
