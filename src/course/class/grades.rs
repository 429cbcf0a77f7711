//! The judge's results of a group, in its file `results.csv`, and the grade sheet of the class.
//!
//! The file has a row for each group of tests: the newest result of each, so that a later run of some tests keeps the
//! others.

use std::fs;
use std::path::Path;

use csv::WriterBuilder;

use super::{Class, replace};
use crate::course::judge::points::Points;
use crate::course::judge::{Outcome, Side, Verdict, script};
use crate::model::{Timestamp, cell};
use crate::record::{Fields, Writer};

/// The result of one group of tests.
#[derive(Clone, Debug, PartialEq)]
pub struct Grade {
    /// The group of tests, such as `framing`.
    pub tests: String,
    pub passed: usize,
    pub played: usize,
    pub points: f64,
    pub worth: f64,
    pub at: Timestamp,
    /// The server that was judged.
    pub server: String,
}

/// Returns the sum of the points, and what they could be; `None` without a result.
pub fn total(grades: &[Grade]) -> Option<(f64, f64)> {
    let sum = |of: fn(&Grade) -> f64| grades.iter().map(of).sum();
    (!grades.is_empty()).then(|| (sum(|grade| grade.points), sum(|grade| grade.worth)))
}

/// Reads the results of a group. There are none before the first run.
pub fn read(directory: &Path) -> Vec<Grade> {
    let text = fs::read_to_string(directory.join("results.csv")).unwrap_or_default();
    text.lines().skip(1).filter_map(|line| read_one(&Fields::parse(line.as_bytes()).ok()?)).collect()
}

fn read_one(fields: &Fields) -> Option<Grade> {
    let number = |index| fields.get(index)?.parse::<f64>().ok().filter(|number| number.is_finite());
    Some(Grade {
        tests: fields.get(0)?.to_owned(),
        passed: fields.get(1)?.parse().ok()?,
        played: fields.get(2)?.parse().ok()?,
        points: number(3)?,
        worth: number(4)?,
        at: Timestamp::parse(fields.get(5)?)?,
        server: fields.get(6)?.to_owned(),
    })
}

/// Adds the results of a run to those of a group. Returns them all, in the order of the labs.
pub fn add(directory: &Path, server: &str, outcomes: &[Outcome], points: &Points) -> Result<Vec<Grade>, String> {
    let old = read(directory);
    let at = Timestamp::now();
    let grade = |tests: &'static str| {
        let played = || outcomes.iter().filter(|outcome| outcome.test.group == tests);
        if played().all(|outcome| matches!(outcome.verdict, Verdict::Skipped(_))) {
            return old.iter().find(|grade| grade.tests == tests).cloned();
        }
        // What the server does not have, and need not have, is no result.
        if played().all(|outcome| matches!(outcome.verdict, Verdict::Absent(_))) {
            return None;
        }
        let passed = played().filter(|outcome| matches!(outcome.verdict, Verdict::Passed)).count();
        let (has, worth) = points.of(tests, outcomes);
        let server = server.to_owned();
        Some(Grade { tests: tests.to_owned(), passed, played: played().count(), points: has, worth, at, server })
    };
    let grades: Vec<_> = server_groups().filter_map(grade).collect();
    let mut rows = b"tests;passed;played;points;of;at;server\n".to_vec();
    for grade in &grades {
        let Grade { tests, passed, played, points, worth, at, server } = grade;
        let mut row = Writer::new(&mut rows);
        row.text(tests).plain(*passed).plain(*played).plain(format_args!("{points:.3}"));
        row.plain(format_args!("{worth:.3}")).plain(*at).text(server).end();
    }
    replace(&directory.join("results.csv"), &rows)?;
    Ok(grades)
}

/// Returns the names of the groups of tests for servers, in the order of the labs.
fn server_groups() -> impl Iterator<Item = &'static str> {
    script::groups().iter().filter(|group| group.side == Side::Server).map(|group| group.name)
}

/// Returns the grade sheet: a row a student. No name is a formula for a spreadsheet.
pub fn sheet(class: &Class) -> Result<Vec<u8>, csv::Error> {
    let tests: Vec<_> = server_groups().collect();
    let mut writer = WriterBuilder::new().delimiter(b';').from_writer(Vec::new());
    let head = ["student", "group"].into_iter().chain(tests.iter().copied()).chain(["total", "of", "judged_at"]);
    writer.write_record(head)?;
    for student in &class.students {
        let grades = read(&class.directory_of(student.group));
        let points = |name: &&str| {
            grades.iter().find(|grade| grade.tests == **name).map_or(String::new(), |grade| number(grade.points))
        };
        let (total, worth) = total(&grades).map_or_else(Default::default, |(has, of)| (number(has), number(of)));
        let at = grades.iter().map(|grade| grade.at).max().map_or(String::new(), |at| at.to_string());
        let row = [cell::harmless(student.name.shown()).into_owned(), student.group.to_string()].into_iter();
        writer.write_record(row.chain(tests.iter().map(points)).chain([total, worth, at]))?;
    }
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

/// Returns points without zeros at the end.
fn number(points: f64) -> String {
    let text = format!("{points:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
