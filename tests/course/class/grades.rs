//! The results of a group: the newest of each group of tests, in its file.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use wachat::course::class::grades::{self, Grade};
use wachat::course::judge::points::Points;
use wachat::course::judge::{Failure, Outcome, Verdict, script};

use crate::support::connection::without_times;

fn wrong() -> Verdict {
    let text = || "x".to_owned();
    Verdict::Failed(Box::new(Failure { step: text(), expected: text(), came: text(), moments: Vec::new() }))
}

fn skipped() -> Verdict {
    Verdict::Skipped("why".to_owned())
}

/// Adds results of tests by their names; returns the file without its times.
fn add(directory: &Path, server: &str, points: &str, results: &[(&str, Verdict)]) -> Vec<String> {
    let result = |(name, verdict): &(&str, Verdict)| {
        let test = script::all().find(|test| test.name == *name).expect("a test");
        Outcome::new(test, verdict.clone(), Duration::ZERO)
    };
    let outcomes: Vec<_> = results.iter().map(result).collect();
    let grades = grades::add(directory, server, &outcomes, &Points::parse(points).expect("points")).expect("grades");
    let shown = |grade: &Grade| {
        let Grade { tests, passed, played, points, worth, server, .. } = grade;
        format!("{tests};{passed};{played};{points:.3};{worth:.3};<at>;{server}")
    };
    let text = fs::read_to_string(directory.join("results.csv")).expect("a file");
    let lines: Vec<_> = text.lines().map(without_times).collect();
    assert_eq!(lines[0], "tests;passed;played;points;of;at;server");
    assert_eq!(lines[1..], grades.iter().map(shown).collect::<Vec<_>>(), "the file has what is returned");
    assert_eq!(grades::read(directory).iter().map(shown).collect::<Vec<_>>(), lines[1..], "and is read back");
    lines[1..].to_vec()
}

#[test]
fn the_newest_result_of_each_group_of_tests_counts_in_the_order_of_the_labs() {
    let directory = TempDir::new().expect("a directory");
    let path = directory.path();
    assert_eq!((grades::read(path), grades::total(&[])), (Vec::new(), None));
    let results = [("poll-1", wrong()), ("framing-1", Verdict::Passed), ("framing-2", wrong()), ("crash-1", skipped())];
    let first = ["framing;1;2;2.000;4.000;<at>;a:1,2", "poll;0;1;0.000;1.000;<at>;a:1,2"];
    assert_eq!(add(path, "a:1,2", "framing = 24", &results), first);
    let results =
        [("poll-1", Verdict::Passed), ("poll-2", Verdict::Passed), ("login-1", wrong()), ("framing-1", skipped())];
    let second = [first[0], "login;0;1;0.000;1.000;<at>;b:3,4", "poll;2;2;2.000;2.000;<at>;b:3,4"];
    assert_eq!(add(path, "b:3,4", "", &results), second, "the others stay, and what was skipped is no result");
    let results = [("poll-1", skipped()), ("poll-2", wrong())];
    let third = [second[0], second[1], "poll;0;2;0.000;2.000;<at>;b:3,4"];
    assert_eq!(add(path, "b:3,4", "", &results), third, "one that was skipped counts where others were played");
    assert_eq!(add(path, "c:5,6", "", &[]), third);
    let devices = [("devices-1", wrong()), ("devices-2", Verdict::Passed)];
    let with_devices = [third[0], third[1], third[2], "devices;1;2;1.000;2.000;<at>;d:7,8"];
    assert_eq!(add(path, "d:7,8", "", &devices), with_devices);
    let absent = ["devices-1", "devices-2"].map(|name| (name, Verdict::Absent("why".to_owned())));
    assert_eq!(add(path, "d:7,8", "", &absent), third, "what a server need not have is no result");
    assert_eq!(grades::total(&grades::read(path)), Some((2.0, 7.0)));
}

#[test]
fn rows_that_are_none_are_left_out() {
    let directory = TempDir::new().expect("a directory");
    let good = "framing;1;2;2.500;4.000;2026-11-23T10:01:02.511Z;a:1,2";
    let fields: Vec<_> = good.split(';').collect();
    let mut rows = vec!["framing".to_owned(), String::new(), good.to_owned()];
    for (place, wrong) in [(1, "x"), (2, ""), (3, "NaN"), (3, "x"), (4, "inf"), (5, "today")] {
        let mut fields = fields.clone();
        fields[place] = wrong;
        rows.push(fields.join(";"));
    }
    fs::write(directory.path().join("results.csv"), format!("title\n{}\n", rows.join("\n"))).expect("to write");
    let grades = grades::read(directory.path());
    assert_eq!(grades.len(), 1, "{grades:?}");
    let Grade { tests, passed, played, points, worth, at, server } = &grades[0];
    assert_eq!((tests.as_str(), *passed, *played, *points, *worth), ("framing", 1, 2, 2.5, 4.0));
    assert_eq!((at.to_string().as_str(), server.as_str()), (fields[5], fields[6]));
}
