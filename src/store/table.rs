//! A table of a checkpoint: a CSV file with a version, a line of column names, rows, and an end line with their
//! number and a checksum, by which a missing or changed piece is noticed.

use std::path::{Path, PathBuf};

use super::{Problem, StoreError};
use crate::disk::{self, Disk};
use crate::model::{Seq, Timestamp, UserName};

const END: &str = "end";

/// The name of a table, its version, and its columns.
pub(super) struct Kind {
    pub name: &'static str,
    pub version: u32,
    pub columns: &'static [&'static str],
}

impl Kind {
    pub fn file(&self, checkpoint: &Path) -> PathBuf {
        checkpoint.join(format!("{}.csv", self.name))
    }

    fn version_line(&self) -> String {
        format!("wachat-{};{}\n", self.name, self.version)
    }
}

/// Collects the rows of a table.
pub(super) struct TableWriter {
    csv: csv::Writer<Vec<u8>>,
    rows: u64,
}

impl TableWriter {
    pub fn new(kind: &Kind) -> Self {
        let start = kind.version_line().into_bytes();
        let csv = csv::WriterBuilder::new().delimiter(b';').flexible(true).from_writer(start);
        let mut table = Self { csv, rows: 0 };
        table.write(kind.columns);
        table
    }

    pub fn row<T: AsRef<[u8]>>(&mut self, fields: &[T]) {
        self.write(fields);
        self.rows += 1;
    }

    fn write<T: AsRef<[u8]>>(&mut self, fields: &[T]) {
        // Writing into memory does not fail.
        let _ = self.csv.write_record(fields);
    }

    /// Returns the whole file.
    pub fn finish(self) -> Vec<u8> {
        let rows = self.rows;
        let mut bytes = self.csv.into_inner().unwrap_or_default();
        let end = format!("{END};{rows};{:08x}\n", crc32fast::hash(&bytes));
        bytes.extend_from_slice(end.as_bytes());
        bytes
    }
}

/// Reads tables, and collects their errors.
pub(super) struct Reading<'a> {
    disk: &'a dyn Disk,
    checkpoint: &'a Path,
    pub bytes: u64,
    pub errors: Vec<StoreError>,
}

impl<'a> Reading<'a> {
    pub fn new(disk: &'a dyn Disk, checkpoint: &'a Path) -> Self {
        Self { disk, checkpoint, bytes: 0, errors: Vec::new() }
    }

    pub fn rows<T>(&mut self, kind: &Kind, row: impl Fn(Row) -> Option<T>) -> Vec<T> {
        let table = Table::read(self.disk, self.checkpoint, kind);
        let rows = table.and_then(|table| {
            self.bytes += table.bytes;
            table.each(row)
        });
        rows.unwrap_or_else(|error| {
            self.errors.push(error);
            Vec::new()
        })
    }
}

/// The rows of a whole table.
pub(super) struct Table {
    path: PathBuf,
    rows: Vec<csv::StringRecord>,
    pub bytes: u64,
}

/// One row.
pub(super) struct Row<'a>(&'a csv::StringRecord);

impl<'a> Row<'a> {
    pub fn get(&self, column: usize) -> Option<&'a str> {
        self.0.get(column)
    }

    pub fn user(&self, column: usize) -> Option<UserName> {
        UserName::new(self.get(column)?).ok()
    }

    pub fn seq(&self, column: usize) -> Option<Seq> {
        Seq::parse(self.get(column)?)
    }

    pub fn time(&self, column: usize) -> Option<Timestamp> {
        Timestamp::parse(self.get(column)?)
    }

    /// Returns a time, or `None` for an empty field.
    pub fn optional_time(&self, column: usize) -> Option<Option<Timestamp>> {
        match self.get(column)? {
            "" => Some(None),
            _ => self.time(column).map(Some),
        }
    }
}

impl Table {
    pub fn read(disk: &dyn Disk, checkpoint: &Path, kind: &Kind) -> Result<Self, StoreError> {
        let path = kind.file(checkpoint);
        let bytes = disk::read(disk, &path).map_err(StoreError::io(&path))?;
        check_version(&path, kind, &bytes)?;
        let body = check_end(&path, &bytes)?;
        let mut rows = Vec::new();
        let reader = csv::ReaderBuilder::new().delimiter(b';').has_headers(false).flexible(true).from_reader(body);
        for record in reader.into_records() {
            rows.push(record.map_err(|error| StoreError::damaged(&path, 1, error.to_string()))?);
        }
        // The version and the column names.
        rows.drain(..rows.len().min(2));
        Ok(Self { path, rows, bytes: bytes.len() as u64 })
    }

    /// Reads every row with `read`, which returns `None` for one that is not of its form.
    pub fn each<T>(&self, read: impl Fn(Row) -> Option<T>) -> Result<Vec<T>, StoreError> {
        let value = |record| {
            let line = csv::StringRecord::position(record).map_or(0, csv::Position::line);
            read(Row(record)).ok_or_else(|| StoreError::damaged(&self.path, line, "not a row of this table"))
        };
        self.rows.iter().map(value).collect()
    }
}

fn check_version(path: &Path, kind: &Kind, bytes: &[u8]) -> Result<(), StoreError> {
    let start = kind.version_line();
    if bytes.starts_with(start.as_bytes()) {
        return Ok(());
    }
    let line = bytes.split(|b| *b == b'\n').next().and_then(|line| std::str::from_utf8(line).ok()).unwrap_or_default();
    let version =
        line.strip_prefix("wachat-").and_then(|l| l.strip_prefix(kind.name)).and_then(|l| l.strip_prefix(';'));
    match version.and_then(|v| v.parse::<u32>().ok()) {
        Some(version) if version > kind.version => Err(Problem::Newer.at(path)),
        _ => Err(StoreError::damaged(path, 1, format!("this should be {}", start.trim_end()))),
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
