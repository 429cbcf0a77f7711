//! What further devices of a recipient cost: messages a second, and memory.

use std::time::Duration;

use crate::memory::{name, register};
use crate::support::process::Process;
use crate::support::{Connection, PASSWORD, World};
use crate::{size, timed};

/// Messages that are in flight.
const WINDOW: usize = 16;

/// Opens the session of a device; returns the number with which it begins.
fn open(world: &World, device: usize, user: &str) -> (u64, Connection) {
    let (reply, session) = Connection::open_with(world.recv, &format!("DEVICE:d{device}:{user}:{PASSWORD}"));
    let number = reply.split(';').nth(3).and_then(|number| number.parse().ok());
    (number.unwrap_or_else(|| panic!("{reply}")), session)
}

#[test]
#[ignore = "a figure: run it in release mode, on a quiet machine"]
fn messages_a_second_with_devices() {
    let count = size("WACHAT_DEVICE_MESSAGES", 10_000);
    let mut alone = 0.0;
    for devices in [1, 2, 8] {
        let rate = rate(devices, count);
        if devices == 1 {
            alone = rate;
        }
        println!("{devices} devices of a recipient: {rate:.0} messages a second, {:.2} of that with one", rate / alone);
    }
}

/// Sends messages to a user all of whose devices take them; returns how many a second.
fn rate(devices: usize, count: usize) -> f64 {
    let world = World::new(&["--no-limits", "--no-lobby"]);
    let mut ana = world.register("ana");
    drop(world.register("bea"));
    let sessions: Vec<_> = (0..devices).map(|device| open(&world, device, "bea")).collect();
    let ((), time) = timed(|| {
        std::thread::scope(|scope| {
            for (begin, mut session) in sessions {
                scope.spawn(move || {
                    let mut last = begin;
                    let mut taken = 0;
                    while taken < count {
                        let events = session.list(&format!("POLL;{last};9;1000"));
                        taken += events.len();
                        let number = events.last().and_then(|event| event.split(';').next());
                        last = number.and_then(|number| number.parse().ok()).unwrap_or(last);
                    }
                    assert_eq!(session.request(&format!("POLL;{last};0")), "OK;0");
                });
            }
            send(&mut ana, count);
        });
    });
    count as f64 / time.as_secs_f64()
}

fn send(ana: &mut Connection, count: usize) {
    let text = "x".repeat(100);
    let read = |ana: &mut Connection| assert!(ana.read_line().starts_with("OK;m-"));
    for id in 0..count {
        ana.send(format!("SEND;m-{id};bea;{text}\n"));
        if id >= WINDOW {
            read(ana);
        }
    }
    (0..WINDOW.min(count)).for_each(|_| read(ana));
}

#[test]
#[ignore = "a figure: run it in release mode, on a quiet machine"]
fn memory_of_a_waiting_device() {
    let users = size("WACHAT_IDLE_USERS", 300);
    let world = World::new(&["--timeout", "300", "--no-limits"]);
    register(&world, users);
    let process = Process::of(world.pid());
    let mut before = process.resident();
    let mut waiting = Vec::new();
    for device in 0..2 {
        waiting.extend((0..users).map(|user| {
            let (number, mut session) = open(&world, device, &name(user));
            session.send(format!("POLL;{number};299\n"));
            session
        }));
        std::thread::sleep(Duration::from_secs(1));
        let after = process.resident();
        let each = after.saturating_sub(before) as f64 / users as f64;
        println!("memory of a waiting device, the {}. of its user: {each:.1} KiB", device + 1);
        before = after;
    }
}
