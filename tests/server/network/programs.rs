//! Programs of the protocol that try again at once, each seeing what it sees: judged by the checker
//! while it goes on.

use super::runs::{self, Run};
use crate::support::traffic::Traffic;

const RUNS: u64 = 160;

/// Number of messages that are accepted before the network is well again.
const MESSAGES: u64 = 60;

#[test]
fn promises_hold_through_160_bad_networks() {
    runs::play(0..RUNS, 32, |seed, world| {
        let users = ["ana", "luis"].map(|name| &*format!("{name}{seed}").leak());
        users.iter().for_each(|user| drop(world.register(user)));
        let run = Run::start(seed, world, u64::MAX);
        let traffic = Traffic::start(users.to_vec().leak(), run.proxy.addresses());
        traffic.wait_for_messages(MESSAGES);
        run.proxy.heal();
        traffic.finish();
        run.finish()
    });
}
