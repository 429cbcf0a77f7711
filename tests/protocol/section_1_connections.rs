//! Two ports; one reply a request, in order; half-closes; the ends of a connection.

use std::time::{Duration, Instant};

use crate::support::{Connection, PASSWORD, World};

#[test]
fn the_classic_way_is_a_connection_for_every_message() {
    let world = World::without_lobby();
    world.register("ana");
    for seq in 1..=5 {
        let mut line = Connection::open(world.send);
        line.run_transcript(&format!(
            "> LOGIN:ana:{PASSWORD}
             < OK;ana;wachat/1
             > SEND;m-{seq};ana;hola
             < OK;m-{seq};RECEIVED;<at>;{seq}
             > QUIT
             < OK"
        ));
        line.assert_closed();
    }
}

#[test]
fn each_port_has_its_own_commands() {
    let world = World::without_lobby();
    world.register("ana").run_transcript(
        "> POLL;0;0
         < KO;SYNTAX;...",
    );
    world.session("ana").run_transcript(
        "> SEND;m-1;ana;hola
         < KO;SYNTAX;...
         > HELP
         < KO;SYNTAX;...
         > PING
         < OK",
    );
}

#[test]
fn requests_may_be_sent_before_the_replies_are_read() {
    let world = World::without_lobby();
    world.register("ana");
    let mut line = Connection::open(world.send);
    // Even before the login is answered. The replies come in the order of the requests, from whichever
    // thread of the server they come.
    line.send(format!("LOGIN:ana:{PASSWORD}\nSEND;m-1;ana;a\nPING\nnonsense\nSEND;m-2;ana;b\nCHATS\nQUIT\n"));
    line.run_transcript(
        "< OK;ana;wachat/1
         < OK;m-1;RECEIVED;<at>;1
         < OK
         < KO;SYNTAX;...
         < OK;m-2;RECEIVED;<at>;2
         < OK;1
         < ana;2;0;2;0
         < OK",
    );
    line.assert_closed();
}

#[test]
fn a_thousand_requests_at_once_have_a_thousand_replies_in_order() {
    let world = World::without_lobby();
    let mut ana = world.register("ana");
    let requests: Vec<_> = (1..=1000).map(|n| format!("SEND;m-{n};ana;hola {n}\n")).collect();
    ana.send(requests.concat());
    for n in 1..=1000 {
        let reply = ana.read_line();
        assert!(reply.starts_with(&format!("OK;m-{n};RECEIVED;")) && reply.ends_with(&format!(";{n}")), "{reply}");
    }
}

#[test]
fn a_half_close_on_recv_has_a_waiting_poll_answered_at_once() {
    let world = World::without_lobby();
    world.register("ana");
    let begun = Instant::now();
    let mut line = Connection::open(world.recv);
    line.send(format!("LOGIN:ana:{PASSWORD}\nPOLL;0\n"));
    line.half_close();
    assert!(line.read_line().starts_with("OK;ana;wachat/1;0;"));
    assert_eq!(line.read_rest(), ["OK;0"], "the poll has its answer, and nothing comes after it");
    assert_quick(begun);
}

#[test]
fn requests_before_a_half_close_are_answered() {
    let world = World::without_lobby();
    world.register("ana").run_transcript(
        "> SEND;m-1;ana;hola
         < OK;m-1;RECEIVED;<at>;1",
    );
    let mut line = Connection::open(world.recv);
    line.send(format!("LOGIN:ana:{PASSWORD}\nPOLL;0\nPOLL;1\nPING\n"));
    line.half_close();
    let answers = line.read_rest();
    assert_eq!(answers.len(), 6, "login, OK;1 and the message, OK;1 and its STATE, PING: {answers:?}");
}

#[test]
fn a_user_has_at_most_16_connections_on_send_from_all_addresses() {
    let world = World::without_lobby();
    let _ana = world.register("ana");
    let mut luis = world.register("luis");
    let login = |user: &str| format!("LOGIN:{user}:{PASSWORD}");
    let mut others: Vec<_> = (1..16).map(|_| world.login("ana")).collect();
    for source in [[127, 0, 0, 1], [127, 0, 0, 2]] {
        let mut line = Connection::open_from(source, world.send);
        let reply = line.request(&login("ana"));
        assert!(reply.starts_with("KO;FULL;"), "the 17th: {reply}");
        line.assert_closed();
    }
    assert_eq!(luis.request("PING"), "OK");
    world.login("luis");
    // The one session on RECV is another matter, and so is a takeover.
    let mut first = world.session("ana");
    let mut second = world.session("ana");
    assert!(first.read_line().starts_with("KO;REPLACED;"));
    assert_eq!(second.request("PING"), "OK");
    let mut last = others.pop().expect("a connection");
    assert_eq!(last.request("QUIT"), "OK");
    last.assert_closed();
    world.login("ana");
}

#[test]
fn a_connection_that_has_ended_does_not_count() {
    let world = World::without_lobby();
    world.register("ana");
    for number in 0..100 {
        let mut line = world.login("ana");
        if number % 2 == 0 {
            assert_eq!(line.request("QUIT"), "OK");
        } else {
            line.half_close();
        }
        line.assert_closed();
        let mut session = world.session("ana");
        assert_eq!(session.request("QUIT"), "OK");
    }
}

/// Far less than a poll waits.
fn assert_quick(begun: Instant) {
    assert!(begun.elapsed() < Duration::from_secs(6), "not at once, but after {:?}", begun.elapsed());
}
