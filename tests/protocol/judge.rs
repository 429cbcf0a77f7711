//! The transcripts of `wachat judge` (`src/course/judge/tests`), played against our own server. What they test has no other
//! test here.

use std::time::Duration;

use wachat::course::judge::{self, Server, Side, Verdict, report, script};

use crate::support::World;

#[test]
fn our_server_passes_the_transcripts_of_the_judge() {
    // The default, which the judge goes by.
    let world = World::new(&["--timeout", "10"]);
    let patience = Duration::from_secs(10);
    let server = Server { send: world.send, recv: world.recv, patience, players: 8, once: true, restart: None };
    let tests: Vec<_> = script::all().filter(|test| test.steps.side() == Side::Server && !test.restarts()).collect();
    let outcomes = judge::run(&server, &tests, |_| {});
    assert_eq!(outcomes.len(), tests.len());
    let failed = outcomes.iter().filter(|outcome| !matches!(outcome.verdict, Verdict::Passed));
    let failed: Vec<_> = failed.map(report::outcome).collect();
    assert!(failed.is_empty(), "{}", failed.concat());
}
