//! A table of a checkpoint: a CSV file with a version, a line of column names, rows, and an end line with their
//! number and a checksum, by which a missing or changed piece is noticed. Rows are written and read one at a time.

use std::borrow::Cow;
use std::fmt::{Display, Write as _};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crc32fast::Hasher;

use super::blocks::{BLOCK_BYTES, Block, Blocks, parse_in_order};
use super::error::{Problem, StoreError};
use super::files::{MISSING, missing_or_io};
use crate::disk::{Disk, File};
use crate::model::{RoomName, Seq, Timestamp, UserName};
use crate::record::optional;

const END: &str = "end";

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
pub(super) trait TableRow: Sized + Send {
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
        let mut rows = Vec::new();
        self.each(|some| {
            rows.extend(some);
            Ok(())
        })?;
        Ok(rows)
    }

    /// Checks version, end line and checksum of a table.
    pub fn verify<R: TableRow>(&self) -> Result<(), StoreError> {
        let (path, mut blocks, end) = self.open::<R>()?;
        while blocks.next_block().map_err(StoreError::io(&path))?.is_some() {}
        check_end(&path, blocks, &end)
    }

    /// Reads the rows of a table, and takes them in order, some at a time, while other threads parse the next ones. Returns the
    /// length of the table in bytes. After an error nothing counts that was taken; damage is noticed at the end of the table.
    pub fn each<R: TableRow>(&self, take: impl FnMut(Vec<R>) -> Result<(), StoreError>) -> Result<u64, StoreError> {
        let (path, mut blocks, end) = self.open::<R>()?;
        let parse = |block: Block| parse_rows(&path, &block);
        let parsed = parse_in_order(&path, &mut blocks, &parse, take);
        let bytes = blocks.end + end.len() as u64;
        // The checksum tells of a row that was changed, and of one that nobody can have written.
        parsed.or_else(|error| self.verify::<R>().and(Err(error)))?;
        check_end(&path, blocks, &end).map(|()| bytes)
    }

    /// Opens a table, and checks its version. Returns its path, the lines before the last one, and that.
    fn open<R: TableRow>(&self) -> Result<(PathBuf, Blocks, Vec<u8>), StoreError> {
        let path = self.directory.join(R::KIND.file_name());
        let file = self.disk.open_for_reading(&path).map_err(missing_or_io(&path, MISSING))?;
        check_version(&path, &R::KIND, &*file)?;
        let (body, end) = find_end(&path, &*file)?;
        Ok((path, Blocks::new(file, body), end))
    }
}

/// Parses the rows of a block.
fn parse_rows<R: TableRow>(path: &Path, block: &Block) -> Result<Vec<R>, StoreError> {
    let mut row = Row::default();
    let mut rows = Vec::with_capacity(block.line_count());
    // The version and the column names come first.
    for (number, line) in block.lines().filter(|(number, _)| *number > 2) {
        let read = if row.split(line) { R::read(&row) } else { None };
        rows.push(read.ok_or_else(|| StoreError::damaged(path, number, "not a row of this table"))?);
    }
    Ok(rows)
}

/// One row: a line, since no field has a line break in it.
#[derive(Default)]
pub(super) struct Row<'a> {
    /// The fields, with or without what separates them.
    text: Cow<'a, str>,
    /// The beginning and the end of each field in the text.
    fields: Vec<(usize, usize)>,
}

impl<'a> Row<'a> {
    /// Splits a line into its fields; `false` if it is no text. Most lines have no quotes: there are millions of them.
    fn split(&mut self, line: &'a [u8]) -> bool {
        self.fields.clear();
        let Ok(text) = std::str::from_utf8(line) else { return false };
        if memchr::memchr(b'"', line).is_some() {
            return self.split_quoted(line);
        }
        let mut start = 0;
        for end in memchr::memchr_iter(b';', line).chain([line.len()]) {
            self.fields.push((std::mem::replace(&mut start, end + 1), end));
        }
        self.text = Cow::Borrowed(text);
        true
    }

    fn split_quoted(&mut self, line: &[u8]) -> bool {
        let mut reader = csv::ReaderBuilder::new();
        let mut reader = reader.delimiter(b';').has_headers(false).from_reader(line);
        let mut record = csv::StringRecord::new();
        let is_record = reader.read_record(&mut record).is_ok_and(|is_record| is_record);
        let mut text = String::new();
        for field in &record {
            let start = text.len();
            text.push_str(field);
            self.fields.push((start, text.len()));
        }
        self.text = Cow::Owned(text);
        is_record
    }

    pub fn get(&self, column: usize) -> Option<&str> {
        let (start, end) = *self.fields.get(column)?;
        self.text.get(start..end)
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

/// Checks the end line: the number of the rows before it, which were read, and their checksum.
fn check_end(path: &Path, read: Blocks, end: &[u8]) -> Result<(), StoreError> {
    let lines = read.line - 1;
    // The version and the column names come before the rows.
    if end == end_line(lines.saturating_sub(2), read.checksum).as_bytes() {
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
