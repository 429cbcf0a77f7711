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

pub use program::Client;

use super::step::Steps;
use super::{Outcome, Test, Verdict, run_all};

/// Plays tests against a client; `tell` is called with each result as soon as it exists.
pub fn run(client: &Client, tests: &[&'static Test], tell: impl Fn(&Outcome) + Sync) -> Vec<Outcome> {
    let play = |test: &Test| match &test.steps {
        Steps::Client(steps) => play::play(client, steps).map_or_else(Verdict::Skipped, Verdict::from),
        Steps::Server(_) => Verdict::Skipped("it is a test of servers".to_owned()),
    };
    run_all(client.players, client.once, tests, play, || {}, tell)
}
