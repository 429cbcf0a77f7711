//! Figures of the framing of WebSockets beside plain lines: the time to an OK, and the memory of a user who waits.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use crate::memory::{name, register, wait};
use crate::support::PASSWORD;
use crate::support::process::Process;
use crate::support::web::{Web, world_with_web};
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
    register(&world, 2 * users);
    let process = Process::of(world.pid());
    let (_plain, over_lines) = measure_each(&process, 0..users, |user| wait(&world, user));
    // The same over a WebSocket: sessions of users who have no other.
    let login = |user| format!("LOGIN:{}:{PASSWORD}", name(user));
    let (_framed, over_frames) = measure_each(&process, users..2 * users, |user| wait_framed(web, &login(user)));
    // As the page does it: it has a device, beside the session over lines.
    let login = |user| format!("DEVICE:page:{}:{PASSWORD}", name(user));
    let (_pages, of_pages) = measure_each(&process, 0..users, |user| wait_framed(web, &login(user)));
    println!(
        "memory of a session that waits over a WebSocket: {over_frames:.1} KiB, of a page {of_pages:.1} KiB, \
         over lines {over_lines:.1} KiB"
    );
}

/// Opens a connection for each of these users; returns them, and the KiB that the server needs for one.
fn measure_each<T>(process: &Process, users: Range<usize>, open: impl Fn(usize) -> T) -> (Vec<T>, f64) {
    let count = users.len() as f64;
    let before = process.resident();
    let opened = users.map(open).collect();
    std::thread::sleep(Duration::from_secs(1));
    (opened, process.resident().saturating_sub(before) as f64 / count)
}

/// A session over a WebSocket with a poll that waits as long as one may.
fn wait_framed(web: SocketAddr, login: &str) -> Web {
    let (reply, mut session) = Web::log_in(web, "/recv", login);
    assert!(reply.starts_with("OK;"), "{reply}");
    session.say("POLL;0;299");
    session
}
