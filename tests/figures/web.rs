//! Figures of the framing of WebSockets beside plain lines: the time to an OK, and the memory of a user who waits.

use std::time::Duration;

use crate::memory::{name, register, wait};
use crate::support::process::Process;
use crate::support::web::{Web, world_with_web};
use crate::support::{Connection, PASSWORD};
use crate::{median, milliseconds, size, timed};

/// Messages of each way; the two ways take turns, so that both see the same machine.
const SENDS: usize = 2_000;

#[test]
#[ignore = "a figure: run it in release mode, on a quiet machine"]
fn latency_of_an_ok_over_a_web_socket() {
    let (world, web) = world_with_web(&["--no-limits"]);
    let mut plain = world.register("ana");
    drop(world.register("eva"));
    drop(world.register("bea"));
    let (_, mut framed) = Web::log_in(web, "/send", &format!("LOGIN:eva:{PASSWORD}"));
    let text = "x".repeat(100);
    let mut times: [Vec<Duration>; 2] = [Vec::new(), Vec::new()];
    for id in 0..SENDS {
        let line = format!("SEND;m-{id};bea;{text}");
        let (replies, [over_lines, over_frames]) = {
            let (first, first_time) = timed(|| plain.request(&line));
            let (second, second_time) = timed(|| framed.ask(&line));
            ([first, second], [first_time, second_time])
        };
        assert!(replies.iter().all(|reply| reply.starts_with(&format!("OK;m-{id};RECEIVED;"))), "{replies:?}");
        times[0].push(over_lines);
        times[1].push(over_frames);
    }
    let [lines, frames] = times.each_mut().map(|times| milliseconds(median(times)));
    println!(
        "latency of an OK, one in flight: over a WebSocket {frames:.2} ms (median), {:.2} times that over lines",
        frames / lines
    );
}

#[test]
#[ignore = "a figure: run it in release mode, on a quiet machine"]
fn memory_of_a_page_that_waits() {
    let users = size("WACHAT_IDLE_USERS", 500);
    let (world, web) = world_with_web(&["--timeout", "300", "--no-limits"]);
    register(&world, users);
    let process = Process::of(world.pid());
    let each = |before: u64| process.resident().saturating_sub(before) as f64 / users as f64;
    let before = process.resident();
    let plain: Vec<Connection> = (0..users).map(|user| wait(&world, user)).collect();
    std::thread::sleep(Duration::from_secs(1));
    let over_lines = each(before);
    let before = process.resident();
    let framed: Vec<Web> = (0..users)
        .map(|user| {
            let (reply, mut page) = Web::log_in(web, "/recv", &format!("DEVICE:page:{}:{PASSWORD}", name(user)));
            assert!(reply.starts_with("OK;"), "{reply}");
            page.say("POLL;0;299");
            page
        })
        .collect();
    std::thread::sleep(Duration::from_secs(1));
    let over_frames = each(before);
    println!("memory of a page that waits: {over_frames:.1} KiB; of a session over lines {over_lines:.1} KiB");
    drop((plain, framed));
}
