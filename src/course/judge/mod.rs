//! `wachat judge`: grades a server or a client of the protocol, whoever wrote it and in whichever language.
//!
//! - `tests/*.txt`: the tests of servers, a file a group, as transcripts. They are the tables of wachat's own protocol
//!   tests, too. `clients/*.txt`: those of clients.
//! - `script`: from the text of such a file to tests. `step`: a line of it, parsed. `pattern`: compares a line that came
//!   with one that was expected.
//! - `play`: plays the steps of one test against a server. `expect`: what has to come. `crash`: traffic across restarts.
//! - `client`: plays the steps of one test against a client.
//! - `time_line`: what was sent and came. `report`: the result for people. `export`: the same as JSON and JUnit.
//!   `points`: what each group is worth.
//!
//! Each test has users of its own, so tests run side by side, and on a server that others use meanwhile.

pub mod client;
mod crash;
mod expect;
pub mod export;
pub mod pattern;
mod play;
pub mod points;
pub mod report;
pub mod script;
mod server;
pub mod step;
mod time_line;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

pub use script::{Group, Side, Test};
pub use server::Server;
use step::Steps;
pub use time_line::{EventKind, Failure, LogEntry};

#[derive(Clone, Debug)]
pub enum Verdict {
    Passed,
    Failed(Box<Failure>),
    /// It needs something that was not given, such as a command that restarts the server.
    Skipped(String),
}

impl From<Result<(), Box<Failure>>> for Verdict {
    fn from(result: Result<(), Box<Failure>>) -> Self {
        result.map_or_else(Self::Failed, |()| Self::Passed)
    }
}

#[derive(Clone, Debug)]
pub struct Outcome {
    pub test: &'static Test,
    pub verdict: Verdict,
    pub time: Duration,
}

/// Plays tests against a server; `tell` is called with each result as soon as it exists. Tests that restart the server
/// come last, one after another.
pub fn run(server: &Server, tests: &[&'static Test], tell: impl Fn(&Outcome) + Sync) -> Vec<Outcome> {
    let play = |test: &Test| match &test.steps {
        _ if test.restarts() && server.restart.is_none() => Verdict::Skipped("it needs --restart COMMAND".to_owned()),
        Steps::Server(steps) => play::play(server, steps).into(),
        Steps::Client(_) => Verdict::Skipped("it is a test of clients".to_owned()),
    };
    run_all(server.players, tests, play, tell)
}

fn run_all(
    players: usize,
    tests: &[&'static Test],
    play: impl Fn(&'static Test) -> Verdict + Sync,
    tell: impl Fn(&Outcome) + Sync,
) -> Vec<Outcome> {
    let (last, first): (Vec<_>, Vec<_>) = tests.iter().copied().partition(|test| test.restarts());
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new(Vec::new());
    let judge = |test: &'static Test| {
        let begin = Instant::now();
        let outcome = Outcome { test, verdict: play(test), time: begin.elapsed() };
        tell(&outcome);
        outcomes.lock().push(outcome);
    };
    thread::scope(|scope| {
        for _ in 0..players.max(1) {
            scope.spawn(|| {
                while let Some(test) = first.get(next.fetch_add(1, Ordering::Relaxed)) {
                    judge(test);
                }
            });
        }
    });
    for test in last {
        judge(test);
    }
    let mut outcomes = outcomes.into_inner();
    outcomes.sort_by_key(|outcome| outcome.test.number);
    outcomes
}
