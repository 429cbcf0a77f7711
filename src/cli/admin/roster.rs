//! A roster: the accounts of a class as CSV, read and written.
//!
//! A header names the columns, in any order; the separator is `;` or `,`, as in the header. The column `name` is
//! required, `password`, `email` and `group` are optional; the further columns of `user export` and of the passwords of
//! `class start` are skipped.

use std::collections::HashMap;
use std::fmt;

use csv::{ByteRecord, ReaderBuilder, StringRecord, WriterBuilder};
use smol_str::SmolStr;

use crate::model::look::{check_new_account, looks};
use crate::model::{Email, Password, UserName, cell};
use crate::protocol::control::Account;

/// A line of a roster: an account to create.
pub(in crate::cli) struct Student {
    pub line: u64,
    pub name: UserName,
    /// `None`: it will be generated.
    pub password: Option<Password>,
    pub email: Email,
    /// The group that the roster names; empty: none. Only a class has groups.
    pub group: String,
}

/// An error in a line of the roster; lines count from 1.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli) struct Problem {
    pub line: u64,
    pub what: String,
}

impl Problem {
    pub fn new(line: u64, what: impl fmt::Display) -> Self {
        Self { line, what: what.to_string() }
    }
}

/// The columns of `user export` and of `class start` that a reader skips.
const SKIPPED: [&str; 7] = ["created_at", "last_seen", "server", "send_port", "recv_port", "connect", "fingerprint"];

/// The positions of the columns.
struct Columns {
    count: usize,
    name: usize,
    password: Option<usize>,
    email: Option<usize>,
    group: Option<usize>,
}

/// Reads a whole roster. Returns all its students, or all its errors.
pub(in crate::cli) fn read(bytes: &[u8]) -> Result<Vec<Student>, Vec<Problem>> {
    // Spreadsheets write a byte order mark.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count() as u64;
        vec![Problem::new(line, "this is not UTF-8; save the file as CSV UTF-8")]
    })?;
    let mut records = records(text)?.into_iter();
    let (line, header) = records.next().ok_or_else(|| vec![Problem::new(1, "the file is empty")])?;
    let columns = Columns::read(line, &header).map_err(|problem| vec![problem])?;
    let mut students = Vec::new();
    let mut problems = Vec::new();
    for (line, record) in records {
        match columns.student(line, &record) {
            Ok(student) => students.push(student),
            Err(wrong) => problems.extend(wrong.into_iter().map(|what| Problem { line, what })),
        }
    }
    problems.extend(doubles(&students));
    problems.sort_by_key(|problem| problem.line);
    if problems.is_empty() { Ok(students) } else { Err(problems) }
}

/// Returns the records with their line numbers, without empty ones.
fn records(text: &str) -> Result<Vec<(u64, StringRecord)>, Vec<Problem>> {
    let header = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let separator = if header.contains(';') { b';' } else { b',' };
    let mut reader =
        ReaderBuilder::new().delimiter(separator).has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut records = Vec::new();
    let mut record = ByteRecord::new();
    let broken = |error: csv::Error| vec![Problem::new(1, error)];
    while reader.read_byte_record(&mut record).map_err(broken)? {
        let at = record.position().map_or(0, csv::Position::byte);
        let line = line_at(text, at);
        // Lossless: the whole text is valid UTF-8.
        let record = StringRecord::from_byte_record_lossy(record.clone());
        if record.iter().any(|field| !field.trim().is_empty()) {
            records.push((line, record));
        }
    }
    Ok(records)
}

/// Returns the line of a record that begins at this byte, or after empty lines there.
fn line_at(text: &str, at: u64) -> u64 {
    let at = usize::try_from(at).unwrap_or(usize::MAX).min(text.len());
    let (before, from) = text.split_at_checked(at).unwrap_or((text, ""));
    let blank = from.len() - from.trim_start_matches(['\r', '\n']).len();
    let skipped = from.get(..blank).unwrap_or_default();
    1 + before.matches('\n').count() as u64 + skipped.matches('\n').count() as u64
}

impl Columns {
    fn read(line: u64, header: &StringRecord) -> Result<Self, Problem> {
        let titles: Vec<_> = header.iter().map(|title| title.trim().to_lowercase()).collect();
        let position = |wanted: &str| titles.iter().position(|title| title == wanted);
        for (index, title) in titles.iter().enumerate() {
            if !["name", "password", "email", "group"].contains(&title.as_str()) && !SKIPPED.contains(&title.as_str()) {
                let what = format!("there is no column {title:?}: they are name, password and email");
                return Err(Problem::new(line, what));
            }
            if position(title) != Some(index) {
                return Err(Problem::new(line, format!("the column {title} is there twice")));
            }
        }
        let missing = || Problem::new(line, "the column name is missing: the first line names the columns");
        let name = position("name").ok_or_else(missing)?;
        let [password, email, group] = ["password", "email", "group"].map(position);
        Ok(Self { count: titles.len(), name, password, email, group })
    }

    /// Reads a line, or returns all its errors.
    fn student(&self, line: u64, record: &StringRecord) -> Result<Student, Vec<String>> {
        if record.len() != self.count {
            return Err(vec![format!("{} fields, and the first line has {}", record.len(), self.count)]);
        }
        let field =
            |index: Option<usize>| cell::original(index.and_then(|index| record.get(index)).unwrap_or_default());
        let name = field(Some(self.name)).trim();
        let email = field(self.email).trim();
        let group = field(self.group).trim().to_owned();
        let mut problems = Vec::new();
        let mut wrong = |what: String| problems.push(what);
        let name = UserName::new(name).map_err(|error| wrong(format!("{name:?}: {error}"))).ok();
        let password = match (&name, field(self.password)) {
            (_, "") | (None, _) => None,
            (Some(name), text) => Password::new(name, text).map_err(|error| wrong(error.to_string())).ok(),
        };
        let address = Email::new(email);
        if address.is_none() {
            wrong(format!("{email:?} is not an e-mail address"));
        }
        match (name, address) {
            (Some(name), Some(email)) if problems.is_empty() => Ok(Student { line, name, password, email, group }),
            _ => Err(problems),
        }
    }
}

/// Returns an error for each name that occurs again.
fn doubles(students: &[Student]) -> Vec<Problem> {
    let mut first: HashMap<&UserName, u64> = HashMap::new();
    let mut problems = Vec::new();
    for student in students {
        match first.get(&student.name) {
            Some(line) => problems.push(Problem::new(student.line, format!("{} is in line {line}, too", student.name))),
            None => _ = first.insert(&student.name, student.line),
        }
    }
    problems
}

/// Returns an error for each name that a new account cannot have: for its signs, or since it looks like a name that is
/// taken or is in an earlier line.
pub(in crate::cli) fn look_alikes<'a>(
    students: &'a [Student],
    taken: impl Iterator<Item = &'a UserName>,
) -> Vec<Problem> {
    let mut seen: HashMap<SmolStr, (&UserName, String)> = HashMap::new();
    for name in taken {
        seen.extend(looks(name).map(|look| (look, (name, "which is taken".to_owned()))));
    }
    let mut problems = Vec::new();
    for Student { line, name, .. } in students {
        let found = looks(name).find_map(|look| seen.get(&look));
        match (check_new_account(name), found) {
            (Err(error), _) => problems.push(Problem::new(*line, format!("{name}: {error}"))),
            (Ok(()), Some((other, place))) => {
                problems.push(Problem::new(*line, format!("{name} looks like {other}, {place}")));
            }
            (Ok(()), None) => seen.extend(looks(name).map(|look| (look, (name, format!("in line {line}"))))),
        }
    }
    problems
}

/// Writes the accounts that were not removed as a roster, without passwords.
pub(in crate::cli) fn write(accounts: &[Account]) -> Result<Vec<u8>, csv::Error> {
    let rows = accounts.iter().filter(|account| account.removed_at.is_none()).map(|account| {
        let seen = account.last_seen.map_or(String::new(), |at| at.to_string());
        [account.name.to_string(), account.email.as_str().to_owned(), account.created_at.to_string(), seen]
    });
    table(["name", "email", "created_at", "last_seen"], rows)
}

/// Writes a table as CSV, separated by `;`. No cell is a formula for a spreadsheet: [`read`] takes that back.
pub(in crate::cli) fn table<const N: usize>(
    header: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> Result<Vec<u8>, csv::Error> {
    let mut writer = WriterBuilder::new().delimiter(b';').from_writer(Vec::new());
    writer.write_record(header)?;
    for row in rows {
        writer.write_record(row.iter().map(|text| cell::harmless(text).into_owned()))?;
    }
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}
