//! Devices: a position for each in the one list of a user's events, and what a user sends comes to all of them.

use std::time::Duration;

use crate::support::store_files::read_files;
use crate::support::{Connection, PASSWORD, World, wait_until};
use wachat::disk::RealDisk;

/// Logs a device in on the RECV port; returns the number and the word of the reply, and the session.
fn device(world: &World, name: &str, user: &str) -> ((u64, String), Connection) {
    let (reply, session) = Connection::open_with(world.recv, &format!("DEVICE:{name}:{user}:{PASSWORD}"));
    let fields: Vec<_> = reply.split(';').collect();
    let ["OK", _, "wachat/1", acknowledged, _, state] = fields[..] else { panic!("{reply}") };
    ((acknowledged.parse().expect("a number"), state.to_owned()), session)
}

fn begun(acknowledged: u64, state: &str) -> (u64, String) {
    (acknowledged, state.to_owned())
}

/// Sends messages, whose texts are their ids; returns their numbers.
fn send<const COUNT: usize>(from: &mut Connection, to: &str, ids: [&str; COUNT]) -> [u64; COUNT] {
    ids.map(|id| {
        let reply = from.request(&format!("SEND;{id};{to};{id}"));
        assert!(reply.starts_with(&format!("OK;{id};RECEIVED;")), "{reply}");
        reply.rsplit(';').next().and_then(|seq| seq.parse().ok()).expect("a number")
    })
}

const HOUR: Duration = Duration::from_secs(3_600);

/// Returns the names of a user's devices.
fn names(user: &mut Connection) -> Vec<String> {
    let name = |row: &String| row.split(';').next().unwrap_or_default().to_owned();
    user.list("DEVICES").iter().map(name).collect()
}

/// Returns the numbers and the ids of the messages among events, or what else they are.
fn short(events: &[String]) -> Vec<String> {
    let short = |event: &String| {
        let fields: Vec<_> = event.split(';').collect();
        match fields[1] {
            "MSG" => format!("{} {}", fields[0], fields[2]),
            "STATE" => format!("{} {} {}", fields[0], fields[3], fields[4]),
            _ => fields[..fields.len().min(4)].join(" "),
        }
    };
    events.iter().map(short).collect()
}

#[test]
fn each_device_gets_what_the_user_gets_from_its_own_position() {
    let mut world = World::without_lobby();
    let mut ana = world.register("ana");
    world.register("luis");
    send(&mut ana, "luis", ["uno"]);
    let (first, mut laptop) = device(&world, "laptop", "luis");
    assert_eq!(first, begun(0, "new"), "what has waited before the first device is not stranded");
    assert_eq!(short(&laptop.poll(0, 0)), ["1 uno"]);
    laptop.poll(1, 0);
    // 2 is the STATE of ana.
    let (second, mut lab) = device(&world, "lab", "luis");
    assert_eq!(second, begun(1, "new"), "it begins at the number of the user");
    send(&mut ana, "luis", ["dos", "tres"]);
    assert_eq!(short(&lab.poll(1, 0)), ["3 dos", "4 tres"]);
    assert_eq!(short(&laptop.poll(1, 0)), ["3 dos", "4 tres"], "both are open");
    lab.poll(4, 0);
    assert_eq!(short(&laptop.poll(1, 0)), ["3 dos", "4 tres"], "the acknowledgement of one moves no other");
    laptop.poll(3, 0);
    drop((laptop, lab));
    world.stop();
    world.assert_undamaged();
    world.start();
    let (again, mut laptop) = device(&world, "laptop", "luis");
    assert_eq!(again, begun(3, "known"));
    assert_eq!(short(&laptop.poll(3, 0)), ["4 tres"]);
    assert_eq!(device(&world, "lab", "luis").0, begun(4, "known"));
    assert_eq!(device(&world, "LAB", "luis").0, begun(4, "new"), "names are compared as they are");
}

#[test]
fn a_message_is_delivered_when_the_first_device_has_it() {
    let world = World::without_lobby();
    let mut ana = world.register("ana");
    world.register("luis");
    let (_, mut laptop) = device(&world, "laptop", "luis");
    let (_, mut lab) = device(&world, "lab", "luis");
    let mut waiting = world.session("ana");
    let [uno] = send(&mut ana, "luis", ["uno"]);
    lab.poll(uno, 0);
    assert_eq!(short(&waiting.poll(0, 2)), ["2 DELIVERED 1"]);
    waiting.poll(2, 0);
    laptop.poll(uno, 0);
    send(&mut ana, "luis", ["dos"]);
    assert_eq!(short(&waiting.poll(2, 0)), [""; 0], "and not again");
    assert_eq!(ana.list(&format!("STATUS;luis;{uno}")), ["luis;DELIVERED"]);
}

#[test]
fn the_users_own_messages_come_to_the_devices_with_a_name() {
    let world = World::without_lobby();
    let mut ana = world.register("ana");
    world.register("luis");
    assert_eq!(ana.request("JOIN;#sala"), "OK");
    let (_, mut laptop) = device(&world, "laptop", "ana");
    let (_, mut lab) = device(&world, "lab", "ana");
    let mut nameless = world.session("ana");
    let sent = send(&mut ana, "luis", ["uno"]);
    send(&mut ana, "#sala", ["dos"]);
    send(&mut ana, "ana", ["tres"]);
    let all = ["1 uno", "2 dos", "3 tres"];
    assert_eq!(short(&laptop.poll(0, 0)), all, "also where nobody else is in the room, and to oneself once");
    assert_eq!(short(&lab.poll(0, 0)), all);
    assert_eq!(short(&nameless.poll(0, 0)), ["3 tres"]);
    let event = &laptop.poll(0, 0)[0];
    assert!(event.starts_with(&format!("{};MSG;uno;ana;luis;", sent[0])), "{event}");
    // A retry is no message.
    assert!(ana.request("SEND;uno;luis;uno").starts_with("OK;uno;"));
    assert_eq!(short(&laptop.poll(3, 0)), ["4 DELIVERED 3"], "that of the message to oneself");
}

#[test]
fn only_a_session_of_the_same_device_takes_over() {
    let world = World::without_lobby();
    world.register("ana");
    let (_, mut laptop) = device(&world, "laptop", "ana");
    let (_, mut lab) = device(&world, "lab", "ana");
    let mut nameless = world.session("ana");
    laptop.send("POLL;0\n");
    let (_, mut second) = device(&world, "laptop", "ana");
    assert!(laptop.read_line().starts_with("KO;REPLACED;"));
    laptop.assert_closed();
    let mut later = world.session("ana");
    assert!(nameless.read_line().starts_with("KO;REPLACED;"));
    for session in [&mut lab, &mut second, &mut later] {
        assert_eq!(session.request("PING"), "OK");
    }
}

#[test]
fn devices_have_names_and_device_is_for_the_recv_port() {
    let world = World::without_lobby();
    world.register("ana");
    for name in ["", "1laptop", "-lap", "lap top", "lap.top", "others", "Others", "l;p", &"a".repeat(33)] {
        let (reply, _) = Connection::open_with(world.recv, &format!("DEVICE:{name}:ana:{PASSWORD}"));
        assert!(reply.starts_with("KO;SYNTAX;"), "{name}: {reply}");
    }
    let (reply, _) = Connection::open_with(world.send, &format!("DEVICE:laptop:ana:{PASSWORD}"));
    assert!(reply.starts_with("KO;SYNTAX;"), "{reply}");
    let (reply, _) = Connection::open_with(world.recv, "DEVICE:laptop:ana:falsa palabra");
    assert!(reply.starts_with("KO;AUTH;"), "{reply}");
    let (reply, _) = Connection::open_with(world.recv, &format!("device:{}:ana:{PASSWORD}", "a".repeat(32)));
    assert!(reply.starts_with("OK;ana;wachat/1;0;"), "{reply}");
}

#[test]
fn two_devices_that_log_in_at_the_same_moment_both_begin() {
    let world = World::new(&["--no-lobby", "--no-limits"]);
    let mut luis = world.register("luis");
    for round in 0..100 {
        let user = format!("ana{round}");
        world.register(&user);
        let logins = std::thread::scope(|scope| {
            let [one, other] = ["laptop", "lab"].map(|name| scope.spawn(|| device(&world, name, &user)));
            [one, other].map(|login| login.join().expect("a login"))
        });
        let [(one, mut laptop), (other, mut lab)] = logins;
        assert_eq!((one.1.as_str(), other.1.as_str()), ("new", "new"));
        let [sent] = send(&mut luis, &user, [&format!("m-{round}")]);
        for session in [&mut laptop, &mut lab] {
            assert_eq!(short(&session.poll(sent - 1, 2)), [format!("{sent} m-{round}")]);
        }
    }
}

#[test]
fn other_sessions_are_told_of_a_read_a_join_and_a_part() {
    let world = World::without_lobby();
    let mut ana = world.register("ana");
    let mut luis = world.register("luis");
    let [uno] = send(&mut luis, "ana", ["uno"]);
    let (_, mut laptop) = device(&world, "laptop", "ana");
    let mut nameless = world.session("ana");
    assert_eq!(ana.request(&format!("READ;luis;{uno}")), "OK");
    assert_eq!(ana.request("JOIN;#sala"), "OK");
    assert_eq!(ana.request("LEAVE;#sala"), "OK");
    assert_eq!(short(&laptop.poll(uno, 0)), ["0 READ luis 1", "0 JOIN #sala ana", "0 PART #sala ana"]);
    assert_eq!(short(&nameless.poll(uno, 0)), [""; 0]);
    assert_eq!(ana.request(&format!("READ;luis;{uno}")), "OK");
    assert_eq!(short(&laptop.poll(uno, 0)), [""; 0], "nothing has moved");
}

#[test]
fn a_user_is_online_from_the_first_session_to_the_last() {
    let world = World::without_lobby();
    let mut ana = world.register("ana");
    world.register("luis");
    send(&mut ana, "luis", ["uno"]);
    let mut watching = world.session("luis");
    watching.poll(1, 0);
    let (_, laptop) = device(&world, "laptop", "ana");
    let (_, lab) = device(&world, "lab", "ana");
    assert_eq!(short(&watching.poll(1, 2)).len(), 1, "one ONLINE");
    drop(laptop);
    wait_until("the session to be closed", || ana.list("SESSIONS").len() == 2);
    assert_eq!(short(&watching.poll(1, 0)), [""; 0]);
    drop(lab);
    assert!(watching.poll(1, 5)[0].starts_with("0;OFFLINE;ana;"));
}

#[test]
fn a_ninth_device_replaces_one_that_was_unused_for_a_day() {
    let Some(world) = World::with_clock(&["--no-lobby"]) else { return };
    let mut ana = world.register("ana");
    let mut open: Vec<_> = (0..8).map(|number| device(&world, &format!("d{number}"), "ana").1).collect();
    let ninth = || Connection::open_with(world.recv, &format!("DEVICE:d8:ana:{PASSWORD}")).0;
    assert!(ninth().starts_with("KO;QUOTA;you have 8 devices"), "{}", ninth());
    drop(open.remove(3));
    wait_until("the session to be closed", || ana.list("SESSIONS").len() == 8);
    assert!(ninth().starts_with("KO;QUOTA;"));
    for day in 1..=3 {
        world.set_clock(day * 25 * HOUR);
        wait_for_looks(&world, "ana", day as usize);
    }
    assert!(ninth().ends_with(";new"), "d3 was used a day ago");
    assert_eq!(names(&mut world.login("ana")), ["d0", "d1", "d2", "d4", "d5", "d6", "d7", "d8"]);
}

/// Waits until the server has looked at the devices this number of times: it records each look.
fn wait_for_looks(world: &World, user: &str, looks: usize) {
    let looked = || {
        // It wakes a server that sleeps until the time that it knew.
        drop(world.login(user));
        let files = read_files(&RealDisk, world.data().to_str().expect("a path"));
        let counts = files.values().map(|file| String::from_utf8_lossy(file).matches(";LOOKED;").count());
        counts.sum::<usize>() >= looks
    };
    wait_until("the server to look at the devices", looked);
}

#[test]
fn a_device_that_is_not_used_is_forgotten() {
    let Some(world) = World::with_clock(&["--no-lobby", "--keep-devices", "3d"]) else { return };
    let mut ana = world.register("ana");
    world.register("luis");
    let (_, laptop) = device(&world, "laptop", "luis");
    let (_, mut lab) = device(&world, "lab", "luis");
    drop(laptop);
    let mut luis = world.login("luis");
    wait_until("the session to be closed", || luis.list("SESSIONS").len() == 2);
    let [uno] = send(&mut ana, "luis", ["uno"]);
    lab.poll(uno, 0);
    for day in 1..=5 {
        world.set_clock(day * 24 * HOUR);
        wait_for_looks(&world, "luis", day as usize);
    }
    // The clock has ended the connections that were idle.
    wait_until("the review", || names(&mut world.login("luis")).len() < 2);
    let (state, _) = device(&world, "laptop", "luis");
    assert_eq!(state, begun(uno, "new"), "the number of the user stays");
}

#[test]
fn a_clock_that_jumps_forward_forgets_no_device() {
    let Some(mut world) = World::with_clock(&["--no-lobby", "--keep-devices", "3d"]) else { return };
    world.register("ana");
    for name in ["laptop", "lab"] {
        drop(device(&world, name, "ana"));
    }
    let mut ana = world.login("ana");
    wait_until("the sessions to be closed", || ana.list("SESSIONS").len() == 1);
    for (looks, days) in [(1, 1), (2, 60)] {
        world.set_clock(days * 24 * HOUR);
        wait_for_looks(&world, "ana", looks);
    }
    // The connections that were idle have ended.
    assert_eq!(names(&mut world.login("ana")).len(), 2);
    drop(device(&world, "lab", "ana"));
    world.stop();
    world.start();
    assert_eq!(names(&mut world.login("ana")).len(), 2);
}

#[test]
fn what_waits_for_a_silent_device_alone_fills_no_quota() {
    let world = World::new(&["--no-lobby", "--queue", "5", "--queue-per-sender", "5"]);
    let mut ana = world.register("ana");
    let mut luis = world.register("luis");
    let (_, mut silent) = device(&world, "silent", "luis");
    let (_, mut lab) = device(&world, "lab", "luis");
    // So that neither is a stranger. Own messages count for nobody but their recipient.
    let [mut taken] = send(&mut ana, "luis", ["first"]);
    send(&mut luis, "ana", ["a1", "a2", "a3", "a4", "a5"]);
    lab.poll(taken, 0);
    for round in 0..4 {
        let ids = [0, 1, 2, 3, 4].map(|id| format!("m-{round}-{id}"));
        let sent = ids.each_ref().map(|id| send(&mut ana, "luis", [id.as_str()])[0]);
        ana.expect_ko("SEND;more;luis;more", "QUOTA");
        taken = sent[4];
        lab.poll(taken, 0);
    }
    luis.expect_ko("SEND;a6;ana;a6", "QUOTA");
    assert_eq!(lab.request(&format!("POLL;{taken};0")), "OK;0");
    let events = silent.poll(0, 0);
    let of_ana = events.iter().filter(|event| event.contains(";ana;luis;")).count();
    assert_eq!((events.len(), of_ana), (26, 21), "all of them, in order: {events:?}");
}

#[test]
fn a_device_that_lacks_what_retention_has_removed_begins_anew() {
    let options = ["--no-lobby", "--keep", "30d", "--trust-clock", "--keep-devices", "forever"];
    let Some(mut world) = World::with_clock(&options) else { return };
    let mut ana = world.register("ana");
    world.register("luis");
    let (_, laptop) = device(&world, "laptop", "luis");
    let (_, mut lab) = device(&world, "lab", "luis");
    let [.., last] = send(&mut ana, "luis", ["uno", "dos"]);
    lab.poll(last, 0);
    // Nobody has this one: it stays.
    let [waiting] = send(&mut ana, "luis", ["tres"]);
    drop((laptop, lab));
    world.set_clock(40 * 24 * HOUR);
    world.stop();
    world.start();
    let mut luis = world.login("luis");
    wait_until("the clean-up", || luis.list("HISTORY;ana").len() == 1);
    world.stop();
    world.assert_undamaged();
    world.start();
    let (state, mut laptop) = device(&world, "laptop", "luis");
    assert_eq!(state, begun(last, "new"), "the number of the user");
    assert_eq!(short(&laptop.poll(last, 0)), [format!("{waiting} tres")], "what nobody has acknowledged waits on");
    assert_eq!(device(&world, "lab", "luis").0, begun(last, "known"), "it lacks nothing that was removed");
}

#[test]
fn a_device_that_is_behind_by_too_much_loses_its_number_and_nobody_else_does() {
    let world = World::new(&["--no-lobby", "--no-limits"]);
    let mut ana = world.register("ana");
    world.register("luis");
    let (_, mut silent) = device(&world, "silent", "ana");
    let (_, mut lab) = device(&world, "lab", "ana");
    silent.send("POLL;10020\n");
    // Own messages: at most 10,000 are kept for devices.
    let lines: String = (0..10_020).map(|id| format!("SEND;m-{id};luis;hola\n")).collect();
    let mut taken = 0;
    for part in lines.split_inclusive('\n').collect::<Vec<_>>().chunks(500) {
        ana.send(part.concat());
        part.iter().for_each(|_| assert!(ana.read_line().starts_with("OK;m-")));
        for _ in 0..2 {
            let events = lab.list(&format!("POLL;{taken};0;1000"));
            let last = events.last().and_then(|event| event.split(';').next()).and_then(|number| number.parse().ok());
            taken = last.unwrap_or(taken);
        }
    }
    assert_eq!(taken, 10_020);
    assert_eq!(lab.request(&format!("POLL;{taken};0")), "OK;0");
    assert!(silent.read_line().starts_with("KO;SEQ;"), "that number did not exist yet");
    assert!(silent.read_line().starts_with("KO;TIMEOUT;"));
    silent.assert_closed();
    assert_eq!(device(&world, "silent", "ana").0, begun(10_020, "new"));
    assert_eq!(device(&world, "lab", "ana").0, begun(10_020, "known"));
}
