//! ERASE: a message is taken back. Its row stays, its text goes from every reply, and all who have it are told.

use std::time::Duration;

use super::section_7_rooms::User;
use crate::support::connection::without_times;
use crate::support::{Connection, PASSWORD, World, wait_until};

const HOUR: Duration = Duration::from_secs(3_600);

/// Logs a device in on the RECV port.
fn device(world: &World, name: &str, user: &str) -> Connection {
    let (reply, session) = Connection::open_with(world.recv, &format!("DEVICE:{name}:{user}:{PASSWORD}"));
    assert!(reply.starts_with("OK;"), "{reply}");
    session
}

fn poll(session: &mut Connection, after: u64) -> Vec<String> {
    let events = session.poll(after, 0);
    // Not presence: a session of another user that has just closed may be noticed at any time.
    events.iter().filter(|event| !event.starts_with("0;")).map(|event| without_times(event)).collect()
}

/// Sends a message whose text is a secret; returns its number.
fn send(from: &mut Connection, id: &str, to: &str) -> u64 {
    let reply = from.request(&format!("SEND;{id};{to};secreto-{id}"));
    assert!(reply.starts_with(&format!("OK;{id};RECEIVED;")), "{reply}");
    reply.rsplit(';').next().and_then(|seq| seq.parse().ok()).expect("a number")
}

fn erase(user: &mut Connection, target: &str, seq: u64) {
    assert_eq!(user.request(&format!("ERASE;{target};{seq}")), "OK");
}

/// Returns the rows of a conversation without times.
fn history(user: &mut Connection, target: &str) -> Vec<String> {
    user.list_without_times(&format!("HISTORY;{target}"))
}

fn restart(world: &mut World, stop: bool) {
    if stop {
        world.stop();
    } else {
        world.kill();
    }
    world.assert_undamaged();
    world.start();
}

#[test]
fn the_row_stays_and_the_text_goes() {
    let mut world = World::without_lobby();
    let [mut ana, mut luis] = ["ana", "luis"].map(|name| world.register(name));
    let first = send(&mut ana, "m-1", "luis");
    send(&mut luis, "m-2", "ana");
    let chats = ana.list("CHATS");
    assert_eq!(chats, ["luis;2;0;2;0"]);
    erase(&mut ana, "luis", first);
    let rows = ["1;m-1;ana;luis;<at>;RECEIVED;;erased", "2;m-2;luis;ana;<at>;RECEIVED;secreto-m-2"];
    for user in [(&mut ana, "luis"), (&mut luis, "ana")] {
        assert_eq!(history(user.0, user.1), rows);
        assert_eq!(user.0.list("CHATS"), [format!("{};2;0;2;1", user.1)]);
    }
    assert_eq!(ana.list("STATUS;luis;1"), ["luis;RECEIVED"], "its state is as it was");
    // Twice is OK and changes nothing; the id stays known.
    erase(&mut ana, "luis", first);
    assert!(ana.request("SEND;m-1;luis;secreto-m-1").ends_with(";1"));
    ana.expect_ko("SEND;m-1;luis;otro", "CONFLICT");
    assert_eq!(history(&mut ana, "luis"), rows);
    assert_eq!(ana.list("CHATS"), ["luis;2;0;2;1"]);
    for stop in [false, true, false] {
        restart(&mut world, stop);
        let mut ana = world.login("ana");
        assert_eq!(history(&mut ana, "luis"), rows);
        assert_eq!(ana.list("CHATS"), ["luis;2;0;2;1"]);
        assert!(ana.request("SEND;m-1;luis;secreto-m-1").ends_with(";1"));
        erase(&mut ana, "luis", first);
        assert_eq!(ana.list("CHATS"), ["luis;2;0;2;1"]);
    }
}

#[test]
fn a_message_that_waits_comes_erased_under_its_number_and_then_the_event() {
    let mut world = World::without_lobby();
    let [mut ana, _luis] = ["ana", "luis"].map(|name| world.register(name));
    let mut laptop = device(&world, "laptop", "ana");
    let first = send(&mut ana, "m-1", "luis");
    erase(&mut ana, "luis", first);
    let told = ["1;MSG;m-1;ana;luis;<at>;;erased", "2;ERASED;ana;1;1;ana"];
    let own = ["1;MSG;m-1;ana;luis;<at>;;erased", "2;ERASED;luis;1;1;ana"];
    assert_eq!(poll(&mut laptop, 0), own, "to the sender's devices, as they address the conversation");
    assert_eq!(poll(&mut world.session("luis"), 0), told);
    // The nameless device of the sender gets no message of the user's own.
    assert_eq!(poll(&mut world.session("ana"), 0), own[1..]);
    for stop in [false, true, false] {
        restart(&mut world, stop);
        assert_eq!(poll(&mut world.session("luis"), 0), told);
        assert_eq!(poll(&mut device(&world, "laptop", "ana"), 0), own);
    }
    let mut luis = world.session("luis");
    assert_eq!(poll(&mut luis, 1), told[1..], "what was acknowledged is over");
    assert_eq!(poll(&mut luis, 2), [""; 0]);
    world.stop();
    world.assert_undamaged();
    world.start();
    assert_eq!(poll(&mut world.session("luis"), 0), [""; 0]);
}

#[test]
fn every_device_is_told_from_its_own_position() {
    let world = World::without_lobby();
    let [mut ana, _luis] = ["ana", "luis"].map(|name| world.register(name));
    let mut laptop = device(&world, "laptop", "luis");
    let mut lab = device(&world, "lab", "luis");
    send(&mut ana, "m-1", "luis");
    laptop.send("POLL;1\n");
    wait_until("the acknowledgement", || ana.list("STATUS;luis;1") == ["luis;DELIVERED"]);
    erase(&mut ana, "luis", 1);
    // Number 2 is the STATE of ana.
    assert_eq!(laptop.read_line(), "OK;1");
    assert_eq!(laptop.read_line(), "3;ERASED;ana;1;1;ana", "it completes a poll that waits");
    assert_eq!(poll(&mut laptop, 3), [""; 0]);
    assert_eq!(poll(&mut lab, 0), ["1;MSG;m-1;ana;luis;<at>;;erased", "3;ERASED;ana;1;1;ana"]);
    let mut of_ana = world.session("ana");
    assert_eq!(poll(&mut of_ana, 0), ["2;STATE;luis;DELIVERED;1;<at>", "3;ERASED;luis;1;1;ana"]);
}

#[test]
fn a_note_to_oneself_is_one_event() {
    let world = World::without_lobby();
    let mut ana = world.register("ana");
    send(&mut ana, "m-1", "ana");
    erase(&mut ana, "ana", 1);
    let told = ["1;MSG;m-1;ana;ana;<at>;;erased", "2;ERASED;ana;1;1;ana"];
    assert_eq!(poll(&mut device(&world, "laptop", "ana"), 0), told);
    assert_eq!(poll(&mut world.session("ana"), 0), told);
}

#[test]
fn one_s_own_for_a_day_and_no_other_user_s() {
    let Some(world) = World::with_clock(&["--no-lobby"]) else { return };
    let [mut ana, mut luis, mut eva] = ["ana", "luis", "eva"].map(|name| world.register(name));
    send(&mut ana, "m-1", "luis");
    send(&mut ana, "m-2", "luis");
    luis.expect_ko("ERASE;ana;1", "NO_MESSAGE");
    ana.expect_ko("ERASE;eva;1", "NO_MESSAGE");
    for target in ["ana", "luis", "eva"] {
        eva.expect_ko(&format!("ERASE;{target};1"), "NO_MESSAGE");
    }
    for number in [0, 3, 4, 9_007_199_254_740_991_u64] {
        ana.expect_ko(&format!("ERASE;luis;{number}"), "NO_MESSAGE");
    }
    ana.expect_ko("ERASE;nadie;1", "NO_USER");
    ana.expect_ko("ERASE;#nadie;1", "NO_ROOM");
    ana.expect_ko("ERASE;luis;x", "SYNTAX");
    ana.expect_ko("ERASE;luis", "SYNTAX");
    world.set_clock(24 * HOUR - Duration::from_secs(60));
    erase(&mut ana, "luis", 1);
    world.set_clock(25 * HOUR);
    ana.expect_ko("ERASE;luis;2", "LATE");
    erase(&mut ana, "luis", 1);
    let rows = ["1;m-1;ana;luis;<at>;RECEIVED;;erased", "2;m-2;ana;luis;<at>;RECEIVED;secreto-m-2"];
    assert_eq!(history(&mut ana, "luis"), rows);
}

#[test]
fn the_owner_of_a_room_takes_any_message_back_at_any_time_and_all_members_are_told() {
    let Some(mut world) = World::with_clock(&["--no-lobby"]) else { return };
    let [mut ana, mut luis, mut eva] = ["ana", "luis", "eva"].map(|name| User::new(&world, name));
    for user in [&mut ana, &mut luis, &mut eva] {
        user.ok("JOIN;#aula");
    }
    for user in [&mut ana, &mut luis, &mut eva] {
        user.hear();
    }
    for id in ["m-1", "m-2", "m-3", "m-4"] {
        let user = if id == "m-3" { &mut ana } else { &mut luis };
        send(&mut user.says, id, "#aula");
    }
    eva.says.expect_ko("ERASE;#aula;1", "NOT_OWNER");
    luis.says.expect_ko("ERASE;#aula;3", "NOT_OWNER");
    luis.ok("ERASE;#aula;1");
    eva.says.expect_ko("ERASE;#aula;1", "NOT_OWNER");
    world.set_clock(240 * HOUR);
    luis.says.expect_ko("ERASE;#aula;2", "LATE");
    ana.ok("ERASE;#aula;2");
    ana.ok("ERASE;#aula;3");
    ana.ok("ERASE;#aula;2");
    ana.says.expect_ko("ERASE;#aula;5", "NO_MESSAGE");
    let mut nora = User::new(&world, "nora");
    nora.says.expect_ko("ERASE;#aula;4", "NOT_MEMBER");
    nora.ok("JOIN;#aula");
    let events = ["5;ERASED;#aula;1;1;luis", "6;ERASED;#aula;2;2;luis", "7;ERASED;#aula;3;3;ana"];
    let erased = |id: usize, from: &str| format!("{id};MSG;m-{id};{from};#aula;<at>;;erased");
    let last = "4;MSG;m-4;luis;#aula;<at>;secreto-m-4".to_owned();
    let of = |own: Vec<String>| -> Vec<String> {
        let events = events.map(str::to_owned);
        ["0;JOIN;#aula;nora;<at>".to_owned()].into_iter().chain(own).chain(events).collect()
    };
    assert_eq!(eva.hear(), of(vec![erased(1, "luis"), erased(2, "luis"), erased(3, "ana"), last.clone()]));
    assert_eq!(ana.hear(), of(vec![erased(1, "luis"), erased(2, "luis"), last]));
    assert_eq!(luis.hear(), of(vec![erased(3, "ana")]));
    assert_eq!(nora.hear(), [""; 0], "what was before the JOIN");
    assert_eq!(nora.says.list("CHATS"), ["#aula;4;7;4;3"]);
    nora.says.expect_ko("ERASE;#aula;4", "NOT_OWNER");
    world.kill();
    world.start();
    assert_eq!(poll(&mut world.session("eva"), 4), events, "as long as they are not acknowledged");
}

#[test]
fn outsiders_of_a_room_for_invited_users_are_told_nothing_of_it() {
    let world = World::without_lobby();
    let [mut ana, mut luis, mut eva] = ["ana", "luis", "eva"].map(|name| User::new(&world, name));
    ana.ok("ROOM;#equipo;invite");
    ana.ok("INVITE;#equipo;luis");
    luis.hear();
    luis.ok("JOIN;#equipo");
    send(&mut luis.says, "m-1", "#equipo");
    assert_eq!(eva.says.request("ERASE;#equipo;1"), eva.says.request("ERASE;#nowhere;1"));
    eva.says.expect_ko("ERASE;#equipo;1", "NO_ROOM");
    ana.ok("KICK;#equipo;luis");
    luis.hear();
    luis.says.expect_ko("ERASE;#equipo;1", "NO_ROOM");
    ana.ok("ERASE;#equipo;1");
    assert_eq!(eva.hear(), [""; 0]);
    assert_eq!(luis.hear(), [""; 0], "nor who was in it");
}

/// The newest 1,000 events wait; CHATS says what a client that was away has missed.
#[test]
fn the_newest_thousand_events_wait() {
    let world = World::new(&["--no-lobby", "--no-limits"]);
    let [mut ana, mut luis] = ["ana", "luis"].map(|name| world.register(name));
    for user in [&mut ana, &mut luis] {
        assert_eq!(user.request("JOIN;#aula"), "OK");
    }
    for (id, to) in (0..1_010).flat_map(|id| [(id, "luis"), (id, "#aula")]) {
        let to_room = usize::from(to != "luis");
        let seq = send(&mut ana, &format!("m-{id}-{to_room}"), to);
        erase(&mut ana, to, seq);
    }
    let events = world.session("luis").list("POLL;0;0;1000");
    assert_eq!(events.iter().filter(|event| event.contains(";MSG;")).count(), events.len() - count_erased(&events));
    let mut last = 0;
    let mut session = world.session("luis");
    let mut erased = Vec::new();
    loop {
        let events = session.list(&format!("POLL;{last};0;1000"));
        let Some(newest) = events.last() else { break };
        last = newest.split(';').next().and_then(|seq| seq.parse().ok()).expect("a number");
        erased.extend(events.into_iter().filter(|event| event.contains(";ERASED;")));
    }
    for target in [";ERASED;ana;", ";ERASED;#aula;"] {
        assert_eq!(erased.iter().filter(|event| event.contains(target)).count(), 1_000, "{target}");
    }
    assert!(luis.list("CHATS").iter().all(|row| row.ends_with(";1010;1010")));
}

fn count_erased(events: &[String]) -> usize {
    events.iter().filter(|event| event.contains(";ERASED;")).count()
}
