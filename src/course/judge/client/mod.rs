//! `wachat judge --client`: the judge plays the server, and grades a client that somebody else wrote.
//!
//! - `../clients/*.txt`: the tests, in the language of [`super::script`].
//! - `play`: plays the steps of one test. `expect`: what has to come. `program`: the client, which is started, killed and started again.
//! - `stage`: what the threads of a test share. `held`: its requests that wait for a step. `connection`: one connection of the client; `request`: a line of it.
//! - `mailbox`: a small honest server in memory. It answers every request that no step answers, so a client may ask for
//!   more than a test is about.

mod connection;
mod expect;
mod held;
mod mailbox;
mod play;
mod program;
mod request;
mod stage;

use std::time::Duration;

use super::{Outcome, Test, run_all};

/// A client under test.
#[derive(Clone, Debug)]
pub struct Client {
    /// The command that starts it: `sh -c COMMAND`.
    pub command: String,
    /// Longest wait for something that has to come.
    pub patience: Duration,
    /// Number of tests that are played side by side, each with a client of its own.
    pub players: usize,
}

/// Plays tests against a client; `tell` is called with each result as soon as it is there.
pub fn run(client: &Client, tests: &[&'static Test], tell: impl Fn(&Outcome) + Sync) -> Vec<Outcome> {
    run_all(client.players, tests, |test| play::play(client, test), tell)
}
