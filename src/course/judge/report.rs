//! The result for people: a line a test, and for each failure what was sent, what was expected and what came.

use std::fmt::Write as _;

use super::points::Points;
use super::{Failure, Outcome, Side, Test, Verdict, script};
use crate::course::wire::shorten;

/// Most entries of a time line that are shown: the last ones.
const MOMENTS: usize = 30;

/// Returns the lines about one test.
pub fn outcome(outcome: &Outcome) -> String {
    let Outcome { test, verdict, time } = outcome;
    let width = if test.steps.side() == Side::Client { 20 } else { 15 };
    let line = |word: &str| format!("{word:7} {:width$} {} ({:.1} s)\n", test.name, test.title, time.as_secs_f64());
    match verdict {
        Verdict::Passed => line("passed"),
        Verdict::Skipped(why) => format!("skipped {:width$} {}: {why}\n", test.name, test.title),
        Verdict::Failed(failure) => line("FAILED") + &details(test, failure),
    }
}

fn details(test: &Test, failure: &Failure) -> String {
    let Failure { step, expected, came, moments } = failure;
    let mut text = String::new();
    let Test { section, clause, usual, .. } = test;
    // Writing to a String does not fail.
    let _ = writeln!(text, "    protocol, section {section}: \"{clause}\"");
    if !step.ends_with(expected) {
        let _ = writeln!(text, "    step      {}", shorten(step));
    }
    let _ = writeln!(text, "    expected  {}\n    came      {came}", shorten(expected));
    let _ = writeln!(text, "    usually   {usual}");
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
