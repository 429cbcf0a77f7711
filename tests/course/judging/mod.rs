//! The judge itself: what its steps send, accept and refuse, and what it says then. Its tests are played against a
//! small server, or a small client, that does as the protocol says but for one thing.

mod client_answers;
mod client_program;
mod client_requests;
mod client_server;
mod command;
mod crashes;
mod events;
mod expectations;
mod patterns;
mod puppet;
mod reports;
mod runs;
mod scripts;
pub mod small_server;
mod steps;

use std::thread;
use std::time::Duration;

use regex_lite::Regex;
use wachat::course::judge::script::{Side, Test};
use wachat::course::judge::step::Steps;
use wachat::course::judge::{self, Outcome, Server, Verdict, report};

/// Returns a test of these steps, one a line.
pub fn test(side: Side, steps: &str) -> &'static Test {
    let mut parsed = Steps::new(side);
    for line in steps.lines().map(str::trim).filter(|line| !line.is_empty()) {
        parsed.add(Box::leak(line.to_owned().into_boxed_str())).expect(line);
    }
    let group = if side == Side::Server { "framing" } else { "client-framing" };
    Box::leak(Box::new(Test {
        number: 1,
        name: format!("{group}-1"),
        group,
        title: "A title",
        clause: "a clause",
        section: "5".to_owned(),
        usual: "What is usual.",
        needs: None,
        alone: false,
        steps: parsed,
    }))
}

/// Plays steps against a server.
pub fn play(server: &Server, steps: &str) -> Outcome {
    judge::run(server, &[test(Side::Server, steps)], |_| {}).remove(0)
}

/// Content of a failure: the step, what was expected, what came, and the time line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub step: String,
    pub expected: String,
    pub came: String,
    pub moments: Vec<String>,
}

/// Returns what a failure says, without the ends of names and the times.
#[track_caller]
pub fn failure(outcome: &Outcome) -> Said {
    let Verdict::Failed(failure) = &outcome.verdict else { panic!("it did not fail: {:?}", outcome.verdict) };
    let moments = failure.moments.iter().map(|moment| plain(&moment.to_string())).collect();
    let [step, expected, came] = [&failure.step, &failure.expected, &failure.came].map(|text| plain(text));
    Said { step, expected, came, moments }
}

#[track_caller]
pub fn assert_passed(outcome: &Outcome, why: &str) {
    assert!(matches!(outcome.verdict, Verdict::Passed), "{why}: {}", report::outcome(outcome));
}

/// Returns a text without what differs from run to run: the ends of names, and the seconds of a time line.
pub fn plain(text: &str) -> String {
    let changes = [
        (r"(?m)^( *)\d+\.\d{3} ", "0.000 "),
        (r"\(\d+\.\d s\)", "(0.0 s)"),
        (r"\b(Ana|ana|luis|eva|sala|any|new|m)-[0-9a-f]{1,8}-\d+", "$1"),
        (r"it after [0-9.]+[mµn]?s\b", "it after a while"),
    ];
    changes
        .iter()
        .fold(text.to_owned(), |text, (old, new)| Regex::new(old).unwrap().replace_all(&text, *new).into_owned())
}

/// Waits of the judge: for a line that comes, however busy the machine is, and for one that does not.
pub const LONG: Duration = Duration::from_secs(30);
pub const SHORT: Duration = Duration::from_millis(1500);

/// The same where a client has to start before.
pub const START: Duration = Duration::from_secs(3);

/// Checks all cases at the same time: most of their time is waiting.
pub fn side_by_side<T: Sync>(cases: &[T], check: impl Fn(&T) + Sync) {
    let check = &check;
    thread::scope(|scope| cases.iter().for_each(|case| _ = scope.spawn(move || check(case))));
}
