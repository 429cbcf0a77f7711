//! Each message that a table refers to has one row in the history, and that row is the message: whatever field of a row
//! is another's, and whatever row is gone, `wachat check` says which table knows better.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::support::group_commit_harness::{GroupCommitHarness, user};
use crate::support::simulated_disk::SimulatedDisk;
use crate::support::store_files::{read_files, replace_in_table};
use wachat::disk::read;
use wachat::model::Target;
use wachat::record::{Fields, Writer, end_with_checksum};
use wachat::state_machine::Command;
use wachat::store::{Retention, Store};

const DATA: &str = "/data";
const USERS: [&str; 3] = ["ana", "luis", "eva"];
const DAY: u64 = 24 * 3_600 * 1_000;

/// Fields of a message that the tables know beside its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// It waits for its recipient.
    Waits,
    /// A member of the room has yet to acknowledge it.
    InRoom,
    /// All have acknowledged it, and a member has yet to read it.
    Unread,
    /// Nothing.
    Settled,
}

/// A store with a checkpoint of everything, and what its tables know of each message.
struct Stored {
    disk: SimulatedDisk,
    known: Vec<(u64, Known)>,
}

/// Messages in two chats and a room, of which some wait; between them and the next ones some days go by.
fn stored(pause: u64) -> (GroupCommitHarness, Stored) {
    let disk = SimulatedDisk::default();
    let mut server = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new(DATA));
    USERS.iter().for_each(|name| server.register(name));
    let mut known = Vec::new();
    let mut send = |server: &mut GroupCommitHarness, from, to, what| {
        known.push((server.send(from, to, &format!("{from} writes")), what));
    };
    for name in ["ana", "eva"] {
        server.request(Command::Join { user: user(name), room: Ok(Target::parse("#sala").expect("a room")) });
    }
    for (from, to, what) in [
        ("ana", "luis", Known::Waits),
        ("eva", "#lobby", Known::InRoom),
        ("luis", "ana", Known::Settled),
        ("eva", "#sala", Known::Unread),
    ] {
        send(&mut server, from, to, what);
    }
    // All but luis, for whom two of them wait.
    ["ana", "eva"].iter().for_each(|name| server.acknowledge(name, 4));
    for (from, to, what) in
        [("ana", "luis", Known::Waits), ("eva", "luis", Known::Waits), ("ana", "#lobby", Known::InRoom)]
    {
        send(&mut server, from, to, what);
    }
    server.time += pause * DAY;
    for (from, to, what) in
        [("luis", "eva", Known::Waits), ("luis", "ana", Known::Waits), ("eva", "#lobby", Known::InRoom)]
    {
        send(&mut server, from, to, what);
    }
    (server, Stored { disk, known })
}

fn file_of(disk: &SimulatedDisk, seq: u64) -> (PathBuf, usize) {
    let row = |content: &Vec<u8>| rows(content).iter().position(|row| number(row) == seq);
    let files = read_files(disk, "/data/history");
    files
        .into_iter()
        .find_map(|(path, content)| Some((path, row(&content)?)))
        .unwrap_or_else(|| panic!("no row of {seq}"))
}

/// The rows of a history file, without their line feeds.
fn rows(content: &[u8]) -> Vec<String> {
    let text = String::from_utf8(content.to_vec()).expect("text");
    text.lines().skip(2).map(str::to_owned).collect()
}

fn number(row: &str) -> u64 {
    row.split(';').next().and_then(|number| number.parse().ok()).expect("a number")
}

impl Stored {
    fn copy(&self) -> Self {
        Self { disk: self.disk.after_power_cut(|| true), known: self.known.clone() }
    }

    fn check(&self) -> Vec<String> {
        Store::new(Arc::new(self.disk.clone()), Path::new(DATA)).check().expect("a report").damage
    }

    fn newest(&self) -> PathBuf {
        let tables = read_files(&self.disk, DATA).into_keys().filter(|path| path.ends_with("conversations.csv"));
        tables.max().expect("a checkpoint").parent().expect("its directory").to_path_buf()
    }

    fn change_table(&self, name: &str, change: impl FnOnce(String) -> String) {
        self.disk.tamper(&self.newest().join(name), |content| {
            *content = change(String::from_utf8(content.clone()).expect("text")).into_bytes();
        });
    }

    /// Takes away all rows of `ids.csv`.
    fn forget_ids(&self) {
        self.change_table("ids.csv", |table| {
            let rows: String =
                table.lines().skip(2).filter(|row| !row.starts_with("end;")).map(|row| format!("{row}\n")).collect();
            replace_in_table(&table, &rows, "")
        });
    }

    /// Changes the rows of a history file, and makes all checksums and the table of the conversations fit.
    fn forge(&self, path: &Path, change: impl FnOnce(&mut Vec<Vec<String>>)) {
        let content = read(&self.disk, path).expect("the file");
        let fields = |row: &String| -> Vec<String> {
            Fields::parse(row.as_bytes()).expect("a row").iter().take(6).map(str::to_owned).collect()
        };
        let mut all: Vec<_> = rows(&content).iter().map(fields).collect();
        change(&mut all);
        let mut forged: Vec<u8> = content.split_inclusive(|byte| *byte == b'\n').take(2).flatten().copied().collect();
        for row in &all {
            let start = forged.len();
            let mut writer = Writer::new(&mut forged);
            row.iter().for_each(|field| _ = writer.text(field));
            end_with_checksum(&mut forged, start);
        }
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name");
        let last = all.last().map_or("0", |row| &row[0]).to_owned();
        self.change_table("conversations.csv", |table| {
            let row = table.lines().find(|row| row.starts_with(&format!("{name};"))).expect("a row").to_owned();
            let mut columns: Vec<_> = row.split(';').map(str::to_owned).collect();
            columns[1] = forged.len().to_string();
            columns[2] = format!("{:08x}", crc32fast::hash(&forged));
            columns[3] = last;
            columns[4] = all.len().to_string();
            replace_in_table(&table, &row, &columns.join(";"))
        });
        self.disk.tamper(path, |content| *content = forged);
    }
}

/// Returns what a row can be changed into: the field, and whether it stays a row of its conversation.
fn changed(row: &[String], seq: u64) -> Vec<(&'static str, Vec<String>)> {
    let with = |column: usize, field: &str| {
        let mut row = row.to_vec();
        row[column] = field.to_owned();
        row
    };
    let mut turned = row.to_vec();
    turned.swap(2, 3);
    let mut changes = vec![
        ("id", with(1, "other")),
        ("at", with(4, "2027-01-15T08:00:00.999Z")),
        ("text", with(5, &row[5].to_uppercase())),
        ("length", with(5, &format!("{}s", row[5]))),
    ];
    match row[3].starts_with('#') {
        true => changes.push(("from", with(2, if row[2] == "luis" { "ana" } else { "luis" }))),
        false => changes.push(("from", turned)),
    }
    assert!(changes.iter().all(|(_, other)| *other != row && number(&other[0]) == seq));
    changes
}

/// Returns whether the tables but for `ids.csv` know that this field of a message was another one.
fn knows(known: Known, field: &str) -> Option<&'static str> {
    match (known, field) {
        (Known::Waits, "from" | "length") => Some("offline.csv"),
        (Known::InRoom | Known::Unread, "from") => Some("room_logs.csv"),
        _ => None,
    }
}

#[test]
fn a_row_with_the_field_of_another_message_is_known_by_each_table_that_has_it() {
    let (mut server, stored) = stored(0);
    server.last_checkpoint();
    drop(server);
    assert_eq!(stored.check(), [""; 0]);
    for with_ids in [true, false] {
        let whole = stored.copy();
        if !with_ids {
            whole.forget_ids();
            assert_eq!(whole.check(), [""; 0], "without ids");
        }
        for (seq, known) in &stored.known {
            let (path, index) = file_of(&whole.disk, *seq);
            let row: Vec<_> = Fields::parse(rows(&read(&whole.disk, &path).expect("it"))[index].as_bytes())
                .expect("a row")
                .iter()
                .take(6)
                .map(str::to_owned)
                .collect();
            for (field, other) in changed(&row, *seq) {
                let forged = whole.copy();
                forged.forge(&path, |rows| rows[index] = other);
                let by = if with_ids { Some("ids.csv") } else { knows(*known, field) };
                let line = format!("{} line {}: not the message that", path.display(), index + 3);
                let said = forged.check();
                let how = format!("{field} of {seq}, {known:?}, with ids: {with_ids}: {said:?}");
                assert_eq!(said.len(), usize::from(by.is_some()), "{how}");
                assert!(by.is_none_or(|table| said[0] == format!("{line} {table} has under this number")), "{how}");
            }
        }
    }
}

/// Returns the tables that need the row of a message, if retention has removed all up to a number.
fn tables_of(seq: u64, known: Known, with_ids: bool, removed_upto: u64) -> Vec<&'static str> {
    let is_above = seq > removed_upto;
    let other = match known {
        Known::Waits => Some("offline.csv"),
        Known::InRoom => Some("room_logs.csv"),
        Known::Unread if is_above => Some("room_logs.csv"),
        Known::Unread | Known::Settled => None,
    };
    Some("ids.csv").filter(|_| with_ids && is_above).into_iter().chain(other).collect()
}

/// Takes away each row alone; nothing else of the files tells that it was there.
fn assert_each_missing_row_is_said(stored: &Stored, removed_upto: u64, is_there: impl Fn(u64) -> bool) {
    for with_ids in [true, false] {
        let whole = stored.copy();
        if !with_ids {
            whole.forget_ids();
        }
        assert_eq!(whole.check(), [""; 0], "with ids: {with_ids}");
        for (seq, known) in stored.known.iter().filter(|(seq, _)| is_there(*seq)) {
            let forged = whole.copy();
            let (path, index) = file_of(&whole.disk, *seq);
            forged.forge(&path, |rows| _ = rows.remove(index));
            let tables = tables_of(*seq, *known, with_ids, removed_upto).into_iter();
            let want: BTreeSet<_> = tables
                .map(|table| format!("{}/{table}: message {seq} is in no history file", whole.newest().display()))
                .collect();
            let said: BTreeSet<_> = forged.check().into_iter().collect();
            assert_eq!(said, want, "{seq}, {known:?}, with ids: {with_ids}");
        }
    }
}

#[test]
fn a_row_that_is_missing_is_said_of_each_table_that_refers_to_it() {
    let (mut server, stored) = stored(0);
    server.last_checkpoint();
    drop(server);
    assert_each_missing_row_is_said(&stored, 0, |_| true);
}

/// The ids of removed messages are remembered, and a member may have yet to read one. What waits for a recipient was
/// not removed.
#[test]
fn a_row_that_retention_may_have_removed_is_not_missed_and_one_that_waits_is() {
    let (mut server, stored) = stored(40);
    let month = Some(Duration::from_millis(30 * DAY));
    server.clean_up(Retention { direct: month, rooms: month, trusts_clock: true });
    server.last_checkpoint();
    drop(server);
    let left = read_files(&stored.disk, "/data/history").into_values().flat_map(|content| rows(&content));
    let left: BTreeSet<_> = left.map(|row| number(&row)).collect();
    let stays = stored.known.iter().filter(|(_, known)| matches!(known, Known::Waits | Known::InRoom));
    assert_eq!(left, stays.map(|(seq, _)| *seq).collect(), "what is old and settled is gone");
    assert_each_missing_row_is_said(&stored, 4, |seq| left.contains(&seq));
}

/// Of the same sender and as long, but for somebody else.
#[test]
fn a_table_that_has_a_message_for_another_recipient_or_room_is_said() {
    let (mut server, stored) = stored(0);
    server.last_checkpoint();
    drop(server);
    let numbers: Vec<_> = stored.known.iter().map(|(seq, _)| *seq).collect();
    let [ana_to_room, eva_to_luis, eva_to_lobby, eva_to_sala] = [6, 5, 1, 3].map(|index| numbers[index]);
    for (table, old, new, seq) in [
        ("offline.csv", format!("luis;{};MSG;ana;", numbers[0]), format!("luis;{ana_to_room};MSG;ana;"), ana_to_room),
        ("room_logs.csv", format!("#lobby;{eva_to_lobby};eva;"), format!("#lobby;{eva_to_luis};eva;"), eva_to_luis),
        ("room_logs.csv", format!("#sala;{eva_to_sala};eva;"), format!("#sala;{eva_to_lobby};eva;"), eva_to_lobby),
    ] {
        let forged = stored.copy();
        forged.change_table(table, |content| replace_in_table(&content, &old, &new));
        let (path, index) = file_of(&stored.disk, seq);
        let said = forged.check();
        let line = format!("{} line {}: not the message that", path.display(), index + 3);
        assert!(said.contains(&format!("{line} {table} has under this number")), "{old} -> {new}: {said:?}");
    }
}
