//! RECV: polls. Acknowledged events are removed; the others come again.

use std::time::{Duration, Instant};

use crate::support::{Connection, World};

fn send(ana: &mut Connection, to: &str, numbers: std::ops::RangeInclusive<u64>) {
    for n in numbers {
        let reply = ana.request(&format!("SEND;m-{n};{to};{n}"));
        assert!(reply.starts_with(&format!("OK;m-{n};")), "{reply}");
    }
}

fn numbers(events: &[String]) -> Vec<u64> {
    events.iter().map(|event| event.split(';').next().and_then(|n| n.parse().ok()).expect("a number")).collect()
}

#[test]
fn a_poll_brings_what_is_above_after_in_order_and_at_most_max() {
    let world = World::without_lobby();
    let mut ana = world.register("ana");
    world.register("luis");
    send(&mut ana, "luis", 1..=150);
    let mut luis = world.session("luis");
    assert_eq!(numbers(&luis.list("POLL;0;0")), (1..=100).collect::<Vec<_>>(), "without max 100");
    assert_eq!(numbers(&luis.list("POLL;0;0;3")), [1, 2, 3]);
    assert_eq!(numbers(&luis.list("POLL;0;0;1000")), (1..=150).collect::<Vec<_>>());
    assert_eq!(numbers(&luis.list("POLL;148;0")), [149, 150]);
    assert_eq!(luis.list("POLL;149;0;1"), luis.list("POLL;149;0;1"), "the same again, until it is acknowledged");
    assert_eq!(luis.request("POLL;150;0"), "OK;0");
}

#[test]
fn acknowledged_events_are_not_sent_again_for_any_after() {
    let mut world = World::without_lobby();
    let mut ana = world.register("ana");
    world.register("luis");
    send(&mut ana, "luis", 1..=3);
    let mut luis = world.session("luis");
    assert_eq!(numbers(&luis.poll(2, 0)), [3]);
    assert_eq!(numbers(&luis.poll(0, 0)), [3], "1 and 2 were let go by the poll before");
    // An acknowledgement is synced with the next request that waits for a sync, or a moment later.
    send(&mut ana, "luis", 4..=4);
    world.kill().start();
    assert_eq!(numbers(&world.session("luis").poll(0, 0)), [3, 5], "also after a crash (4 is a STATE)");
}

#[test]
fn unacknowledged_events_come_again_under_the_same_numbers() {
    let mut world = World::without_lobby();
    let mut ana = world.register("ana");
    world.register("luis");
    send(&mut ana, "luis", 1..=3);
    let mut luis = world.session("luis");
    let first = luis.poll(0, 0);
    assert_eq!(numbers(&first), [1, 2, 3]);
    assert_eq!(luis.poll(0, 0), first, "on the next poll");
    drop(luis);
    assert_eq!(world.session("luis").poll(0, 0), first, "on the next connection");
    world.kill().start();
    assert_eq!(world.session("luis").poll(0, 0), first, "after kill -9");
    world.stop();
    assert_eq!(world.start().session("luis").poll(0, 0), first, "after a clean stop");
}

#[test]
fn poll_star_acknowledges_what_this_connection_was_sent() {
    let world = World::without_lobby();
    let mut ana = world.register("ana");
    world.register("luis");
    send(&mut ana, "luis", 1..=3);
    let mut luis = world.session("luis");
    assert_eq!(numbers(&luis.list("POLL;*;0;2")), [1, 2], "nothing was sent yet: nothing is acknowledged");
    assert_eq!(numbers(&luis.list("POLL;*;0;2")), [3]);
    drop(luis);
    let mut luis = world.session("luis");
    assert_eq!(numbers(&luis.list("POLL;*;0")), [3], "that was sent on another connection");
    assert_eq!(luis.request("POLL;*;0"), "OK;0");
}

#[test]
fn a_poll_waits_for_what_comes_and_is_answered_by_it_at_once() {
    let world = World::without_lobby();
    let mut ana = world.register("ana");
    world.register("luis");
    let mut luis = world.session("luis");
    let begun = Instant::now();
    luis.send("POLL;0\n");
    send(&mut ana, "luis", 1..=1);
    assert_eq!(numbers(&luis.read_list("the poll that waits")), [1]);
    assert!(begun.elapsed() < Duration::from_secs(6), "not when its wait was over: {:?}", begun.elapsed());
}

#[test]
fn a_poll_with_nothing_to_bring_waits_as_long_as_it_says() {
    let world = World::without_lobby();
    world.register("luis");
    let mut luis = world.session("luis");
    let mut asked = |request: &str| {
        let begun = Instant::now();
        assert_eq!(luis.request(request), "OK;0");
        begun.elapsed()
    };
    let at_once = asked("POLL;0;0");
    let one = asked("POLL;0;1");
    assert!(at_once < Duration::from_millis(900), "POLL;0;0 does not wait: {at_once:?}");
    assert!(one >= Duration::from_millis(990) && one < Duration::from_secs(5), "POLL;0;1: {one:?}");
}

#[test]
fn wait_is_one_second_less_than_the_time_out_if_nothing_else_is_said() {
    let world = World::new(&["--timeout", "5"]);
    world.register("luis");
    let mut luis = world.session("luis");
    let begun = Instant::now();
    assert_eq!(luis.request("POLL;0"), "OK;0");
    let waited = begun.elapsed();
    assert!((Duration::from_millis(3_990)..Duration::from_secs(8)).contains(&waited), "{waited:?}");
}

#[test]
fn only_an_acknowledgement_calls_a_message_delivered() {
    let world = World::without_lobby();
    let mut ana = world.register("ana");
    world.register("luis");
    send(&mut ana, "luis", 1..=2);
    let mut luis = world.session("luis");
    luis.poll(0, 0);
    drop(luis);
    let mut luis = world.session("luis");
    assert_eq!(ana.list("STATUS;luis;1"), ["luis;RECEIVED"]);
    luis.poll(1, 0);
    assert_eq!(ana.list("STATUS;luis;1"), ["luis;DELIVERED"]);
    assert_eq!(ana.list("STATUS;luis;2"), ["luis;RECEIVED"]);
}

#[test]
fn read_lets_go_of_no_event() {
    let world = World::without_lobby();
    let mut ana = world.register("ana");
    let mut luis = world.register("luis");
    send(&mut ana, "luis", 1..=1);
    assert_eq!(luis.request("READ;ana;1"), "OK");
    assert_eq!(numbers(&world.session("luis").poll(0, 0)), [1]);
}

#[test]
fn polls_may_be_sent_before_the_replies_are_read() {
    let world = World::without_lobby();
    let mut ana = world.register("ana");
    world.register("luis");
    send(&mut ana, "luis", 1..=3);
    let mut luis = world.session("luis");
    luis.send("POLL;0;0;1\nPOLL;1;0;1\nPING\nPOLL;2;0;1\n");
    assert_eq!(numbers(&luis.read_list("the first")), [1]);
    assert_eq!(numbers(&luis.read_list("the second")), [2]);
    assert_eq!(luis.read_line(), "OK");
    assert_eq!(numbers(&luis.read_list("the last")), [3]);
}

/// A deadline that is left behind by a session that was replaced would wake the router again and again.
#[test]
fn a_server_with_nothing_to_do_uses_no_processor_time() {
    let world = World::new(&["--no-lobby", "--timeout", "5"]);
    world.register("ana");
    let mut old = world.session("ana");
    old.send("POLL;0\n");
    let mut new = world.session("ana");
    assert!(old.read_line().starts_with("KO;REPLACED;"));
    let before = cpu_seconds(world.pid());
    // Until every poll has had its deadline, and two seconds more.
    new.send("POLL;0\n");
    assert_eq!(new.read_line(), "OK;0");
    std::thread::sleep(Duration::from_secs(2));
    let used = cpu_seconds(world.pid()) - before;
    assert!(used < 0.5, "{used} seconds of processor time in six seconds of rest");
}

/// Returns the processor time of a process; 0 where the system does not tell it.
fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<f64> = stat.rsplit(')').next().unwrap_or_default().split(' ').flat_map(str::parse).collect();
    // The fields after the name, without the letter of the state: user time and system time, in ticks of 10 ms.
    fields.get(10..12).map_or(0.0, |times| times.iter().sum::<f64>() / 100.0)
}
