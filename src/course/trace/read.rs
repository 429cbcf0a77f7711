//! Reads trace files: whatever is in them, a bounded number of entries is kept.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::run::{Run, Runs};
use crate::limits;
use crate::trace::{Entry, Event};

/// The runs that the files hold, and notes about what was left out.
pub struct Traces {
    pub runs: Vec<Run>,
    pub notes: Vec<String>,
}

/// The entries that may still be read, and their bytes.
struct Budget {
    entries: usize,
    bytes: usize,
}

/// The lines of a file that are no entries.
#[derive(Default)]
struct Skipped {
    count: usize,
    first: usize,
}

/// Reads all files. An error names the first that cannot be read, or is no trace.
pub fn read(files: &[PathBuf]) -> Result<Traces, String> {
    let mut runs = Runs::default();
    let mut notes = Vec::new();
    let mut unread = Vec::new();
    let mut budget = Budget { entries: limits::TRACE_ENTRIES, bytes: limits::TRACE_READ_BYTES };
    for (index, path) in files.iter().enumerate() {
        let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut add = |entry| runs.add(index, entry);
        let (is_whole, skipped) = read_file(BufReader::new(file), &mut budget, &mut add)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        if skipped.count > 0 {
            notes.push(describe(path, &skipped));
        }
        if !is_whole {
            unread.push(index);
            notes.push(format!(
                "{}: the rest is not read: at most {} entries or {} MiB of all files are",
                path.display(),
                limits::TRACE_ENTRIES,
                limits::TRACE_READ_BYTES >> 20
            ));
        }
    }
    Ok(Traces { runs: runs.finish(&unread), notes })
}

fn describe(path: &Path, skipped: &Skipped) -> String {
    let Skipped { count, first } = skipped;
    let lines = if *count == 1 { "1 line is no entry".to_owned() } else { format!("{count} lines are no entries") };
    format!("{}: {lines} of a trace, and left out; the first is line {first}", path.display())
}

/// Reads one file. Returns whether it was read to its end.
fn read_file(
    mut file: impl BufRead,
    budget: &mut Budget,
    add: &mut impl FnMut(Entry<'static>),
) -> io::Result<(bool, Skipped)> {
    let mut skipped = Skipped::default();
    let mut line = Vec::new();
    let mut number = 0;
    let mut found = false;
    while next_line(&mut file, &mut line)? {
        number += 1;
        // A process that is killed may leave half a line behind.
        let entry = line.strip_suffix(b"\n").and_then(Entry::parse);
        if budget.entries == 0 || budget.bytes < line.len() {
            return Ok((false, skipped));
        }
        match entry {
            // A version of the file that this program does not know may mean anything.
            Some(entry) if entry.event == Event::Start && entry.text != crate::trace::VERSION => {
                return Err(io::Error::other(format!("line {number}: {} is not known here", entry.text)));
            }
            Some(entry) => {
                found = true;
                budget.entries -= 1;
                budget.bytes -= line.len();
                add(entry);
            }
            None => {
                if skipped.count == 0 {
                    skipped.first = number;
                }
                skipped.count += 1;
            }
        }
    }
    if !found {
        return Err(io::Error::other(
            "it has no entry of a trace; serve --trace FILE, connect --trace FILE and chaos --trace FILE write one",
        ));
    }
    Ok((true, skipped))
}

/// Reads a line into the buffer; of one that is longer than any entry only the beginning. Returns false at the end.
fn next_line(file: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    file.by_ref().take(limits::TRACE_RECORD_BYTES as u64).read_until(b'\n', line)?;
    if line.is_empty() || line.ends_with(b"\n") {
        return Ok(!line.is_empty());
    }
    let mut left_out = 0;
    while left_out < limits::TRACE_READ_BYTES {
        let buffer = file.fill_buf()?;
        let end = memchr::memchr(b'\n', buffer);
        let length = buffer.len();
        file.consume(end.map_or(length, |end| end + 1));
        if end.is_some() || length == 0 {
            return Ok(true);
        }
        left_out += length;
    }
    Err(io::Error::other(format!("a line of more than {} MiB: it is no trace", limits::TRACE_READ_BYTES >> 20)))
}
