//! `wachat judge`: grades a server or a client of the protocol, whoever wrote it and in whichever language.
//!
//! - `tests/*.txt`: the tests of servers, a file a group, as transcripts. They are the tables of wachat's own protocol
//!   tests, too. `clients/*.txt`: those of clients.
//! - `script`: from the text of such a file to tests. `pattern`: compares a line that came with one that was expected.
//! - `play`: plays the steps of one test against a server. `expect`: what has to come. `wire`: a connection that does what a test wants.
//! - `client`: plays the steps of one test against a client.
//! - `report`: the result for people. `export`: the same as JSON and JUnit. `points`: what each group is worth.
//!
//! Each test has users of its own, so tests run side by side, and on a server that others use meanwhile.

pub mod client;
pub mod crash;
mod expect;
pub mod export;
pub mod pattern;
pub mod play;
pub mod points;
pub mod report;
pub mod script;
mod wire;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

pub use play::{Failure, LogEntry};
pub use script::{Group, Side, Test};
use wire::{Came, Wire};

/// Longest wait for the answer that tells TLS. Another server need not answer.
const TLS_ANSWER: Duration = Duration::from_secs(1);

/// A server under test.
#[derive(Clone, Debug)]
pub struct Server {
    pub send: SocketAddr,
    pub recv: SocketAddr,
    /// Longest wait for a line that has to come.
    pub patience: Duration,
    /// Number of tests that are played side by side. Most of their time is waiting.
    pub players: usize,
    /// The command that kills the server and starts it again.
    pub restart: Option<String>,
}

impl Server {
    /// Checks that the server takes connections, in clear text: a server under TLS fails every test, whatever it does.
    pub fn check(&self) -> Result<(), String> {
        for (address, port) in [(self.send, "SEND"), (self.recv, "RECV")] {
            let wire = Wire::open(address, self.patience).map_err(|error| {
                format!("there is no server at {address}, the {port} port: {error}; start it first")
            })?;
            if has_refused_clear_text(wire) {
                return Err(format!(
                    "the server at {address} speaks TLS, and the judge speaks clear text alone; start it without --tls"
                ));
            }
        }
        Ok(())
    }
}

/// Tells that the answer to a line in clear text is that of a server under TLS (protocol, section 1).
fn has_refused_clear_text(mut wire: Wire) -> bool {
    wire.send(b"QUIT\n");
    matches!(wire.read_within(TLS_ANSWER), Came::Line(line) if line.starts_with("KO;TLS;"))
}

/// The result of one test.
#[derive(Clone, Debug)]
pub enum Verdict {
    Passed,
    Failed(Box<Failure>),
    /// It needs something that was not given, such as a command that restarts the server.
    Skipped(String),
}

/// A test and its result.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub test: &'static Test,
    pub verdict: Verdict,
    pub time: Duration,
}

/// Plays tests against a server; `tell` is called with each result as soon as it is there. Tests that restart the server
/// come last, one after another.
pub fn run(server: &Server, tests: &[&'static Test], tell: impl Fn(&Outcome) + Sync) -> Vec<Outcome> {
    run_all(server.players, tests, |test| play::play(server, test), tell)
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
    last.into_iter().for_each(judge);
    let mut outcomes = outcomes.into_inner();
    outcomes.sort_by_key(|outcome| outcome.test.number);
    outcomes
}
