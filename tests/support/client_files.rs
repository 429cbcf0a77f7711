//! A client's log, read without the client.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::support::simulated_disk::SimulatedDisk;
use wachat::disk::{Disk as _, read};
use wachat::record::Fields;

/// Ends a batch.
const MARK: &str = "COMMIT";

/// The fields of a record.
pub type Record = Vec<String>;

/// Returns all records of a user's logs below a home, in the order of each log. Those of a message that was sent or
/// failed are put together: `OUT;<seq>;<id>;<from>;<to>;<at>;<text>`, `FAILED;<id>;<to>;<at>;<text>;<why>`.
pub fn read_history(home: &Path, user: &str) -> Vec<Record> {
    directories(home, user).flat_map(|directory| put_together(&records(&directory), user)).collect()
}

/// Returns the texts that wait in a user's outboxes.
pub fn waiting(home: &Path, user: &str) -> Vec<String> {
    let logs: Vec<_> = directories(home, user).map(|directory| records(&directory)).collect();
    let is_sent = |id: &String| logs.iter().flatten().any(|r| (r[0] == "SENT" || r[0] == "FAILED") && r[1] == *id);
    let waits = |log: &Vec<Record>| {
        let mut waiting: Vec<(String, String)> = Vec::new();
        for record in log {
            match record[0].as_str() {
                "QUEUED" => waiting.push((record[1].clone(), record[4].clone())),
                "MOVED" => waiting.retain(|(id, _)| *id != record[1]),
                _ => {}
            }
        }
        waiting.into_iter().filter(|(id, _)| !is_sent(id)).map(|(_, text)| text).collect::<Vec<_>>()
    };
    logs.iter().flat_map(waits).collect()
}

/// Puts the records of each message together.
pub fn put_together(records: &[Record], user: &str) -> Vec<Record> {
    let mut queued = HashMap::new();
    let mut all = Vec::new();
    // A message to oneself that was received before the answer to its SEND is one row, and not two.
    let received: Vec<&String> = records.iter().filter(|r| r[0] == "IN" && r[3] == user).map(|r| &r[2]).collect();
    for record in records {
        let message = record.get(1).and_then(|id| queued.get(id)).cloned();
        let fields = |fields: &[&str]| fields.iter().map(|field| (*field).to_owned()).collect::<Record>();
        match (record[0].as_str(), message) {
            ("QUEUED", _) => _ = queued.insert(record[1].clone(), record.clone()),
            ("SENT", Some(m)) if !received.contains(&&record[1]) => {
                all.push(fields(&["OUT", &record[2], &m[1], user, &m[2], &record[3], &m[4]]));
            }
            ("FAILED", Some(m)) => all.push(fields(&["FAILED", &m[1], &m[2], &m[3], &m[4], &record[2]])),
            ("SENT" | "TRIED" | "MOVED", _) => {}
            _ => all.push(record.clone()),
        }
    }
    all
}

/// Returns the directories of a user's programs: the person's client, and the pipes.
fn directories(home: &Path, user: &str) -> impl Iterator<Item = PathBuf> {
    let prefix = format!("{user}-");
    let is_mine =
        move |entry: &PathBuf| entry.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix));
    let mine = entries(home).into_iter().filter(is_mine);
    let pipes = (1..=wachat::limits::CLIENT_PIPES).map(|pipe| format!("pipe-{pipe}"));
    let own: Vec<_> = std::iter::once(String::new()).chain(pipes).collect();
    mine.flat_map(move |entry| own.clone().into_iter().map(move |directory| entry.join(directory)))
}

/// Reads the records of the log in a directory of a simulated disk. The disk's next fault is not met by that.
pub fn records_on(disk: &SimulatedDisk, directory: &Path) -> Vec<Record> {
    let disk = disk.after_power_cut(|| true);
    disk.heal();
    let wal = directory.join("wal");
    let names = disk.list(&wal).unwrap();
    let files: Vec<_> = names.iter().map(|name| wal.join(name)).filter(|path| is_segment(path)).collect();
    records_of(&files.iter().map(|path| read(&disk, path).unwrap()).collect::<Vec<_>>())
}

/// Returns the paths in a directory, in no order; none if it does not exist.
pub fn entries(directory: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(directory).map_or(Vec::new(), |all| all.flatten().map(|entry| entry.path()).collect())
}

/// Reads the records of the log in a directory.
fn records(directory: &Path) -> Vec<Record> {
    let mut files = entries(&directory.join("wal"));
    files.retain(|path| is_segment(path));
    files.sort();
    let contents: Vec<_> = files.iter().map(|path| std::fs::read(path).unwrap_or_default()).collect();
    records_of(&contents)
}

fn is_segment(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "csv")
}

/// Returns a segment without most of the line feeds that reserve its space: in whole blocks, which is quick.
fn without_reserve(mut segment: &[u8]) -> &[u8] {
    while let Some(rest) = segment.strip_suffix(&[b'\n'; 1024]) {
        segment = rest;
    }
    segment
}

/// Reads the records of a log's files, from the first one that its newest head names. What a client is writing at
/// this moment is not there yet: whole batches count.
pub fn records_of(files: &[Vec<u8>]) -> Vec<Record> {
    let parse = |line: &[u8]| Fields::parse(line).ok().map(|f| f.iter().map(str::to_owned).collect::<Record>());
    let lines = |content: &Vec<u8>| {
        let written = without_reserve(content);
        written.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).filter_map(parse).collect::<Vec<_>>()
    };
    let files: Vec<_> =
        files.iter().map(lines).filter(|lines| lines.first().is_some_and(|head| head.len() > 4)).collect();
    let number = |head: &Record, field: usize| head[field].parse::<u64>().unwrap();
    let Some(first) = files.last().map(|lines| number(&lines[0], 4)) else { return Vec::new() };
    let mut records = Vec::new();
    let mut whole = 0;
    for line in
        files.into_iter().filter(|lines| number(&lines[0], 3) >= first).flat_map(|lines| lines.into_iter().skip(1))
    {
        if line[0] == MARK {
            whole = records.len();
        } else {
            records.push(line);
        }
    }
    records.truncate(whole);
    records
}
