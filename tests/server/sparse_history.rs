//! A poll for a few messages that lie far apart in a history file reads them, and not what lies between.

use crate::support::World;

/// Messages of the reader in the file, and their length.
const OWN: usize = 360;
const LENGTH: usize = 50_000;

#[test]
fn rows_far_apart_are_read_without_those_between() {
    let mut world = World::without_lobby();
    let mut ana = world.register("ana");
    let mut luis = world.register("luis");
    for line in [&mut ana, &mut luis] {
        assert_eq!(line.request("JOIN;#sala"), "OK");
    }
    let text = "x".repeat(LENGTH);
    for number in 0..OWN {
        assert!(ana.request(&format!("SEND;{number};#sala;{text}")).starts_with("OK;"));
        if number % 90 == 0 {
            assert!(luis.request(&format!("SEND;{number};#sala;hola {number}")).starts_with("OK;"));
        }
    }
    // A stop puts all messages into the history file.
    world.stop();
    let mut session = world.start().session("ana");
    let before = bytes_read(world.pid());
    let events = session.poll(0, 0);
    let read = bytes_read(world.pid()) - before;
    let ends: Vec<_> = events.iter().map(|event| event.rsplit(';').next().expect("a text")).collect();
    assert_eq!(ends, ["hola 0", "hola 90", "hola 180", "hola 270"]);
    let own = (OWN * LENGTH) as u64;
    assert!(read < own / 3, "{read} bytes were read of {own}");
}

/// Returns the number of bytes that a process has read, from files and sockets.
fn bytes_read(pid: u32) -> u64 {
    let io = std::fs::read_to_string(format!("/proc/{pid}/io")).expect("its input and output");
    io.lines().find_map(|line| line.strip_prefix("rchar: ")).expect("a count").parse().expect("a number")
}
