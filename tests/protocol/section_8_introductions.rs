//! The server's part in direct chats: it returns the address of a user, and announces the caller.

use crate::support::{Connection, PASSWORD, World};

#[test]
fn peer_says_where_to_call_and_tells_the_callee_who_is_about_to() {
    let world = World::without_lobby();
    let mut ana = world.register("ana");
    let mut luis = world.register("luis");
    assert_eq!(luis.request("PERMIT;ana;yes"), "OK");
    ana.expect_ko("PEER;luis", "NO_PEER");
    let mut session = world.session("luis");
    ana.expect_ko("PEER;luis", "NO_PEER");
    assert_eq!(session.request("PORT;9000"), "OK");
    let reply = ana.request("PEER;LUIS");
    let token = reply.strip_prefix("OK;127.0.0.1;9000;").expect(&reply).to_owned();
    assert!(token.len() >= 32, "{token} could be guessed");
    assert_eq!(session.list("POLL;0;5"), [format!("0;PEER;ana;{token}")]);
    assert_ne!(ana.request("PEER;luis"), reply, "each call has a token of its own");
    // PEER of oneself, or of a user who accepts no direct chats any more, is refused.
    luis.expect_ko("PEER;luis", "NO_PEER");
    assert_eq!(session.request("PORT;0"), "OK");
    ana.expect_ko("PEER;luis", "NO_PEER");
    ana.expect_ko("PEER;nobody", "NO_USER");
    ana.expect_ko("PEER;#sala", "NO_USER");
}

#[test]
fn a_port_ends_with_its_session() {
    let world = World::without_lobby();
    let mut ana = world.register("ana");
    assert_eq!(world.register("luis").request("PERMIT;ana;yes"), "OK");
    let mut session = world.session("luis");
    assert_eq!(session.request("PORT;9000"), "OK");
    assert!(ana.request("PEER;luis").starts_with("OK;"));
    let mut next = world.session("luis");
    ana.expect_ko("PEER;luis", "NO_PEER");
    for wrong in ["PORT", "PORT;65536", "PORT;-1", "PORT;x", "PORT;1;2"] {
        next.expect_ko(wrong, "SYNTAX");
    }
}

#[test]
fn a_thousand_callers_are_announced_and_the_oldest_of_more_go_first() {
    let world = World::new(&["--no-lobby", "--no-limits"]);
    let mut ana = world.register("ana");
    assert_eq!(world.register("luis").request("PERMIT;ana;yes"), "OK");
    let mut session = world.session("luis");
    assert_eq!(session.request("PORT;9000"), "OK");
    let mut announced = Vec::new();
    for _ in 0..3 {
        ana.send("PEER;luis\n".repeat(400));
        for _ in 0..400 {
            let reply = ana.read_line();
            let token = reply.strip_prefix("OK;127.0.0.1;9000;").expect(&reply);
            announced.push(format!("0;PEER;ana;{token}"));
        }
    }
    assert_eq!(session.list("POLL;0;0;1000"), announced[200..]);
    assert_eq!(session.request("POLL;0;0"), "OK;0");
}

/// Opens the session of a device of luis.
fn device(world: &World, name: &str) -> Connection {
    let (reply, session) = Connection::open_with(world.recv, &format!("DEVICE:{name}:luis:{PASSWORD}"));
    assert!(reply.starts_with("OK;luis;wachat/1;"), "{reply}");
    session
}

#[test]
fn of_two_devices_the_one_whose_port_came_last_is_called_and_it_alone_is_told() {
    let world = World::without_lobby();
    let mut ana = world.register("ana");
    assert_eq!(world.register("luis").request("PERMIT;ana;yes"), "OK");
    // The addresses differ, too: that of the session goes with its port.
    let mut laptop = device(&world, "laptop");
    let mut lab = Connection::open_from([127, 0, 0, 7], world.recv);
    assert!(lab.request(&format!("DEVICE:lab:luis:{PASSWORD}")).ends_with(";new"));
    let mut nameless = world.session("luis");
    let mut call = |at: &str, called: usize, sessions: &mut [&mut Connection]| {
        let reply = ana.request("PEER;luis");
        let token = reply.strip_prefix(&format!("OK;{at};")).unwrap_or_else(|| panic!("{reply}, not {at}")).to_owned();
        for (place, session) in sessions.iter_mut().enumerate() {
            let told = if place == called { vec![format!("0;PEER;ana;{token}")] } else { Vec::new() };
            assert_eq!(session.list("POLL;0;0"), told, "session {place}");
        }
    };
    assert_eq!(laptop.request("PORT;9000"), "OK");
    call("127.0.0.1;9000", 0, &mut [&mut laptop, &mut lab, &mut nameless]);
    assert_eq!(lab.request("PORT;9001"), "OK");
    call("127.0.0.7;9001", 1, &mut [&mut laptop, &mut lab, &mut nameless]);
    // Not the device that has logged in last, nor the one that was last before.
    assert_eq!(laptop.request("PORT;9002"), "OK");
    call("127.0.0.1;9002", 0, &mut [&mut laptop, &mut lab, &mut nameless]);
    assert_eq!(nameless.request("PORT;9003"), "OK");
    call("127.0.0.1;9003", 2, &mut [&mut laptop, &mut lab, &mut nameless]);
    assert_eq!(laptop.request("PORT;9004"), "OK");
    assert_eq!(laptop.request("QUIT"), "OK");
    laptop.assert_closed();
    // With the end of its session the last of the others takes direct chats.
    let reply = crate::support::wait_for("the end of the session", || {
        let reply = ana.request("PEER;luis");
        (!reply.starts_with("OK;127.0.0.1;9004;")).then_some(reply)
    });
    assert!(reply.starts_with("OK;127.0.0.1;9003;"), "{reply}");
}
