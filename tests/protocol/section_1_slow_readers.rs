//! A client that takes its replies slowly, but not below the rate that the page promises, is served to the last byte.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::sockopt::set_socket_recv_buffer_size;

use crate::support::{Connection, PASSWORD, World};

/// Several times the time-out of the server.
const SLOW_TIME: Duration = Duration::from_secs(13);

/// A way of reading: this many bytes at once, with this pause between.
struct Pace {
    bytes: usize,
    pause: Duration,
    /// The receive buffer; `None`: that of the system, which takes many bytes at once, and then none for a while.
    buffer: Option<usize>,
    /// Replies of a quarter of a MiB that are asked for: more than the buffers of both systems hold.
    replies: usize,
}

/// Passes a connection on to a server. What the server sends is taken at a pace for a time, and then at once.
fn slow_way(server: SocketAddr, pace: Pace) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    thread::spawn(move || {
        let client = listener.accept().expect("a client").0;
        let upstream = TcpStream::connect(server).expect("the server");
        if let Some(bytes) = pace.buffer {
            set_socket_recv_buffer_size(&upstream, bytes).expect("a buffer");
        }
        let from = client.try_clone().expect("a socket");
        let to = upstream.try_clone().expect("a socket");
        thread::spawn(move || std::io::copy(&mut &from, &mut &to));
        let _ = pass_slowly(upstream, client, &pace);
    });
    address
}

fn pass_slowly(mut from: TcpStream, mut to: TcpStream, pace: &Pace) -> std::io::Result<u64> {
    let begun = Instant::now();
    let mut bytes = vec![0; pace.bytes];
    while begun.elapsed() < SLOW_TIME {
        let read = from.read(&mut bytes)?;
        to.write_all(bytes.get(..read).unwrap_or_default())?;
        if read == 0 {
            return Ok(0);
        }
        thread::sleep(pace.pause);
    }
    // With a small one the rest would take minutes.
    set_socket_recv_buffer_size(&from, 1 << 20)?;
    std::io::copy(&mut from, &mut to)
}

/// Asks for more than the buffers hold, and takes all of it at this pace.
fn read_all_slowly(server: SocketAddr, tls: bool, expected: &[String], pace: Pace) {
    let replies = pace.replies;
    let way = slow_way(server, pace);
    let mut slow = if tls { Connection::open_tls(way) } else { Connection::open(way) };
    slow.request(&format!("LOGIN:ana:{PASSWORD}"));
    slow.send("HISTORY;ana\n".repeat(replies));
    for number in 0..replies {
        assert!(slow.read_list("HISTORY;ana") == expected, "reply {number} is another one");
    }
}

fn serve_slow_readers(world: &World, tls: bool) {
    let open = |verb: &str| {
        let mut line = if tls { Connection::open_tls(world.send) } else { Connection::open(world.send) };
        line.request(&format!("{verb}:ana:{PASSWORD}"));
        line
    };
    let mut ana = open("REGISTER");
    for number in 0..10 {
        assert!(ana.request(&format!("SEND;{number};ana;{}", "x".repeat(50_000))).starts_with("OK;"));
    }
    let expected = ana.list("HISTORY;ana");
    drop(ana);
    let pace = |bytes, millis, buffer, replies| {
        let pause = Duration::from_millis(millis);
        Pace { bytes, pause, buffer, replies }
    };
    let paces = [pace(3_000, 100, None, 16), pace(9_000, 1_000, Some(4_096), 1), pace(6_000, 200, Some(16_384), 2)];
    thread::scope(|scope| {
        for pace in paces {
            scope.spawn(|| read_all_slowly(world.send, tls, &expected, pace));
        }
    });
}

#[test]
fn a_client_that_takes_some_kilobytes_a_second_gets_all_bytes() {
    serve_slow_readers(&World::new(&["--timeout", "5", "--no-limits"]), false);
}

#[test]
fn under_tls_it_does_too() {
    serve_slow_readers(&World::new(&["--timeout", "5", "--no-limits", "--tls"]), true);
}
