//! Pipelines: how far the server reads ahead of its replies, what it does with what comes in one piece, and that its
//! own time is not the client's.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use wachat::limits;

use crate::support::held_server::HeldServer;
use crate::support::{Connection, PASSWORD, World, wait_until};

/// Waits until this number of further inputs waits for the router, and looks for a time whether there are more.
fn wait_for_exactly(server: &HeldServer, before: f64, expected: f64, what: &str) {
    let count = || server.metric("wachat_router_queue") - before;
    wait_until(what, || count() >= expected);
    let until = Instant::now() + Duration::from_millis(150);
    while Instant::now() < until {
        assert_eq!(count(), expected, "{what}");
    }
}

/// Sends without waiting for the server, which does not read all.
fn pipeline(line: Connection, requests: String) -> std::thread::JoinHandle<Connection> {
    let mut line = line;
    std::thread::spawn(move || {
        line.send(requests);
        line
    })
}

#[test]
fn the_server_reads_as_many_requests_ahead_as_the_limit_says_on_each_connection() {
    let server = HeldServer::start();
    let mut luis = server.register("luis");
    let ana = server.register("ana");
    let other = server.login(server.handle.send_address(), "ana");
    server.stand_still(&mut luis);
    let before = server.metric("wachat_router_queue");
    let count = 3 * limits::PIPELINE;
    let first = pipeline(ana, "PING\n".repeat(count));
    wait_for_exactly(&server, before, limits::PIPELINE as f64, "one pipeline");
    let second = pipeline(other, "PING\n".repeat(count));
    wait_for_exactly(&server, before, 2.0 * limits::PIPELINE as f64, "two pipelines");
    server.release();
    for line in [first, second] {
        let mut line = line.join().expect("a connection");
        (0..count).for_each(|number| assert_eq!(line.read_line(), "OK", "{number}"));
    }
}

/// The last of the requests may begin below the limit and end above it.
#[test]
fn the_server_reads_as_many_bytes_ahead_as_the_limit_says() {
    for bytes in [3_000, 20_000, 59_000] {
        let server = HeldServer::start();
        let mut luis = server.register("luis");
        let ana = server.register("ana");
        server.stand_still(&mut luis);
        let before = server.metric("wachat_router_queue");
        let whole = limits::PIPELINE_BYTES / (bytes + "SEND;m-000;ana;".len());
        let count = 2 * whole;
        let text = "x".repeat(bytes);
        let requests: String = (0..count).map(|number| format!("SEND;m-{number:03};ana;{text}\n")).collect();
        let sending = pipeline(ana, requests);
        wait_for_exactly(&server, before, (whole + 1) as f64, "the bytes of a pipeline");
        server.release();
        let mut line = sending.join().expect("a connection");
        for number in 0..count {
            let reply = line.read_line();
            assert!(reply.starts_with(&format!("OK;m-{number:03};RECEIVED;")), "{reply}");
        }
    }
}

#[test]
fn what_comes_behind_quit_is_not_done() {
    let world = World::without_lobby();
    let mut ana = world.register("ana");
    ana.send("SEND;m-1;ana;uno\nQUIT\nSEND;m-2;ana;dos\nLOGOUT;others\nPASSWD;palabra larga;otra palabra\n");
    let rest = ana.read_rest();
    assert!(rest.len() == 2 && rest[0].starts_with("OK;m-1;") && rest[1] == "OK", "{rest:?}");
    let mut session = world.session("ana");
    session.send("quit\nPOLL;1;0\n");
    assert_eq!(session.read_rest(), ["OK"]);
    let mut ana = world.login("ana");
    assert_eq!(ana.list("HISTORY;ana").len(), 1);
    assert_eq!(ana.list("STATUS;ana;1"), ["ana;RECEIVED"], "the POLL behind QUIT acknowledges nothing");
}

/// Returns all that is answered to lines that come in pieces of this many bytes.
fn answered(address: SocketAddr, lines: &str, piece: usize) -> Vec<String> {
    let mut line = Connection::open(address);
    lines.as_bytes().chunks(piece).for_each(|piece| line.send(piece));
    line.half_close();
    line.read_rest()
}

/// The limit of a login line is that of no other line, whatever comes together with it.
#[test]
fn what_comes_in_one_piece_with_the_login_line_is_read_as_ever() {
    let world = World::new(&["--no-lobby", "--no-limits"]);
    drop(world.register("ana"));
    let text = "ñ".repeat(limits::TEXT_BYTES / 2);
    for (round, piece) in [1 << 20, 4_095, 4_096, 4_097, 30_000].into_iter().enumerate() {
        let lines = format!("LOGIN:ana:{PASSWORD}\r\nSEND;m-{round};ana;{text}\nPING\r\nSEND;n-{round};ana;{text}\n");
        let told = answered(world.send, &lines, piece);
        let starts = ["OK;ana;wachat/1", &format!("OK;m-{round};RECEIVED;"), "OK", &format!("OK;n-{round};RECEIVED;")];
        assert_eq!(told.len(), starts.len(), "in pieces of {piece}: {told:?}");
        assert!(told.iter().zip(starts).all(|(line, start)| line.starts_with(start)), "{told:?}");
        let lines = format!("LOGIN:ana:{PASSWORD}\nPOLL;0;0;1\n{}\nPING\n", "x".repeat(limits::LINE_BYTES - 1));
        let told = answered(world.recv, &lines, piece);
        assert_eq!(told.len(), 5, "in pieces of {piece}: {} lines", told.len());
        assert!(told[3].starts_with("KO;SYNTAX;") && told[4] == "OK", "{} and {}", told[3], told[4]);
    }
    // A line that is too long is so behind others, too; those are answered.
    let lines = format!("LOGIN:ana:{PASSWORD}\nPING\n{}\nPING\n", "x".repeat(limits::LINE_BYTES));
    let told = answered(world.send, &lines, 1 << 20);
    assert!(told.len() == 3 && told[1] == "OK" && told[2].starts_with("KO;TOO_LONG;"), "{told:?}");
}

const SHORT: Duration = Duration::from_millis(600);

/// Expects to be cut off, a time-out after this moment.
fn expect_timeout(line: &mut Connection, since: Instant, what: &str) {
    let last = line.read_line();
    let time = since.elapsed();
    assert!(last.starts_with("KO;TIMEOUT;"), "{what}: {last}");
    line.assert_closed();
    assert!(time >= SHORT - Duration::from_millis(50), "{what}: after {time:?}");
}

/// Whatever it is that takes long: the client owes nothing until it has its reply, and then the whole time begins.
#[test]
fn the_time_in_which_the_server_works_is_not_the_clients() {
    let server = HeldServer::start_with(|config| config.timeout = SHORT);
    let send = server.handle.send_address();
    let recv = server.handle.recv_address();
    drop(server.register("ana"));
    let mut eva = server.register("eva");
    let mut luis = server.register("luis");
    let mut session = server.login(recv, "eva");
    server.stand_still(&mut luis);
    let mut logging_in = [Connection::open(send), Connection::open(recv)];
    logging_in.iter_mut().for_each(|line| line.send(format!("LOGIN:ana:{PASSWORD}\n")));
    eva.send("SEND;m-1;ana;hola\nPING\nPI");
    session.send("PING\n");
    std::thread::sleep(3 * SHORT);
    for line in [&mut eva, &mut session].into_iter().chain(&mut logging_in) {
        assert!(!line.has_input(Duration::from_millis(1)), "{:?}", line.try_read_line());
    }
    server.release();
    let answered = Instant::now();
    assert!(luis.read_line().starts_with("OK;held-"));
    assert!(eva.read_line().starts_with("OK;m-1;RECEIVED;"));
    assert_eq!((eva.read_line(), session.read_line()), ("OK".to_owned(), "OK".to_owned()));
    logging_in.iter_mut().for_each(|line| assert!(line.read_line().starts_with("OK;ana;wachat/1")));
    // Now each of them is idle, or has begun a line and does not end it.
    let names = ["a begun line", "idle on RECV", "idle on SEND"];
    for (line, name) in [&mut eva, &mut session, &mut luis].into_iter().zip(names) {
        expect_timeout(line, answered, name);
    }
    logging_in.iter_mut().for_each(|line| expect_timeout(line, answered, "idle since the login"));
}
