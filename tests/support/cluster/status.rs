//! The output of `wachat cluster status`, parsed.

use std::collections::BTreeMap;

/// The state of a cluster.
#[derive(Debug)]
pub struct Status {
    /// Number of the last entry.
    pub last: u64,
    pub kept: u64,
    /// Format of the entries.
    pub format: u64,
    /// By the names of the servers: the last entry that each has applied, and the last that each has in a checkpoint.
    pub applied: BTreeMap<String, u64>,
    pub covered: BTreeMap<String, u64>,
}

impl Status {
    pub fn parse(text: &str) -> Self {
        let value = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
            line.unwrap_or_else(|| panic!("no {key} in {text}")).to_owned()
        };
        let rows = text.lines().skip_while(|line| !line.starts_with("server;")).skip(1);
        let rows: Vec<Vec<_>> =
            rows.take_while(|line| !line.is_empty()).map(|line| line.split(';').collect()).collect();
        let column = |index: usize| {
            let row = |row: &Vec<&str>| (row[0].to_owned(), row[index].parse().expect("a number"));
            rows.iter().map(row).collect()
        };
        Self {
            last: value("last entry").parse().expect("a number"),
            kept: value("entries kept").parse().expect("a number"),
            format: value("format of entries").parse().expect("a number"),
            applied: column(2),
            covered: column(3),
        }
    }
}
