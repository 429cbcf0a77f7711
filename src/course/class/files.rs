//! The two files of a class: `class.csv` and `students.csv` (README.md of the course has their columns).

use std::fmt::Display;
use std::fs;
use std::path::Path;

use super::{Class, Group, Student};
use crate::disk::{self, RealDisk};
use crate::model::UserName;
use crate::record::{Fields, Writer};

/// Kind and version of a class, at the beginning of its first line. In version 1 there was no TLS.
const KIND: [&str; 2] = ["wachat-class", "2"];
const KIND_WITHOUT_TLS: [&str; 2] = ["wachat-class", "1"];

/// The setting of a class whose servers speak TLS, and of another one.
const TLS: &str = "tls";
const CLEAR_TEXT: &str = "clear-text";

const CLASS: &str = "class.csv";
const STUDENTS: &str = "students.csv";

/// Replaces a file as a whole, durably, readable by its owner alone.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), String> {
    disk::replace(&RealDisk, path, bytes).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// Reads a line as a record; the error names file and line.
fn fields<'a>(path: &Path, number: usize, line: &'a str) -> Result<Fields<'a>, String> {
    Fields::parse(line.as_bytes()).map_err(|error| at(path, number, error))
}

fn at(path: &Path, number: usize, what: impl Display) -> String {
    format!("{}, line {number}: {what}", path.display())
}

impl Class {
    /// Returns whether there is a class in this directory.
    pub fn exists(directory: &Path) -> bool {
        directory.join(CLASS).exists()
    }

    /// Reads the class in a directory.
    pub fn read(directory: &Path) -> Result<Self, String> {
        if !Self::exists(directory) {
            return Err(format!(
                "{0}: there is no class; make one with class start, or name one with --dir",
                directory.display()
            ));
        }
        disk::check_directory(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
        let text = |name: &str| {
            let path = directory.join(name);
            let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            Ok::<_, String>((path, text))
        };
        let (path, groups) = text(CLASS)?;
        let (students_path, students) = text(STUDENTS)?;
        let mut lines = (1..).zip(groups.lines());
        let head = lines.next().map(|(_, line)| line).unwrap_or_default();
        let head = fields(&path, 1, head)?;
        let is_kind = |kind: [&str; 2]| kind.map(Some) == [head.get(0), head.get(1)];
        if !is_kind(KIND) && !is_kind(KIND_WITHOUT_TLS) {
            return Err(at(&path, 1, "this is no class that this version of wachat knows"));
        }
        let setting = |index, what: &str| head.get(index).ok_or_else(|| at(&path, 1, format!("no {what}")));
        let listen = setting(2, "address")?.parse().map_err(|error| at(&path, 1, error))?;
        let timeout = setting(3, "time-out")?.parse().map_err(|error| at(&path, 1, error))?;
        let tls = match head.get(4) {
            Some(TLS) if is_kind(KIND) => true,
            Some(CLEAR_TEXT) if is_kind(KIND) => false,
            None if is_kind(KIND_WITHOUT_TLS) => false,
            _ => return Err(at(&path, 1, format!("neither {TLS} nor {CLEAR_TEXT}"))),
        };
        let groups = lines.skip(1).map(|(number, line)| {
            read_group(&fields(&path, number, line)?).ok_or_else(|| at(&path, number, "no group"))
        });
        let students = (1..).zip(students.lines()).skip(1).map(|(number, line)| {
            let found = read_student(&fields(&students_path, number, line)?);
            found.ok_or_else(|| at(&students_path, number, "no student"))
        });
        let groups = groups.collect::<Result<_, _>>()?;
        let students = students.collect::<Result<_, _>>()?;
        Ok(Self { directory: directory.to_path_buf(), listen, timeout, tls, groups, students })
    }

    /// Writes both files. The students come first: a student without an account is noticed, an account without a group not.
    pub fn write(&self) -> Result<(), String> {
        let mut students = b"student;group\n".to_vec();
        for student in &self.students {
            Writer::new(&mut students).plain(student.name.stored()).plain(student.group).end();
        }
        replace(&self.directory.join(STUDENTS), &students)?;
        let mut groups = Vec::new();
        let protection = if self.tls { TLS } else { CLEAR_TEXT };
        let mut head = Writer::new(&mut groups);
        head.text(KIND[0]).text(KIND[1]).plain(self.listen).plain(self.timeout).text(protection).end();
        groups.extend(b"group;send_port;recv_port;own_server\n");
        for group in &self.groups {
            let own = group.own_server.as_deref().unwrap_or_default();
            Writer::new(&mut groups).plain(group.number).plain(group.send_port).plain(group.recv_port).text(own).end();
        }
        replace(&self.directory.join(CLASS), &groups)
    }
}

fn read_group(fields: &Fields) -> Option<Group> {
    let number = |index| fields.get(index)?.parse().ok();
    let own_server = fields.get(3).filter(|server| !server.is_empty()).map(str::to_owned);
    Some(Group { number: number(0)?, send_port: number(1)?, recv_port: number(2)?, own_server })
}

fn read_student(fields: &Fields) -> Option<Student> {
    Some(Student { name: UserName::from_stored(fields.get(0)?)?, group: fields.get(1)?.parse().ok()? })
}
