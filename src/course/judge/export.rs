//! The result for programs: a JSON object a test, and JUnit's XML for a build server.

use std::fmt::Write as _;

use serde::Serialize;

use super::causes::{Place, causes, place};
use super::{Outcome, Verdict, report};
use crate::text::escape_xml;

#[derive(Serialize)]
struct Line<'a> {
    test: &'a str,
    group: &'a str,
    title: &'a str,
    section: &'a str,
    clause: &'a str,
    result: &'a str,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    came: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usual: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    moments: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remark: Option<String>,
    #[serde(skip_serializing_if = "is_false")]
    fix_first: bool,
    /// The test whose failure looks the same.
    #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
    same_as: Option<&'a str>,
}

/// Returns whether serde leaves a field out: it passes a reference.
fn is_false(value: &bool) -> bool {
    !value
}

/// Returns the results as JSON objects, one a line, in the order of the tests.
pub fn json(outcomes: &[Outcome]) -> String {
    let causes = causes(outcomes);
    outcomes.iter().map(|outcome| json_line(outcome, place(outcome, &causes)) + "\n").collect()
}

fn json_line(outcome: &Outcome, place: Option<Place<'_>>) -> String {
    let Outcome { test, verdict, time, .. } = outcome;
    let failure = outcome.failure();
    let line = Line {
        test: &test.name,
        group: test.group,
        title: test.title,
        section: &test.section,
        clause: test.clause,
        result: match verdict {
            Verdict::Passed => "passed",
            Verdict::Failed(_) => "failed",
            Verdict::Skipped(_) => "skipped",
            Verdict::Absent(_) => "absent",
        },
        seconds: time.as_secs_f64(),
        step: failure.map(|failure| &*failure.step),
        expected: failure.map(|failure| &*failure.expected),
        came: failure.map(|failure| &*failure.came),
        usual: failure.map(|_| test.usual),
        moments: failure.map_or(Vec::new(), |failure| failure.moments.iter().map(ToString::to_string).collect()),
        remark: outcome.remark(),
        fix_first: matches!(place, Some(Place::FixFirst)),
        same_as: match place {
            Some(Place::As(test)) => Some(&test.name),
            _ => None,
        },
    };
    // Texts and numbers are always JSON.
    serde_json::to_string(&line).unwrap_or_default()
}

/// Returns the results as a JUnit file.
pub fn junit(outcomes: &[Outcome]) -> String {
    let failed = outcomes.iter().filter(|outcome| outcome.failure().is_some()).count();
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a String does not fail.
    let _ = writeln!(xml, "<testsuite name=\"wachat judge\" tests=\"{}\" failures=\"{failed}\">", outcomes.len());
    for outcome in outcomes {
        let Outcome { test, verdict, time, .. } = outcome;
        let name = escape_xml(&format!("{} {}", test.name, test.title));
        let _ =
            write!(xml, "  <testcase classname=\"{}\" name=\"{name}\" time=\"{:.3}\"", test.group, time.as_secs_f64());
        let _ = match verdict {
            Verdict::Passed => match outcome.remark() {
                None => writeln!(xml, "/>"),
                Some(remark) => writeln!(xml, "><system-out>{}</system-out></testcase>", escape_xml(&remark)),
            },
            Verdict::Skipped(why) | Verdict::Absent(why) => {
                writeln!(xml, "><skipped message=\"{}\"/></testcase>", escape_xml(why))
            }
            Verdict::Failed(failure) => {
                let message = escape_xml(&failure.came);
                let text = escape_xml(&report::outcome(outcome));
                writeln!(xml, "><failure message=\"{message}\">{text}</failure></testcase>")
            }
        };
    }
    xml + "</testsuite>\n"
}
