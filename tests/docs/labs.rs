//! The sessions of the labs, played with the real programs. The Spanish pages have the same blocks (`course::labs`).

use crate::docs::chaos;
use crate::docs::machine::Machine;
use crate::docs::sessions::{play_in_a_shell, play_nc, stop, stop_traced};

/// The pages of the labs.
pub const PAGES: [&str; 10] = [
    "examples/labs/README.md",
    "examples/labs/instructor.md",
    SPEAK,
    "examples/labs/en/2-framing.md",
    "examples/labs/en/3-client.md",
    "examples/labs/en/4-server.md",
    RETRIES,
    "examples/labs/en/6-durable-log.md",
    CLOCKS,
    ROOM,
];
const SPEAK: &str = "examples/labs/en/1-speak.md";
const RETRIES: &str = "examples/labs/en/5-retries.md";
const CLOCKS: &str = "examples/labs/en/7-clocks.md";
const ROOM: &str = "examples/labs/en/8-room.md";

/// Plays blocks for nc on a server with an empty store.
fn play_by_hand(serve: &str, page: &str, blocks: &[&str]) {
    let mut machine = Machine::new();
    machine.serve(serve, 0);
    let [send, recv] = machine.ports().clone();
    blocks.iter().for_each(|block| play_nc(page, block, [("1666", &send), ("1999", &recv)]));
    stop(&mut machine);
}

#[test]
fn the_sessions_by_hand_look_as_the_labs_show_them() {
    play_by_hand("wachat serve --data lab1 --timeout 300", SPEAK, &["nc", "mistakes"]);
    play_by_hand("wachat serve --data lab8", ROOM, &["nc"]);
}

#[test]
fn the_proxy_of_the_lab_says_what_it_shows() {
    chaos::play(RETRIES);
}

#[test]
fn the_trace_of_the_lab_looks_as_it_shows() {
    let mut machine = Machine::new();
    play_in_a_shell(&mut machine, CLOCKS, "trace");
    stop_traced(&mut machine);
    play_in_a_shell(&mut machine, CLOCKS, "diagram");
}
