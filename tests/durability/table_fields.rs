//! Every field of every row of a checkpoint: what is none of its column is refused, with the file and the line; and a
//! number that is past the last one is said, whichever column has it.

use std::path::{Path, PathBuf};

use crate::durability::tables::{played, store};
use crate::support::group_commit_harness::SMALL;
use crate::support::simulated_disk::SimulatedDisk;
use crate::support::store_files::{read_files, replace_in_table};
use wachat::disk::Disk;
use wachat::protocol::Reply;
use wachat::record::Fields;
use wachat::state_machine::Policy;

const CHECKPOINT: &str = "/data/checkpoint-000001";

/// Content of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    /// Any text is one.
    Text,
    /// A message's number, not past the last one.
    Seq,
    Number,
    Checksum,
    Time,
    OptionalTime,
    Flag,
    User,
    OptionalUser,
    Room,
    Target,
    Device,
    OptionalDigest,
    OptionalSeq,
    Word,
    Topic,
    /// The name of the store.
    Store,
    Key,
    /// 64 bits in base64url.
    Hash,
    /// Nothing reads it.
    Unused,
}

impl Column {
    /// Returns fields that are none of this column.
    fn wrong(self) -> &'static [&'static str] {
        match self {
            Self::Text | Self::Unused => &[],
            Self::Seq | Self::Number => &["", "x", "-1", "1.5", "18446744073709551616"],
            Self::Checksum => &["", "xyz", "123456789"],
            Self::Time => &["", "x", "2027-01-15", "2027-13-15T08:00:00.000Z"],
            Self::OptionalTime => &["x", "2027-01-15", "2027-13-15T08:00:00.000Z"],
            Self::Flag => &["", "x", "YES", "true"],
            Self::User | Self::Target => &["", "ana/", "a;b"],
            Self::Device => &["1lab", "a b", "others"],
            Self::OptionalDigest => &["xyz", "12"],
            Self::OptionalSeq => &["x", "-1", "1.5", "18446744073709551616"],
            Self::OptionalUser => &["ana/", "a;b"],
            Self::Room => &["", "ana", "#", "#a;b"],
            Self::Key => &["", "12", "0123456789abcdef0123456789abcdeg"],
            Self::Hash => &["", "AAAAAAAAAA", "AAAAAAAAAAAA", "AAAAAAAAAA=", "AAAAAAAAAA+"],
            Self::Store => &["", "a b", "\u{e1}", "a;b"],
            Self::Topic => &["a\tb"],
            Self::Word => &["", "x", "Open", "msg"],
        }
    }
}

use Column::{Checksum, Flag, Number, OptionalTime, OptionalUser, Room, Seq, Target, Text, Time, Unused, User, Word};

/// The columns of each table (data/README.md).
const TABLES: [(&str, &[Column]); 15] = [
    (
        "store",
        &[
            Column::Store,
            Seq,
            Number,
            Number,
            OptionalTime,
            Flag,
            OptionalTime,
            Number,
            Flag,
            Flag,
            Column::OptionalDigest,
            Unused,
            Unused,
            Column::Key,
        ],
    ),
    ("devices", &[User, Number, Column::Device, Column::OptionalDigest, Time, Column::OptionalSeq, Number]),
    ("device_gaps", &[User, Number, Room, Seq]),
    ("users", &[User, Text, Text, Time, OptionalTime, OptionalTime, Seq]),
    ("marks", &[User, User, Seq, Flag]),
    ("rooms", &[Number, Room, OptionalUser, Word, Seq, OptionalUser, Seq, Word, Flag, OptionalUser, Column::Topic]),
    ("guests", &[Room, User, Flag]),
    ("members", &[Room, User, Seq, Seq, Seq, Seq]),
    ("room_logs", &[Room, Seq, User, Number, Number, Number, Number, Number, Number]),
    ("room_marks", &[Room, User, Seq, Seq]),
    ("conversations", &[Word, Number, Checksum, Seq, Number, Number, Number, Number, Seq]),
    ("erasures", &[Word, Seq, User, Seq, Seq]),
    ("ids", &[Number, Column::Hash, Column::Hash, Seq, Number]),
    ("permits", &[User, User, Flag]),
    ("bans", &[Target, Time, OptionalTime, Text]),
];

/// The columns of a row in `offline.csv`, by its kind.
const WAITING: [(&str, &[Column]); 4] = [
    ("ERASED", &[User, Seq, Word, User, Number, Number, Unused, User]),
    ("OWN", &[User, Seq, Word, Target, Number, Unused, Unused, Unused]),
    ("MSG", &[User, Seq, Word, User, Number, Flag, Unused, Unused]),
    ("STATE", &[User, Seq, Word, Target, Word, Number, Time, Unused]),
];

fn columns(table: &str, row: &[String]) -> &'static [Column] {
    let of_kind = || WAITING.iter().find(|(kind, _)| row[2] == *kind).expect("a kind").1;
    TABLES.iter().find(|(name, _)| *name == table).map_or_else(of_kind, |(_, columns)| columns)
}

/// A table of a store in which every table has rows.
struct Table {
    path: PathBuf,
    name: String,
    content: String,
}

/// Returns a line of a table for these fields.
fn line(fields: &[String]) -> String {
    let quoted = |field: &String| match field.contains([';', '"']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field.clone(),
    };
    fields.iter().map(quoted).collect::<Vec<_>>().join(";") + "\n"
}

impl Table {
    fn all(disk: &SimulatedDisk) -> Vec<Self> {
        let name = |path: &Path| path.file_stem().and_then(|name| name.to_str()).expect("a name").to_owned();
        let files = read_files(disk, CHECKPOINT).into_iter();
        let text = |content| String::from_utf8(content).expect("text");
        files.map(|(path, content)| Self { name: name(&path), path, content: text(content) }).collect()
    }

    /// Returns the rows with the numbers of their lines.
    fn rows(&self) -> Vec<(usize, Vec<String>)> {
        let lines: Vec<_> = self.content.lines().collect();
        let fields = |line: &str| Fields::parse(line.as_bytes()).expect("a row").iter().map(str::to_owned).collect();
        (3..lines.len()).map(|number| (number, fields(lines[number - 1]))).collect()
    }

    /// Replaces a row.
    fn replace(&self, disk: &SimulatedDisk, row: &[String], other: &[String]) {
        let changed = replace_in_table(&self.content, &format!("\n{}", line(row)), &format!("\n{}", line(other)));
        disk.tamper(&self.path, |content| *content = changed.into_bytes());
    }

    fn put_back(&self, disk: &SimulatedDisk) {
        disk.tamper(&self.path, |content| *content = self.content.clone().into_bytes());
    }
}

fn stored() -> SimulatedDisk {
    let disk = SimulatedDisk::default();
    let mut server = played(&disk);
    for (from, to) in [("luis", "#sala"), ("luis", "ana")] {
        let sent = server.sent.iter().find(|sent| (sent.from, sent.to) == (from, to)).expect("a message");
        let seq = sent.seq;
        assert_eq!(server.erase(from, to, seq), Reply::Done);
    }
    server.last_checkpoint();
    disk
}

fn with(row: &[String], column: usize, field: &str) -> Vec<String> {
    let mut row = row.to_vec();
    row[column] = field.to_owned();
    row
}

#[track_caller]
fn assert_refused(disk: &SimulatedDisk, start: &str, how: &str) {
    let damage = store(disk, "/data").check().expect("a report").damage;
    assert!(damage.iter().any(|line| line.starts_with(start)), "{how}: {damage:?}");
    let error = store(disk, "/data").open(Policy::default(), SMALL).err().map(|error| error.to_string());
    assert!(error.as_ref().is_some_and(|error| error.starts_with(start)), "{how}: {error:?}");
}

#[test]
fn a_field_that_is_none_of_its_column_is_refused_and_its_line_is_named() {
    let disk = stored();
    let mut refused = 0;
    for table in Table::all(&disk) {
        assert!(!table.rows().is_empty(), "{} has no row", table.name);
        for (number, row) in table.rows() {
            let columns = columns(&table.name, &row);
            assert_eq!(columns.len(), row.len(), "{} line {number}", table.name);
            for (column, what) in columns.iter().enumerate() {
                for field in what.wrong() {
                    table.replace(&disk, &row, &with(&row, column, field));
                    let start = format!("{} line {number}: not a row of this table", table.path.display());
                    assert_refused(&disk, &start, &format!("{row:?} with {field:?} in column {column}"));
                    refused += 1;
                }
            }
            table.put_back(&disk);
        }
    }
    assert!(refused > 500, "{refused}");
    drop(store(&disk, "/data").open(Policy::default(), SMALL).expect("as it was, it starts"));
}

#[test]
fn a_row_that_lacks_a_column_is_refused() {
    let disk = stored();
    for table in Table::all(&disk) {
        for (number, row) in table.rows() {
            let last = columns(&table.name, &row).iter().rposition(|column| *column != Unused).expect("a column");
            // These may be missing: they came with a later version.
            let later = match &*table.name {
                "devices" | "members" | "room_logs" => 1..2,
                "conversations" => 1..3,
                "store" => 1..10,
                "rooms" => 4..5,
                _ => 0..0,
            };
            for length in (1..=last).filter(|length| !later.contains(&(last + 1 - length))) {
                table.replace(&disk, &row, &row[..length]);
                let start = format!("{} line {number}: not a row of this table", table.path.display());
                assert_refused(&disk, &start, &format!("{row:?} without its columns from {length} on"));
            }
        }
        table.put_back(&disk);
    }
}

/// Names that only a part of a history file's name is like.
#[test]
fn a_history_file_has_a_name_in_one_form_only() {
    let disk = stored();
    let tables = Table::all(&disk);
    let table = tables.iter().find(|table| table.name == "conversations").expect("it is there");
    for (number, row) in table.rows() {
        let (kind, numbers) = row[0].split_once('-').expect("a name");
        for name in [
            numbers.to_owned(),
            format!("{kind}{numbers}"),
            format!("{kind}-0{numbers}"),
            format!("{kind}-+{numbers}"),
            format!("{}.", row[0]),
            format!("{}.0", row[0]),
            format!("{}.01", row[0]),
            format!("{}.x", row[0]),
            format!("{}.csv", row[0]),
            format!("{}-1-1", row[0]),
            "direct-1-0".to_owned(),
            "room-".to_owned(),
        ] {
            table.replace(&disk, &row, &with(&row, 0, &name));
            let start = format!("{} line {number}: not a row of this table", table.path.display());
            assert_refused(&disk, &start, &name);
        }
    }
}

/// Of whom or what a row is, as it is said.
fn whose(table: &str, row: &[String]) -> String {
    match table {
        "members" | "room_marks" | "rooms" => row[1].clone(),
        _ => row[0].clone(),
    }
}

#[test]
fn a_number_past_the_last_one_is_said_in_each_row_and_column() {
    let disk = stored();
    let last = store(&disk, "/data").check().expect("a report").last;
    let past = last.next().to_string();
    let mut said = 0;
    for table in Table::all(&disk).iter().filter(|table| table.name != "store") {
        for (_, row) in table.rows() {
            let columns = columns(&table.name, &row).iter().enumerate();
            for (column, _) in columns.filter(|(_, column)| **column == Seq) {
                table.replace(&disk, &row, &with(&row, column, &past));
                let want = format!(
                    "{}: {past} of {} is past the last number, {last}",
                    table.path.display(),
                    whose(&table.name, &row)
                );
                let damage = store(&disk, "/data").check().expect("a report").damage;
                assert!(damage.contains(&want), "{row:?}, column {column}: {damage:?}");
                said += 1;
            }
        }
        table.put_back(&disk);
    }
    assert!(said > 50, "{said}");
}

#[test]
fn a_missing_table_is_named_and_all_of_them_at_once() {
    let disk = stored();
    let tables = Table::all(&disk);
    for table in &tables {
        let disk = disk.after_power_cut(|| true);
        disk.remove_file(&table.path).expect("to remove it");
        assert_refused(&disk, &format!("{}: the file is missing", table.path.display()), &table.name);
    }
    tables.iter().for_each(|table| disk.remove_file(&table.path).expect("to remove it"));
    let report = store(&disk, "/data").check().expect("a report");
    for table in &tables {
        let missing = format!("{}: the file is missing", table.path.display());
        assert!(report.damage.contains(&missing), "{:?}", report.damage);
    }
    assert_eq!(report.damage.len(), tables.len(), "{:?}", report.damage);
    let not_read = "the history and the write-ahead log were not read: the tables say what should be in them";
    assert!(report.notes.iter().any(|note| note == not_read), "{:?}", report.notes);
}
