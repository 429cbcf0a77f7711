//! A table of a checkpoint: a CSV file with a version, a line of column names, rows, and an end line with their
//! number and a checksum, by which a missing or changed piece is noticed. Rows are written and read one at a time.

use std::fmt::{Display, Write as _};
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;

use crc32fast::Hasher;

use super::error::{Problem, StoreError};
use super::files::{MISSING, missing_or_io};
use super::prefix_reader::PrefixReader;
use crate::disk::{Disk, File};
use crate::model::{RoomName, Seq, Timestamp, UserName};
use crate::record::optional;
use crate::state_machine::HistoryPrefix;

const END: &str = "end";

/// Length of one write, and of one read.
const BLOCK_BYTES: usize = 256 << 10;

/// Longer than an end line, and than the first line of any table.
const LINE_BYTES: usize = 64;

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

/// Writes the fields of rows into a file. The first error of the file is kept until its end.
pub(super) struct RowWriter {
    csv: csv::Writer<Sink>,
    /// The text of one field, before it is quoted.
    field: String,
}

impl RowWriter {
    pub fn field(&mut self, value: impl Display) -> &mut Self {
        self.field.clear();
        let _ = write!(self.field, "{value}");
        let _ = self.csv.write_field(&self.field);
        self
    }

    pub fn text(&mut self, text: &str) -> &mut Self {
        let _ = self.csv.write_field(text);
        self
    }

    /// Writes an empty field for `None`.
    pub fn optional(&mut self, value: Option<impl Display>) -> &mut Self {
        match value {
            Some(value) => self.field(value),
            None => self.text(""),
        }
    }

    /// Writes `yes` or `no`.
    pub fn flag(&mut self, value: bool) -> &mut Self {
        self.text(if value { "yes" } else { "no" })
    }

    fn end(&mut self) {
        let _ = self.csv.write_record(None::<&[u8]>);
    }
}

/// A file that is being written, with its length and checksum so far.
struct Sink {
    file: Arc<dyn File>,
    bytes: u64,
    checksum: Hasher,
    failed: Option<io::Error>,
}

impl io::Write for Sink {
    /// Takes all bytes, whatever becomes of them: after an error nothing is written any more, and the end reports it.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failed.is_none() {
            self.failed = self.file.write_at(bytes, self.bytes).err();
        }
        self.checksum.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes tables into a directory.
pub(super) struct TableWriter<'a> {
    pub disk: &'a dyn Disk,
    pub directory: &'a Path,
    /// Length of all tables in bytes.
    pub bytes: u64,
}

impl TableWriter<'_> {
    /// Writes a table, durable but for its name.
    pub fn write<R: TableRow>(&mut self, rows: impl IntoIterator<Item = R>) -> Result<(), StoreError> {
        let path = self.directory.join(R::KIND.file_name());
        self.bytes += write_table(self.disk, &path, rows)?;
        Ok(())
    }
}

/// Writes a table into a new file, durable but for its name. Returns its length in bytes.
pub(super) fn write_table<R: TableRow>(
    disk: &dyn Disk,
    path: &Path,
    rows: impl IntoIterator<Item = R>,
) -> Result<u64, StoreError> {
    let file = disk.create(path).map_err(StoreError::io(path))?;
    let mut sink = Sink { file: file.clone(), bytes: 0, checksum: Hasher::new(), failed: None };
    let _ = io::Write::write(&mut sink, R::KIND.version_line().as_bytes());
    let csv = csv::WriterBuilder::new().delimiter(b';').flexible(true).buffer_capacity(BLOCK_BYTES).from_writer(sink);
    let mut writer = RowWriter { csv, field: String::new() };
    R::KIND.columns.iter().for_each(|column| _ = writer.text(column));
    writer.end();
    let mut count = 0;
    for row in rows {
        row.write(&mut writer);
        writer.end();
        count += 1;
    }
    let sink = writer.csv.into_inner().map_err(|error| StoreError::io(path)(error.into_error()))?;
    let Sink { bytes, checksum, failed, .. } = sink;
    failed.map_or(Ok(()), Err).map_err(StoreError::io(path))?;
    let end = end_line(count, checksum);
    file.write_at(end.as_bytes(), bytes).and_then(|()| file.sync()).map_err(StoreError::io(path))?;
    Ok(bytes + end.len() as u64)
}

fn end_line(rows: u64, checksum: Hasher) -> String {
    format!("{END};{rows};{:08x}\n", checksum.finalize())
}

/// Reads the tables in a directory.
pub(super) struct TableReader<'a> {
    pub disk: &'a dyn Disk,
    pub directory: &'a Path,
}

impl TableReader<'_> {
    /// Returns the rows of a small table.
    pub fn read<R: TableRow>(&self) -> Result<Vec<R>, StoreError> {
        self.verify::<R>()?;
        let mut rows = Vec::new();
        self.each(|row| {
            rows.push(row);
            Ok(())
        })?;
        Ok(rows)
    }

    /// Checks version and checksum of a table. Returns its length in bytes.
    pub fn verify<R: TableRow>(&self) -> Result<u64, StoreError> {
        let path = self.directory.join(R::KIND.file_name());
        let file = self.open(&path)?;
        check_version(&path, &R::KIND, &*file)?;
        check_end(&path, &file)?;
        file.len().map_err(StoreError::io(&path))
    }

    /// Reads the rows of a table, which was verified, one after the other.
    pub fn each<R: TableRow>(&self, mut take: impl FnMut(R) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let path = self.directory.join(R::KIND.file_name());
        let file = self.open(&path)?;
        let body = find_end(&path, &*file)?.0;
        let rows = PrefixReader::new(file, HistoryPrefix::default(), body);
        let mut reader = BufReader::with_capacity(BLOCK_BYTES, rows);
        let mut row = Row::default();
        let mut number = 0;
        while row.read_line(&mut reader).map_err(StoreError::io(&path))? {
            number += 1;
            // The version and the column names come first.
            if number > 2 {
                let read = if row.split() { R::read(&row) } else { None };
                take(read.ok_or_else(|| StoreError::damaged(&path, number, "not a row of this table"))?)?;
            }
        }
        Ok(())
    }

    fn open(&self, path: &Path) -> Result<Arc<dyn File>, StoreError> {
        self.disk.open_for_reading(path).map_err(missing_or_io(path, MISSING))
    }
}

/// One row: a line, since no field has a line break in it.
#[derive(Default)]
pub(super) struct Row {
    line: Vec<u8>,
    /// The fields, one after the other.
    text: String,
    /// The offset of the first field, which is 0, and those at which each one ends.
    ends: Vec<usize>,
}

impl Row {
    /// Reads the next line; `false` at the end.
    fn read_line(&mut self, reader: &mut impl BufRead) -> io::Result<bool> {
        self.line.clear();
        Ok(reader.read_until(b'\n', &mut self.line)? > 0)
    }

    /// Splits the line into its fields; `false` if it is no text. Most lines have no quotes: there are millions of them.
    fn split(&mut self) -> bool {
        self.text.clear();
        self.ends.clear();
        self.ends.push(0);
        let Ok(line) = std::str::from_utf8(self.line.strip_suffix(b"\n").unwrap_or(&self.line)) else { return false };
        if memchr::memchr(b'"', line.as_bytes()).is_some() {
            return self.split_quoted();
        }
        for field in line.split(';') {
            self.text.push_str(field);
            self.ends.push(self.text.len());
        }
        true
    }

    fn split_quoted(&mut self) -> bool {
        let mut reader = csv::ReaderBuilder::new();
        let mut reader = reader.delimiter(b';').has_headers(false).from_reader(self.line.as_slice());
        let mut record = csv::StringRecord::new();
        let is_record = reader.read_record(&mut record).is_ok_and(|is_record| is_record);
        for field in &record {
            self.text.push_str(field);
            self.ends.push(self.text.len());
        }
        is_record
    }

    pub fn get(&self, column: usize) -> Option<&str> {
        self.text.get(*self.ends.get(column)?..*self.ends.get(column + 1)?)
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

fn check_version(path: &Path, kind: &Kind, file: &dyn File) -> Result<(), StoreError> {
    let mut start = [0; LINE_BYTES];
    let length = file.read_at(&mut start, 0).map_err(StoreError::io(path))?;
    let start = start.get(..length).unwrap_or_default();
    let line = start.split(|b| *b == b'\n').next().and_then(|line| std::str::from_utf8(line).ok()).unwrap_or_default();
    let version = line.strip_prefix("wachat-").and_then(|line| line.strip_prefix(kind.name)?.strip_prefix(';'));
    // In one form only.
    let version = version.filter(|digits| !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit()));
    match version.and_then(|digits| digits.parse::<u32>().ok()) {
        Some(version) if version > kind.version => Err(Problem::Newer.at(path)),
        Some(_) => Ok(()),
        _ => Err(StoreError::damaged(path, 1, format!("this should be {}", kind.version_line().trim_end()))),
    }
}

/// Checks the end line: the number of the rows before it, and their checksum.
fn check_end(path: &Path, file: &Arc<dyn File>) -> Result<(), StoreError> {
    let (body, end) = find_end(path, &**file)?;
    let mut reader = PrefixReader::new(file.clone(), HistoryPrefix::default(), body);
    let mut block = vec![0; BLOCK_BYTES];
    let mut lines = 0;
    loop {
        let length = io::Read::read(&mut reader, &mut block).map_err(StoreError::io(path))?;
        if length == 0 {
            break;
        }
        lines += memchr::memchr_iter(b'\n', block.get(..length).unwrap_or_default()).count() as u64;
    }
    // The version and the column names come before the rows.
    if end == end_line(lines.saturating_sub(2), reader.into_hasher()).as_bytes() {
        return Ok(());
    }
    let last = lines + u64::from(end.ends_with(b"\n"));
    let what = "the checksum does not fit: a line of this file is missing or was changed";
    Err(StoreError::damaged(path, last.max(1), what))
}

/// Finds the last line of a table. Returns the length of the file before it, and the line; of one that is too long its end.
fn find_end(path: &Path, file: &dyn File) -> Result<(u64, Vec<u8>), StoreError> {
    let length = file.len().map_err(StoreError::io(path))?;
    let mut start = length.saturating_sub(LINE_BYTES as u64);
    let mut end = vec![0; LINE_BYTES.min(usize::try_from(length).unwrap_or(LINE_BYTES))];
    let read = file.read_at(&mut end, start).map_err(StoreError::io(path))?;
    end.truncate(read);
    if let Some(feed) = end.strip_suffix(b"\n").and_then(|all| memchr::memrchr(b'\n', all)) {
        end.drain(..=feed);
        start += feed as u64 + 1;
    }
    Ok((start, end))
}
