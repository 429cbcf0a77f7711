//! Section 7: the bytes of mailboxes, strangers, and the bytes of a day.

use wachat::limits;

use crate::support::{Connection, PASSWORD, World};

/// Bytes that a message with the longest text counts.
const LONGEST: usize = limits::TEXT_BYTES + 256;

/// As many of them are in a MiB, and some space for short ones.
const IN_A_MIB: usize = (1 << 20) / LONGEST;

/// Sends messages with the longest text until one is refused. Returns how many were accepted, and the refusal.
fn fill(line: &mut Connection, id: &str, to: &str) -> (usize, String) {
    let text = "x".repeat(limits::TEXT_BYTES);
    for accepted in 0..1_000 {
        let reply = line.request(&format!("SEND;{id}-{accepted};{to};{text}"));
        if !reply.starts_with("OK;") {
            return (accepted, reply);
        }
    }
    panic!("{id}: there is no end")
}

fn assert_quota(reply: &str, which: &str) {
    assert!(reply.starts_with("KO;QUOTA;") && reply.contains(which), "{reply} does not say: {which}");
}

/// Registers users, each of whom is in #sala with the others.
fn in_a_room<const COUNT: usize>(world: &World, users: [&str; COUNT]) -> [Connection; COUNT] {
    users.map(|user| {
        let mut line = world.register(user);
        assert_eq!(line.request("JOIN;#sala"), "OK");
        line
    })
}

#[test]
fn a_mailbox_and_each_sender_in_it_have_a_limit_of_bytes() {
    let mut world = World::new(&["--no-lobby", "--queue-mib", "2", "--queue-mib-per-sender", "1"]);
    let [mut ana, mut luis, mut marta, _eva] = in_a_room(&world, ["ana", "luis", "marta", "eva"]);
    let (accepted, refusal) = fill(&mut ana, "m", "eva");
    assert_eq!(accepted, IN_A_MIB);
    assert_quota(&refusal, "too much of yours waits");
    assert!(ana.request("SEND;short;eva;hola").starts_with("OK;"), "a short one fits");
    assert_quota(&fill(&mut luis, "m", "eva").1, "too much of yours waits");
    let (accepted, refusal) = fill(&mut marta, "m", "eva");
    assert_eq!(accepted, 0);
    assert_quota(&refusal, "too much waits for that user");
    assert_eq!(fill(&mut marta, "n", "luis").0, IN_A_MIB, "another mailbox");
    // Waiting messages are counted again after a crash, from the log, and after a stop, from a checkpoint.
    world.kill().start();
    assert_quota(&fill(&mut world.login("marta"), "m", "eva").1, "too much waits for that user");
    world.stop();
    world.start();
    assert_quota(&fill(&mut world.login("ana"), "m2", "eva").1, "too much of yours waits");
    assert_quota(&fill(&mut world.login("marta"), "m", "eva").1, "too much waits for that user");
    let mut eva = world.session("eva");
    let mut last = 0;
    while let Some(event) = eva.poll(last, 0).last() {
        last = event.split(';').next().and_then(|seq| seq.parse().ok()).expect("a number");
    }
    assert_eq!(fill(&mut world.login("marta"), "m", "eva").0, IN_A_MIB, "what was acknowledged waits no more");
}

#[test]
fn strangers_share_a_quarter_of_a_mailbox() {
    let mut world = World::new(&["--queue", "20"]);
    let mut eva = world.register("eva");
    let [mut friend, mut fellow] = ["friend", "fellow"].map(|user| world.register(user));
    assert!(eva.request("SEND;m-1;friend;hola").starts_with("OK;"));
    for line in [&mut eva, &mut fellow] {
        assert_eq!(line.request("JOIN;#sala"), "OK");
    }
    let mut strangers: Vec<_> = (0..10).map(|n| world.register(&format!("stranger{n}"))).collect();
    let asked = |line: &mut Connection, id: &str| line.request(&format!("SEND;{id};eva;hola"));
    for (number, line) in strangers.iter_mut().enumerate() {
        let reply = asked(line, "m-1");
        match number {
            // All are in the lobby: that makes no friends.
            0..5 => assert!(reply.starts_with("OK;"), "{number}: {reply}"),
            _ => assert_quota(&reply, "unknown there"),
        }
    }
    assert_quota(&asked(&mut strangers[0], "m-2"), "unknown there");
    assert!(asked(&mut friend, "m-2").starts_with("OK;"), "eva has written to her");
    assert!(asked(&mut fellow, "m-2").starts_with("OK;"), "they share a room");
    world.kill().start();
    world.stop();
    world.start();
    let asked = |user: &str, id: &str| world.login(user).request(&format!("SEND;{id};eva;hola"));
    assert_quota(&asked("stranger7", "m-3"), "unknown there");
    assert!(asked("friend", "m-3").starts_with("OK;"));
    assert!(asked("fellow", "m-3").starts_with("OK;"));
    assert!(world.login("eva").request("SEND;m-2;stranger7;who are you?").starts_with("OK;"));
    assert!(asked("stranger7", "m-3").starts_with("OK;"), "eva has answered");
    assert_quota(&asked("stranger0", "m-3"), "unknown there");
    let last = world.session("eva").poll(0, 0).pop().and_then(|event| event.split(';').next()?.parse().ok());
    assert_eq!(world.session("eva").poll(last.expect("a number"), 0), [""; 0]);
    assert!(asked("stranger0", "m-3").starts_with("OK;"), "the quarter is empty again");
}

#[test]
fn strangers_share_a_quarter_of_the_bytes_of_a_mailbox() {
    let world = World::new(&["--queue-mib", "1"]);
    let mut eva = world.register("eva");
    let [mut ana, mut luis] = ["ana", "luis"].map(|user| world.register(user));
    let (accepted, refusal) = fill(&mut ana, "m", "eva");
    assert_eq!(accepted, (1 << 18) / LONGEST);
    assert_quota(&refusal, "unknown there");
    assert_eq!(fill(&mut luis, "m", "eva").0, 0);
    assert!(eva.request("SEND;m-1;luis;hola").starts_with("OK;"));
    assert_eq!(fill(&mut luis, "m", "eva").0, IN_A_MIB - accepted);
}

#[test]
fn a_user_stores_so_many_bytes_a_day_and_cannot_shut_a_room() {
    let mut world = World::new(&["--no-lobby", "--mib-per-day", "1"]);
    let mut lines = in_a_room(&world, ["ana", "luis", "marta", "eva", "iker"]);
    let (accepted, refusal) = fill(&mut lines[0], "m", "#sala");
    assert_eq!(accepted, IN_A_MIB);
    assert_quota(&refusal, "you have sent as much today as one user may");
    assert_quota(&fill(&mut lines[0], "direct", "luis").1, "you have sent as much today");
    let reply = lines[0].request(&format!("SEND;m-0;#sala;{}", "x".repeat(limits::TEXT_BYTES)));
    assert!(reply.starts_with("OK;"), "a retry: {reply}");
    for line in &mut lines[1..4] {
        assert_eq!(fill(line, "m", "#sala").0, IN_A_MIB, "the room is open for others");
    }
    let (accepted, refusal) = fill(&mut lines[4], "m", "#sala");
    assert_eq!(accepted, (4 << 20) / LONGEST - 4 * IN_A_MIB);
    assert_quota(&refusal, "in that room today");
    assert!(lines[4].request("SEND;n;eva;hola").starts_with("OK;"), "the room is full, not the day of its member");
    world.kill().start();
    assert_eq!(fill(&mut world.login("ana"), "after", "#sala").0, IN_A_MIB, "a restart begins anew");
}

#[test]
fn below_the_floor_of_free_space_nothing_is_stored_and_all_can_be_read() {
    let mut world = World::without_lobby();
    let reply = world.register("ana").request("SEND;m-1;ana;hola");
    world.stop();
    world.start_with(&["--no-lobby", "--disk-floor", "4294967295"]);
    let mut ana = world.login("ana");
    ana.expect_ko("SEND;m-2;ana;hola", "FULL");
    ana.expect_ko("JOIN;#sala", "FULL");
    assert_eq!(ana.request("SEND;m-1;ana;hola"), reply, "a known id");
    assert_eq!(ana.list("HISTORY;ana").len(), 1);
    let mut session = world.session("ana");
    assert_eq!(session.poll(0, 0).len(), 1);
    session.expect_ko("POLL;1;0", "FULL");
    let (refused, _) = Connection::open_with(world.send, &format!("REGISTER:luis:{PASSWORD}"));
    assert!(refused.starts_with("KO;FULL;"), "{refused}");
    assert!(world.log().contains("less space is free on the disk than --disk-floor"), "{}", world.log());
    world.stop();
    world.start_with(&["--no-lobby"]);
    assert!(world.login("ana").request("SEND;m-2;ana;hola").starts_with("OK;"));
}
