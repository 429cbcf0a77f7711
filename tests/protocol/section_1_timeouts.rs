//! Every wait is limited, and shutting down is told. The limit here is 5 seconds, the shortest there
//! is; all who wait do it side by side, so that it has to pass only once.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Connection, PASSWORD, TIMEOUT as PATIENCE, World, wait_until};

/// `serve --timeout` of these tests.
const TIMEOUT: Duration = Duration::from_secs(5);

#[test]
fn a_client_that_exceeds_a_timeout_is_told_and_closed() {
    let world = World::new(&["--timeout", "5"]);
    world.register("ana");
    let mut luis = world.register("luis");
    world.register("eva");
    for number in 0..5 {
        assert!(luis.request(&format!("SEND;{number};eva;{}", "x".repeat(50_000))).starts_with("OK;"));
    }
    let world = &world;
    let login = format!("LOGIN:ana:{PASSWORD}\n");
    let login = login.as_bytes();
    thread::scope(|scope| {
        for port in [world.send, world.recv] {
            scope.spawn(move || cut_off("no login line", Connection::open(port), b""));
            scope.spawn(move || cut_off("a login line that trickles", Connection::open(port), login));
            // Two users: on RECV a new session of the same one would take over.
            for (user, what, slow) in [("ana", "idle between requests", &b""[..]), ("luis", "half a request", b"PI")] {
                let (_, line) = Connection::open_with(port, &format!("LOGIN:{user}:{PASSWORD}"));
                scope.spawn(move || cut_off(what, line, slow));
            }
        }
        scope.spawn(|| a_client_that_does_not_read_is_cut_off(world.send, "ana", "HELP\n"));
        scope.spawn(|| a_client_that_does_not_read_is_cut_off(world.recv, "eva", "POLL;0;0\n"));
    });
    world.login("ana").run_transcript(
        "> PING
         < OK",
    );
}

/// Says one byte every half second, which is progress but no line, and expects to be cut off.
fn cut_off(what: &str, mut line: Connection, slow: &[u8]) {
    let begun = Instant::now();
    for byte in slow.iter().take(20) {
        // Cut off in the middle is as good.
        if line.try_send([*byte]).is_err() {
            break;
        }
        if line.has_input(Duration::from_millis(500)) {
            break;
        }
    }
    let last = line.read_line();
    assert!(last.starts_with("KO;TIMEOUT;"), "{what}: {last}");
    line.assert_closed();
    let least = TIMEOUT - Duration::from_millis(500);
    let most = TIMEOUT + Duration::from_secs(6);
    assert!((least..most).contains(&begun.elapsed()), "{what}: after {:?}", begun.elapsed());
}

/// The pauses are the client's, and end within the limit; with the time of the POLL between they would not.
#[test]
fn the_time_of_a_poll_counts_neither_before_its_reply_nor_after_it() {
    let world = World::new(&["--no-lobby", "--timeout", "5"]);
    let mut ana = world.register_session("ana");
    thread::sleep(TIMEOUT / 2);
    assert_eq!(ana.request("POLL;0;4"), "OK;0", "it began within the limit");
    thread::sleep(TIMEOUT / 2);
    assert_eq!(ana.request("PING"), "OK", "it was answered within the limit");
}

#[test]
fn a_client_that_takes_a_byte_a_second_is_cut_off() {
    let world = World::new(&["--timeout", "5"]);
    let mut ana = world.register("ana");
    for number in 0..100 {
        assert!(ana.request(&format!("SEND;{number};ana;{}", "x".repeat(50_000))).starts_with("OK;"));
    }
    let _slow = [slow_client(world.send, "HISTORY;ana\n"), slow_client(world.recv, "POLL;0;0\n")];
    // Each look is a request of this connection, which is one of the sessions.
    let mut open = || {
        let sessions = ana.list("SESSIONS");
        [";SEND;", ";RECV;"].map(|port| sessions.iter().filter(|row| row.contains(port)).count())
    };
    wait_until("both to be there", || open() == [2, 1]);
    wait_until("both to be cut off", || open() == [1, 0]);
}

/// Logs ana in, requests more than the buffers hold, and takes a byte of the replies each second.
fn slow_client(port: SocketAddr, request: &str) -> thread::JoinHandle<()> {
    let mut stream = TcpStream::connect(port).expect("a connection");
    rustix::net::sockopt::set_socket_recv_buffer_size(&stream, 4_096).expect("a small buffer");
    stream.write_all(format!("LOGIN:ana:{PASSWORD}\n{}", request.repeat(100)).as_bytes()).expect("to send");
    thread::spawn(move || {
        while matches!(stream.read(&mut [0]), Ok(1)) {
            thread::sleep(Duration::from_secs(1));
        }
    })
}

/// It asks and asks, and takes no reply: once the buffers between are full there is no progress.
fn a_client_that_does_not_read_is_cut_off(port: SocketAddr, user: &str, request: &str) {
    let mut stream = TcpStream::connect(port).expect("a connection");
    stream.set_write_timeout(Some(PATIENCE)).expect("a time-out");
    stream.write_all(format!("LOGIN:{user}:{PASSWORD}\n").as_bytes()).expect("to send");
    let requests = request.repeat(10_000);
    let begun = Instant::now();
    // At most some megabytes fit into the buffers; writing on fails when the server has closed.
    while stream.write_all(requests.as_bytes()).is_ok() {
        assert!(begun.elapsed() < PATIENCE, "the server goes on answering somebody who does not read");
    }
    assert!(begun.elapsed() < PATIENCE, "not cut off, but given up after {:?}", begun.elapsed());
}
