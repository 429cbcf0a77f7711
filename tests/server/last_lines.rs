//! The last line of a connection reaches a client that is still sending; and of two logins the one whose line came last has the
//! session, however long a password has to wait.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use wachat::limits;

use crate::support::metrics::{Page, world_with_metrics};
use crate::support::{Connection, PASSWORD, TIMEOUT, World, wait_until};

/// Says some lines, and more that the server does not want. Returns all that is answered up to an end that is no reset.
fn told_while_sending(address: SocketAddr, lines: &str) -> Vec<String> {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(TIMEOUT)).expect("a time-out");
    // These bytes are on their way at once, read or not.
    stream.write_all(format!("{lines}{}", "x".repeat(30_000)).as_bytes()).expect("to send");
    let mut told = String::new();
    let end = stream.read_to_string(&mut told);
    assert!(end.is_ok(), "{end:?} behind {told:?}");
    told.lines().map(str::to_owned).collect()
}

/// A reset would take the line from it where the network is slower than here: the server reads what has come before it closes.
#[test]
fn the_last_line_reaches_a_client_that_is_still_sending() {
    let world = World::without_lobby();
    drop(world.register("ana"));
    world.administer(&["user", "add", "eva"]);
    world.administer(&["ban", "eva"]);
    let login = format!("LOGIN:ana:{PASSWORD}\n");
    let long = "x".repeat(limits::LINE_BYTES);
    for address in world.addresses() {
        for (lines, last) in [
            ("LOGIN:ana:otra palabra\n", "KO;AUTH;"),
            (&format!("LOGIN:eva:{PASSWORD}\n"), "KO;BANNED;"),
            ("no login\n", "KO;SYNTAX;"),
            ("REGISTER:a/b:palabra larga\n", "KO;NAME;"),
            ("", "KO;TOO_LONG;"),
            (&format!("{login}{long}\n"), "KO;TOO_LONG;"),
            (&format!("{login}QUIT\n"), "OK"),
        ] {
            for round in 0..4 {
                let told = told_while_sending(address, lines);
                let start: String = lines.chars().take(60).collect();
                let is_last = told.last().is_some_and(|line| line.starts_with(last));
                assert!(is_last, "{start:?}, round {round}: {told:?} and not {last}");
            }
        }
    }
    for _ in 0..2 {
        let told = told_while_sending(world.send, &format!("{login}PASSWD;otra palabra;una palabra larga\n"));
        assert!(told.len() == 2 && told[1].starts_with("KO;AUTH;"), "{told:?}");
    }
}

/// One try: a login has to wait after failures, and another one of the same user comes later, from elsewhere. `None`: the first
/// did not wait for long enough.
fn overtake(world: &World, metrics: SocketAddr) -> Option<()> {
    let guesser = [127, 0, 7, 1];
    for _ in 0..limits::FAILURES_PER_NAME {
        let reply = Connection::open_from(guesser, world.send).request("LOGIN:ana:otra palabra");
        assert!(reply.starts_with("KO;AUTH;"), "{reply}");
    }
    let mut first = Connection::open_from(guesser, world.recv);
    first.send(format!("LOGIN:ana:{PASSWORD}\n"));
    wait_until("its line", || {
        Page::read(metrics).value("wachat_auth_queue") > 0.0 || first.has_input(std::time::Duration::from_millis(1))
    });
    let mut second = world.session("ana");
    if first.has_input(std::time::Duration::from_millis(1)) {
        return None;
    }
    let rest = first.read_rest();
    assert!(rest.len() == 1 && rest[0].starts_with("KO;REPLACED;"), "the one whose line came first: {rest:?}");
    assert_eq!(second.request("PING"), "OK");
    let numbers = world.login("ana").list("SESSIONS");
    assert_eq!(numbers.iter().filter(|row| row.contains(";RECV;")).count(), 1, "{numbers:?}");
    Some(())
}

#[test]
fn a_login_that_has_waited_takes_over_from_none_whose_line_came_later() {
    let (world, metrics) = world_with_metrics(&["--no-lobby"]);
    drop(world.register("ana"));
    assert!((0..10).any(|_| overtake(&world, metrics).is_some()), "the first never waits");
}
