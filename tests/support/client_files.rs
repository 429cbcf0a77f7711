//! A client's files, read by somebody else.

use std::path::Path;

use wachat::record::Fields;

/// Ends a batch (`ledger`).
const MARK: &str = "END";

/// The fields of a record.
pub type Record = Vec<String>;

/// All records of a user's history files below a home, in the order of each file.
pub fn read_history(home: &Path, user: &str) -> Vec<Record> {
    seats(home, user).flat_map(|seat| read_records(&seat.join("history/messages.csv"))).collect()
}

/// The texts that wait in a user's outboxes.
pub fn waiting(home: &Path, user: &str) -> Vec<String> {
    let records: Vec<_> = seats(home, user).flat_map(|seat| read_records(&seat.join("outbox_tmp.csv"))).collect();
    let is_settled = |id: &String| records.iter().any(|record| record[0] != "QUEUED" && record.get(1) == Some(id));
    let queued = records.iter().filter(|record| record[0] == "QUEUED" && !is_settled(&record[1]));
    queued.filter_map(|record| record.get(4).cloned()).collect()
}

/// The directories of a user's programs: the person's client, and the pipes.
fn seats(home: &Path, user: &str) -> impl Iterator<Item = std::path::PathBuf> {
    let prefix = format!("{user}-");
    let all = std::fs::read_dir(home).into_iter().flatten().flatten();
    let mine = all.filter(move |entry| entry.file_name().to_string_lossy().starts_with(&prefix));
    let pipes = (1..=wachat::limits::CLIENT_PIPES).map(|pipe| format!("pipe-{pipe}"));
    let seats: Vec<_> = std::iter::once(String::new()).chain(pipes).collect();
    mine.flat_map(move |entry| seats.clone().into_iter().map(move |seat| entry.path().join(seat)))
}

/// What a client is writing at this moment is not there yet: whole batches count.
fn read_records(path: &Path) -> Vec<Record> {
    let bytes = std::fs::read(path).unwrap_or_default();
    let lines = bytes.split(|byte| *byte == b'\n');
    let (mut records, mut whole) = (Vec::new(), 0);
    for fields in lines.filter_map(|line| Fields::parse(line).ok()) {
        if fields.get(0) == Some(MARK) {
            whole = records.len();
        } else {
            records.push(fields.iter().map(str::to_owned).collect());
        }
    }
    records.truncate(whole);
    records
}
