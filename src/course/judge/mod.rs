//! `wachat judge`: grades a server or a client of the protocol, whoever wrote it and in whichever language.
//!
//! - `tests/*.txt`: the tests of servers, a file a group, as transcripts. They are the tables of wachat's own protocol
//!   tests, too. `clients/*.txt`: those of clients.
//! - `script`: from the text of such a file to tests. `step`: a line of it, parsed. `pattern`: compares a line that came
//!   with one that was expected.
//! - `play`: plays the steps of one test against a server. `expect`: what has to come. `crash`: traffic across restarts.
//! - `client`: plays the steps of one test against a client.
//! - `time_line`: what was sent and came. `outcome`: the result of a test. `causes`: failures that look the same, and which to
//!   fix first. `report`: the results for people. `export`: the same as JSON and JUnit. `points`: what each group is worth.
//!
//! Each test has users, rooms and message ids of its own, so tests run side by side, and on a server that others use
//! meanwhile. A server that confuses the ids of its users fails the test of that alone.

mod causes;
pub mod client;
mod crash;
mod expect;
pub mod export;
pub mod outcome;
pub mod pattern;
mod play;
pub mod points;
pub mod report;
pub mod script;
mod server;
pub mod step;
mod time_line;

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use parking_lot::Mutex;

pub use outcome::{Outcome, Verdict};
pub use script::{Group, Side, Test};
pub use server::Server;
use step::Steps;
pub use time_line::{EventKind, Failure, LogEntry};

/// Plays tests against a server; `tell` is called with each result as soon as it counts.
pub fn run(server: &Server, tests: &[&'static Test], tell: impl Fn(&Outcome) + Sync) -> Vec<Outcome> {
    let has_devices = LazyLock::new(|| server.has_devices());
    let has_permits = LazyLock::new(|| server.has_permits());
    let has_erase = LazyLock::new(|| server.has_erase());
    let has_owners = LazyLock::new(|| server.has_owners());
    let reserves_names = LazyLock::new(|| server.reserves_names());
    let play = |test: &Test| match &test.steps {
        _ if test.is_of_devices() && !*has_devices => {
            Verdict::Absent("the server has no devices: it answers DEVICE with SYNTAX".to_owned())
        }
        _ if test.is_of_calls() && !*has_permits => {
            Verdict::Absent("the server has no permits: it answers PERMIT with SYNTAX".to_owned())
        }
        _ if test.is_of_erasing() && !*has_erase => {
            Verdict::Absent("the server takes no messages back: it answers ERASE with SYNTAX".to_owned())
        }
        _ if test.is_of_owners() && !*has_owners => {
            Verdict::Absent("the server has no rooms with owners: it answers TOPIC with SYNTAX".to_owned())
        }
        _ if test.is_of_names() && !*reserves_names => {
            Verdict::Absent("the server reserves no names: it answers a REGISTER of wachat with PASSWORD".to_owned())
        }
        _ if test.restarts() && server.restart.is_none() => Verdict::Skipped("it needs --restart COMMAND".to_owned()),
        Steps::Server(steps) => play::play(server, steps).into(),
        Steps::Client(_) => Verdict::Skipped("it is a test of clients".to_owned()),
    };
    run_all(server.players, server.once, tests, play, || crash::revive(server), tell)
}

/// Plays tests side by side. A failure counts only if the test was alone: one that has failed beside others is played
/// again when they have ended, unless each is played `once`. Tests that restart the server, or that
/// are about what clients do to each other, come last, one after another.
/// `prepare` is called before each test that is played again. Returns the results in the order of the tests.
fn run_all(
    players: usize,
    once: bool,
    tests: &[&'static Test],
    play: impl Fn(&'static Test) -> Verdict + Sync,
    prepare: impl Fn(),
    tell: impl Fn(&Outcome) + Sync,
) -> Vec<Outcome> {
    let judge = |test: &'static Test| {
        let begin = Instant::now();
        Outcome::new(test, play(test), begin.elapsed())
    };
    let (last, first): (Vec<_>, Vec<_>) = tests.iter().copied().partition(|test| test.alone || test.restarts());
    let is_beside = !once && players.min(first.len()) > 1;
    let counts = |outcome: &Outcome| !is_beside || outcome.failure().is_none();
    let played = play_side_by_side(players, &first, |test| {
        let outcome = judge(test);
        if counts(&outcome) {
            tell(&outcome);
        }
        outcome
    });
    let (mut outcomes, failed): (Vec<_>, Vec<_>) = played.into_iter().partition(counts);
    let again = failed.into_iter().map(|before| {
        prepare();
        judge(before.test).after(before.verdict)
    });
    for outcome in again.chain(last.into_iter().map(judge)) {
        tell(&outcome);
        outcomes.push(outcome);
    }
    outcomes.sort_by_key(|outcome| outcome.test.number);
    outcome::hold_points_back(&mut outcomes);
    outcomes
}

/// Plays tests, as many at the same time as there are players.
fn play_side_by_side(
    players: usize,
    tests: &[&'static Test],
    judge: impl Fn(&'static Test) -> Outcome + Sync,
) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..players.max(1) {
            scope.spawn(|| {
                while let Some(test) = tests.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = judge(test);
                    outcomes.lock().push(outcome);
                }
            });
        }
    });
    let mut outcomes = outcomes.into_inner();
    outcomes.sort_by_key(|outcome| outcome.test.number);
    outcomes
}
