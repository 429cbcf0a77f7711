//! Memory that the server needs for a user who is connected and waits.

use std::net::SocketAddr;
use std::time::Duration;

use crate::support::process::Process;
use crate::support::{Connection, PASSWORD, World, tls};
use crate::{median, milliseconds, size, timed};

/// The most that one may cost, in KiB; under TLS there are its keys and buffers.
const MOST: f64 = 12.0;
const MOST_UNDER_TLS: f64 = 22.0;

/// Threads that register the users; the server hashes passwords on two.
const REGISTRARS: usize = 4;

const SENDS: usize = 300;

#[test]
#[ignore = "a figure: run it in release mode, on a quiet machine"]
fn memory_of_a_waiting_user() {
    let users = size("WACHAT_IDLE_USERS", 500);
    let world = World::new(&["--timeout", "300", "--no-limits"]);
    register(&world, users);
    let mut ana = world.register("ana");
    let process = Process::of(world.pid());
    let before = process.resident();
    let waiting: Vec<Connection> = (0..users).map(|user| wait(&world, user)).collect();
    std::thread::sleep(Duration::from_secs(1));
    let after = process.resident();
    let ok = time_of_an_ok(&world, &mut ana);
    let each = after.saturating_sub(before) as f64 / users as f64;
    println!(
        "memory of a waiting user: {each:.1} KiB ({users} users, {before} KiB before, {after} KiB after); \
         meanwhile a SEND has its OK after {:.2} ms (median)",
        milliseconds(ok)
    );
    drop(waiting);
    let most = if tls::is_everywhere() { MOST_UNDER_TLS } else { MOST };
    assert!(each <= most, "{each} KiB");
}

/// Registers the users.
pub fn register(world: &World, users: usize) {
    register_all(world.send, &(0..users).map(name).collect::<Vec<_>>());
}

/// Registers users at a SEND port, a few at a time.
pub fn register_all(send: SocketAddr, names: &[String]) {
    let register = |name: &String| {
        let (reply, _) = Connection::open_with(send, &format!("REGISTER:{name}:{PASSWORD}"));
        assert!(reply.starts_with("OK;"), "{name}: {reply}");
    };
    std::thread::scope(|scope| {
        for first in 0..REGISTRARS {
            scope.spawn(move || names.iter().skip(first).step_by(REGISTRARS).for_each(register));
        }
    });
}

pub fn name(user: usize) -> String {
    format!("user{user}")
}

/// A session with a poll that waits as long as one may.
pub fn wait(world: &World, user: usize) -> Connection {
    let mut session = world.session(&name(user));
    session.send("POLL;0;299\n");
    session
}

/// Returns the median time of a SEND to its OK; the recipient acknowledges each message at once.
fn time_of_an_ok(world: &World, ana: &mut Connection) -> Duration {
    drop(world.register("bea"));
    let mut bea = world.session("bea");
    let mut last = "0".to_owned();
    let mut send = |id| {
        bea.send(format!("POLL;{last};299\n"));
        let (reply, time) = timed(|| ana.request(&format!("SEND;m-{id};bea;hello")));
        assert!(reply.starts_with(&format!("OK;m-{id};RECEIVED;")), "{reply}");
        assert_eq!(bea.read_line(), "OK;1");
        last = bea.read_line().split(';').next().expect("its number").to_owned();
        time
    };
    let mut times: Vec<_> = (0..SENDS).map(&mut send).collect();
    median(&mut times)
}
