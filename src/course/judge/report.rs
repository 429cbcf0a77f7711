//! The result for people: what to fix first, a line a test, and for each failure what was sent, what was expected and what
//! came. Failures that look the same are told once.

use std::fmt::Write as _;

use super::causes::{Cause, Place, causes, place};
use super::points::Points;
use super::{Failure, Outcome, Side, Test, Verdict, script};
use crate::course::wire::shorten;

/// Most entries of a time line that are shown: the last ones.
const MOMENTS: usize = 30;

/// Returns what is to be fixed first, and the results in the order of the tests.
pub fn results(outcomes: &[Outcome]) -> String {
    let causes = causes(outcomes);
    let mut text = String::new();
    if let Some(first) = causes.first() {
        let Test { name, title, .. } = first.first.test;
        text = format!("Fix this first: {name}, {title}\n{}\n", details(first.first, &likewise(first)));
    }
    for outcome in outcomes {
        text += &result(outcome, &causes);
    }
    text
}

/// Returns the lines about one test among others: its details, unless they stand elsewhere.
fn result(outcome: &Outcome, causes: &[Cause<'_>]) -> String {
    match place(outcome, causes) {
        None => line(outcome, ""),
        Some(Place::FixFirst) => line(outcome, ": see above"),
        Some(Place::As(test)) => line(outcome, &format!(": as {}", test.name)),
        Some(Place::First(cause)) => line(outcome, "") + &details(outcome, &likewise(cause)),
    }
}

/// Returns the lines about one test by itself.
pub fn outcome(outcome: &Outcome) -> String {
    line(outcome, "") + &details(outcome, "")
}

/// Returns the line of a test. `more`: the end of it, if it has failed.
fn line(outcome: &Outcome, more: &str) -> String {
    let Outcome { test, verdict, time, .. } = outcome;
    let width = if test.steps.side() == Side::Client { 20 } else { 15 };
    let begin = |word: &str| format!("{word:7} {:width$} {}", test.name, test.title);
    let seconds = time.as_secs_f64();
    match verdict {
        Verdict::Passed => {
            let remark = outcome.remark().map_or(String::new(), |remark| format!(": {remark}"));
            format!("{} ({seconds:.1} s){remark}\n", begin("passed"))
        }
        Verdict::Skipped(why) => format!("{}: {why}\n", begin("skipped")),
        Verdict::Absent(why) => format!("{}: {why}\n", begin("absent")),
        Verdict::Failed(_) => format!("{} ({seconds:.1} s){more}\n", begin("FAILED")),
    }
}

/// Returns a line about the tests that fail in the same way as the first of them.
fn likewise(cause: &Cause<'_>) -> String {
    let names: Vec<_> = cause.others.iter().map(|other| &*other.test.name).collect();
    match names.len() {
        0 => String::new(),
        1 => format!("    likewise  {} fails in the same way\n", names.concat()),
        count => format!("    likewise  {count} more tests fail in the same way: {}\n", names.join(", ")),
    }
}

fn details(outcome: &Outcome, likewise: &str) -> String {
    let Some(Failure { step, expected, came, moments }) = outcome.failure() else { return String::new() };
    let Test { section, clause, usual, .. } = outcome.test;
    let mut text = String::new();
    // Writing to a String does not fail.
    let _ = writeln!(text, "    protocol, section {section}: \"{clause}\"");
    if !step.ends_with(expected) {
        let _ = writeln!(text, "    step      {}", shorten(step));
    }
    let _ = writeln!(text, "    expected  {}\n    came      {came}", shorten(expected));
    let _ = writeln!(text, "    usually   {usual}");
    text += likewise;
    let hidden = moments.len().saturating_sub(MOMENTS);
    if hidden > 0 {
        let _ = writeln!(text, "              … {hidden} earlier entries");
    }
    moments.iter().skip(hidden).for_each(|moment| _ = writeln!(text, "    {moment}"));
    text
}

/// Returns a table of the groups, with their points.
pub fn summary(outcomes: &[Outcome], points: &Points) -> String {
    let width = if outcomes.iter().any(|outcome| outcome.test.steps.side() == Side::Client) { 18 } else { 13 };
    let mut text = format!("\n{:width$} {:>6} {:>6} {:>7} {:>9}\n", "group", "passed", "failed", "skipped", "points");
    let mut got = 0.0;
    let mut most = 0.0;
    for group in script::groups() {
        let count = |is: fn(&Verdict) -> bool| {
            outcomes.iter().filter(|outcome| outcome.test.group == group.name && is(&outcome.verdict)).count()
        };
        let passed = count(|verdict| matches!(verdict, Verdict::Passed));
        let failed = count(|verdict| matches!(verdict, Verdict::Failed(_)));
        let skipped = count(|verdict| matches!(verdict, Verdict::Skipped(_)));
        if passed + failed + skipped == 0 {
            continue;
        }
        let (has, of) = points.of(group.name, outcomes);
        (got, most) = (got + has, most + of);
        let _ = writeln!(text, "{:width$} {passed:6} {failed:6} {skipped:7} {has:4.1}/{of:4.1}", group.name);
    }
    let _ = writeln!(text, "{:width$} {:6} {:6} {:7} {got:4.1}/{most:4.1}", "all", "", "", "");
    text
}
