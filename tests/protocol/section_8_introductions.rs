//! The server's part in direct chats: it returns the address of a user, and announces the caller.

use crate::support::World;

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
