//! Compares the stores of all servers of a cluster: their tables and the rows of their histories.

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::store_files::newest_checkpoint;

/// Columns of tables that are of one server alone: numbers of its segments, times of its clean-up, its history files.
const LOCAL: &[(&str, &[&str])] = &[
    ("store", &["segment", "cleaned_at"]),
    ("conversations", &["bytes", "checksum", "removed", "removed_upto", "erased_upto"]),
];

/// Returns the rows of every table of the newest checkpoint of a stopped server, sorted.
pub fn read_state(data: &Path) -> BTreeMap<String, Vec<String>> {
    let entries = std::fs::read_dir(newest_checkpoint(data)).expect("a checkpoint").flatten();
    let read = |path: &Path| {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(path).expect("a table");
        let rows = shared_rows(&name, &text);
        (name, rows)
    };
    entries.map(|entry| read(&entry.path())).collect()
}

fn shared_rows(table: &str, text: &str) -> Vec<String> {
    let mut lines = text.lines();
    let head = lines.next().unwrap_or_default();
    let columns: Vec<_> = lines.next().unwrap_or_default().split(';').collect();
    let local = LOCAL.iter().find(|(name, _)| *name == table).map_or(&[][..], |(_, local)| local);
    assert!(local.iter().all(|name| columns.contains(name)), "{table} has other columns: {head}, {columns:?}");
    let shared = |line: &str| {
        let fields = line.split(';').zip(&columns).filter(|(_, column)| !local.contains(column));
        // The name of a rewritten history file has a number.
        let is_file = |column: &&str| *column == "file";
        let fields = fields.map(|(field, column)| if is_file(column) { conversation_of(field) } else { field });
        fields.collect::<Vec<_>>().join(";")
    };
    let rows = lines.filter(|line| !line.starts_with("end;"));
    let mut rows: Vec<_> = match local {
        [] => rows.map(str::to_owned).collect(),
        _ => rows.map(shared).collect(),
    };
    rows.sort();
    rows
}

/// Returns the rows of every conversation, sorted.
pub fn read_history(data: &Path) -> BTreeMap<String, Vec<String>> {
    let Ok(entries) = std::fs::read_dir(data.join("history")) else { return BTreeMap::new() };
    let read = |path: &Path| {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let text = String::from_utf8_lossy(&std::fs::read(path).expect("a history file")).into_owned();
        let mut rows: Vec<_> = text.lines().skip(2).map(str::to_owned).collect();
        rows.sort();
        (conversation_of(&name).to_owned(), rows)
    };
    entries.flatten().map(|entry| read(&entry.path())).collect()
}

fn conversation_of(file: &str) -> &str {
    file.split_once('.').map_or(file, |(conversation, _)| conversation)
}

/// Asserts that two tables, or files, are the same, and shows the first difference.
pub fn assert_equal(one: &BTreeMap<String, Vec<String>>, other: &BTreeMap<String, Vec<String>>, name: &str) {
    let files = |all: &BTreeMap<String, Vec<String>>| all.keys().cloned().collect::<Vec<_>>();
    assert_eq!(files(one), files(other), "{name} has other files");
    for (file, lines) in one {
        let others = &other[file];
        let lacks: Vec<_> = lines.iter().filter(|line| !others.contains(line)).take(3).collect();
        let has: Vec<_> = others.iter().filter(|line| !lines.contains(line)).take(3).collect();
        assert!(lines == others, "{file} of {name} differs: it lacks {lacks:?} and has {has:?}");
    }
}
