//! A table of a checkpoint: a CSV file with a version, a line of column names, rows, and an end line with their
//! number and a checksum, by which a missing or changed piece is noticed.

use std::fmt::Display;
use std::path::Path;

use super::error::{Problem, StoreError};
use super::files::{MISSING, missing_or_io};
use crate::disk::{self, Disk};
use crate::model::{RoomName, Seq, Timestamp, UserName};
use crate::record::optional;

const END: &str = "end";

/// The name of a table, its version, and its columns.
pub(super) struct Kind {
    pub name: &'static str,
    /// The version that is written. Earlier ones are read: a row of theirs has fewer columns.
    pub version: u32,
    pub columns: &'static [&'static str],
}

impl Kind {
    pub fn file_name(&self) -> String {
        format!("{}.csv", self.name)
    }

    fn version_line(&self) -> String {
        format!("wachat-{};{}\n", self.name, self.version)
    }
}

/// A row of a table: its fields are written and read in the order of the columns.
pub(super) trait TableRow: Sized {
    const KIND: Kind;

    fn write(&self, to: &mut RowWriter);

    /// Reads a row; `None` if it is not of this form.
    fn read(row: &Row) -> Option<Self>;
}

/// Writes the fields of rows into memory, which does not fail.
pub(super) struct RowWriter(csv::Writer<Vec<u8>>);

impl RowWriter {
    pub fn field(&mut self, value: impl Display) -> &mut Self {
        self.text(&value.to_string())
    }

    pub fn text(&mut self, text: &str) -> &mut Self {
        let _ = self.0.write_field(text);
        self
    }

    /// Writes an empty field for `None`.
    pub fn optional(&mut self, value: Option<impl Display>) -> &mut Self {
        self.text(&value.map_or(String::new(), |value| value.to_string()))
    }

    /// Writes `yes` or `no`.
    pub fn flag(&mut self, value: bool) -> &mut Self {
        self.text(if value { "yes" } else { "no" })
    }

    fn end(&mut self) {
        let _ = self.0.write_record(None::<&[u8]>);
    }
}

/// Returns the content of a table's file.
pub(super) fn to_bytes<R: TableRow>(rows: &[R]) -> Vec<u8> {
    let start = R::KIND.version_line().into_bytes();
    let mut writer = RowWriter(csv::WriterBuilder::new().delimiter(b';').flexible(true).from_writer(start));
    R::KIND.columns.iter().for_each(|column| _ = writer.text(column));
    writer.end();
    for row in rows {
        row.write(&mut writer);
        writer.end();
    }
    let mut bytes = writer.0.into_inner().unwrap_or_default();
    let end = format!("{END};{};{:08x}\n", rows.len(), crc32fast::hash(&bytes));
    bytes.extend_from_slice(end.as_bytes());
    bytes
}

/// Reads the tables in a directory, and collects their errors.
pub(super) struct TableReader<'a> {
    disk: &'a dyn Disk,
    directory: &'a Path,
    pub bytes: u64,
    pub errors: Vec<StoreError>,
}

impl<'a> TableReader<'a> {
    pub fn new(disk: &'a dyn Disk, directory: &'a Path) -> Self {
        Self { disk, directory, bytes: 0, errors: Vec::new() }
    }

    /// Returns the rows of a table; none if it is damaged.
    pub fn rows<R: TableRow>(&mut self) -> Vec<R> {
        self.read().map_err(|error| self.errors.push(error)).unwrap_or_default()
    }

    pub fn read<R: TableRow>(&mut self) -> Result<Vec<R>, StoreError> {
        let path = self.directory.join(R::KIND.file_name());
        let bytes = disk::read(self.disk, &path).map_err(missing_or_io(&path, MISSING))?;
        self.bytes += bytes.len() as u64;
        check_version(&path, &R::KIND, &bytes)?;
        let rows = check_end(&path, &bytes)?;
        let reader = csv::ReaderBuilder::new().delimiter(b';').has_headers(false).flexible(true).from_reader(rows);
        // The version and the column names come first.
        let rows = reader.into_records().skip(2).map(|record| {
            let record = record.map_err(|error| StoreError::damaged(&path, 1, error.to_string()))?;
            let line = record.position().map_or(0, csv::Position::line);
            R::read(&Row(record)).ok_or_else(|| StoreError::damaged(&path, line, "not a row of this table"))
        });
        rows.collect()
    }
}

/// The fields of one row.
pub(super) struct Row(csv::StringRecord);

impl Row {
    pub fn get(&self, column: usize) -> Option<&str> {
        self.0.get(column)
    }

    pub fn user(&self, column: usize) -> Option<UserName> {
        UserName::from_stored(self.get(column)?)
    }

    pub fn room(&self, column: usize) -> Option<RoomName> {
        RoomName::from_stored(self.get(column)?)
    }

    pub fn seq(&self, column: usize) -> Option<Seq> {
        Seq::parse(self.get(column)?)
    }

    pub fn number<T: std::str::FromStr>(&self, column: usize) -> Option<T> {
        self.get(column)?.parse().ok()
    }

    pub fn flag(&self, column: usize) -> Option<bool> {
        match self.get(column)? {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        }
    }

    pub fn time(&self, column: usize) -> Option<Timestamp> {
        Timestamp::parse(self.get(column)?)
    }

    /// Reads a field that [`RowWriter::optional`] has written.
    pub fn optional<T>(&self, column: usize, read: impl FnOnce(&str) -> Option<T>) -> Option<Option<T>> {
        optional(self.get(column)?, read)
    }

    pub fn optional_time(&self, column: usize) -> Option<Option<Timestamp>> {
        self.optional(column, Timestamp::parse)
    }
}

fn check_version(path: &Path, kind: &Kind, bytes: &[u8]) -> Result<(), StoreError> {
    let line = bytes.split(|b| *b == b'\n').next().and_then(|line| std::str::from_utf8(line).ok()).unwrap_or_default();
    let version = line.strip_prefix("wachat-").and_then(|line| line.strip_prefix(kind.name)?.strip_prefix(';'));
    // In one form only.
    let version = version.filter(|digits| !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit()));
    match version.and_then(|digits| digits.parse::<u32>().ok()) {
        Some(version) if version > kind.version => Err(Problem::Newer.at(path)),
        Some(_) => Ok(()),
        _ => Err(StoreError::damaged(path, 1, format!("this should be {}", kind.version_line().trim_end()))),
    }
}

/// Checks the end line, and returns the lines before it.
fn check_end<'a>(path: &Path, bytes: &'a [u8]) -> Result<&'a [u8], StoreError> {
    let lines = bytes.iter().filter(|b| **b == b'\n').count() as u64;
    let start = bytes.strip_suffix(b"\n").and_then(|all| all.iter().rposition(|b| *b == b'\n')).map_or(0, |lf| lf + 1);
    let (body, end) = bytes.split_at(start);
    // The version and the column names come before the rows, the end line after them.
    let want = format!("{END};{};{:08x}\n", lines.saturating_sub(3), crc32fast::hash(body));
    if end == want.as_bytes() {
        return Ok(body);
    }
    let what = "the checksum does not fit: a line of this file is missing or was changed";
    Err(StoreError::damaged(path, lines.max(1), what))
}
