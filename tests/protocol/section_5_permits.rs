//! Section 5, PEER and PERMIT: who may call whom, and what a callee is told of the others.

use crate::support::{Connection, PASSWORD, World};

/// Asks for the address of a user who takes direct chats at port 9000.
#[track_caller]
fn expect_address(caller: &mut Connection, callee: &str) {
    let reply = caller.request(&format!("PEER;{callee}"));
    assert!(reply.starts_with("OK;127.0.0.1;9000;"), "{reply}");
}

fn session_with_port(world: &World, user: &str) -> Connection {
    let mut session = world.session(user);
    assert_eq!(session.request("PORT;9000"), "OK");
    session
}

#[test]
fn an_address_is_for_those_whom_the_callee_permits_or_has_written_to() {
    let mut world = World::without_lobby();
    let [mut ana, mut luis, mut eva] = ["ana", "luis", "eva"].map(|user| world.register(user));
    let mut refusals = vec![ana.request("PEER;luis")];
    let mut session = world.session("luis");
    refusals.push(ana.request("PEER;luis"));
    assert_eq!(session.request("PORT;9000"), "OK");
    refusals.push(ana.request("PEER;luis"));
    refusals.push(luis.request("PEER;luis"));
    assert_eq!(luis.request("PERMIT;eva;no"), "OK");
    refusals.push(eva.request("PEER;luis"));
    // Who writes is not let through for it.
    assert!(ana.request("SEND;m-1;luis;hola").starts_with("OK;"));
    refusals.push(ana.request("PEER;luis"));
    assert!(refusals[0].starts_with("KO;NO_PEER;") && refusals.iter().all(|one| *one == refusals[0]), "{refusals:?}");
    assert_eq!(luis.request("PERMIT;ANA;yes"), "OK");
    expect_address(&mut ana, "luis");
    // The refused one is written to, and stays refused.
    assert!(luis.request("SEND;m-1;eva;hola").starts_with("OK;"));
    eva.expect_ko("PEER;luis", "NO_PEER");
    // All of it is stored.
    world.kill().start();
    [ana, luis, eva] = ["ana", "luis", "eva"].map(|user| world.login(user));
    let _session = session_with_port(&world, "luis");
    assert_eq!(luis.list("PERMIT"), ["ana;yes", "eva;no"]);
    expect_address(&mut ana, "luis");
    eva.expect_ko("PEER;luis", "NO_PEER");
    assert_eq!(luis.request("PERMIT;eva;yes"), "OK");
    expect_address(&mut eva, "luis");
    assert_eq!(luis.request("PERMIT;ana;no"), "OK");
    ana.expect_ko("PEER;luis", "NO_PEER");
    assert_eq!(luis.list("PERMIT"), ["ana;no", "eva;yes"]);
}

#[test]
fn whom_the_callee_has_written_to_may_call_without_a_permit() {
    let world = World::without_lobby();
    let [mut ana, mut luis] = ["ana", "luis"].map(|user| world.register(user));
    let _session = session_with_port(&world, "luis");
    assert!(luis.request("SEND;m-1;ana;hola").starts_with("OK;"));
    expect_address(&mut ana, "luis");
    assert_eq!(luis.request("PERMIT;ana;no"), "OK");
    ana.expect_ko("PEER;luis", "NO_PEER");
    assert!(luis.request("SEND;m-2;ana;again").starts_with("OK;"));
    ana.expect_ko("PEER;luis", "NO_PEER");
    assert_eq!(luis.request("PERMIT;ana;yes"), "OK");
    expect_address(&mut ana, "luis");
}

#[test]
fn all_sessions_of_a_callee_are_told_of_a_call_once_and_of_none_who_is_refused() {
    let world = World::without_lobby();
    let [mut ana, mut luis, mut eva] = ["ana", "luis", "eva"].map(|user| world.register(user));
    let mut sessions =
        [world.session("luis"), Connection::open_with(world.recv, &format!("DEVICE:lab:luis:{PASSWORD}")).1];
    for _ in 0..3 {
        ana.expect_ko("PEER;luis", "NO_PEER");
    }
    for session in &mut sessions {
        assert_eq!(session.list_without_times("POLL;0;0"), ["0;CALL;ana;<at>"]);
    }
    assert_eq!(luis.request("PERMIT;eva;no"), "OK");
    eva.expect_ko("PEER;luis", "NO_PEER");
    luis.expect_ko("PEER;luis", "NO_PEER");
    // One who is permitted is no news, though luis takes no direct chats.
    assert_eq!(luis.request("PERMIT;eva;yes"), "OK");
    eva.expect_ko("PEER;luis", "NO_PEER");
    for session in &mut sessions {
        assert_eq!(session.request("POLL;0;0"), "OK;0");
    }
}

#[test]
fn a_permit_names_a_user_and_a_word_and_ends_with_the_account() {
    let world = World::without_lobby();
    let [_ana, mut luis, mut eva] = ["ana", "luis", "eva"].map(|user| world.register(user));
    for (request, code) in [
        ("PERMIT;nobody;yes", "NO_USER"),
        ("PERMIT;#sala;yes", "NO_USER"),
        ("PERMIT;luis;yes", "NO_PEER"),
        ("PERMIT;LUIS;no", "NO_PEER"),
        ("PERMIT;ana", "SYNTAX"),
        ("PERMIT;ana;", "SYNTAX"),
        ("PERMIT;ana;maybe", "SYNTAX"),
        ("PERMIT;ana;yes;more", "SYNTAX"),
    ] {
        luis.expect_ko(request, code);
    }
    assert_eq!(luis.request("PERMIT"), "OK;0");
    for request in ["PERMIT;ana;yes", "PERMIT;ana;yes", "PERMIT;eva;no"] {
        assert_eq!(luis.request(request), "OK");
    }
    assert_eq!(eva.request("PERMIT;luis;yes"), "OK");
    world.administer(&["user", "remove", "ana"]);
    assert_eq!(luis.list("PERMIT"), ["eva;no"]);
    luis.expect_ko("PERMIT;ana;yes", "NO_USER");
    world.administer(&["user", "remove", "luis"]);
    assert_eq!(eva.request("PERMIT"), "OK;0");
}
