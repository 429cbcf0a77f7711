//! Memory: a message is in it once, and only until a checkpoint has put it into a history file.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::process::Process;
use crate::support::{Connection, PASSWORD, TIMEOUT, World, wait_for, wait_until};
use rustix::net::sockopt::set_socket_recv_buffer_size;
use wachat::limits;

/// Most memory of the server, in KiB: two logins at once take 38 MiB, the newest messages at most 16.
const MOST: u64 = 80 << 10;

/// Messages to each of two users who are away.
const MESSAGES: usize = 1_000;

/// Connections under TLS that have not logged in, and most memory that each may take, in KiB.
const UNDER_TLS: u64 = 200;
const MOST_UNDER_TLS: u64 = 28;

#[test]
fn messages_that_wait_for_long_are_not_in_memory() {
    let mut world = World::new(&["--no-limits"]);
    let mut ana = world.register("ana");
    let users = ["luis", "eva"];
    users.iter().for_each(|user| drop(world.register(user)));
    let text = "x".repeat(limits::TEXT_BYTES);
    for number in 0..MESSAGES {
        for user in users {
            ana.send(format!("SEND;{user}-{number};{user};{text}\n"));
        }
        for _ in users {
            let reply = ana.read_line();
            assert!(reply.starts_with("OK;"), "{reply}");
        }
    }
    let process = Process::of(world.pid());
    let much = process.resident();
    let mut least = u64::MAX;
    wait_for("the checkpoints, which give memory back", || {
        std::thread::sleep(Duration::from_millis(100));
        least = least.min(process.resident());
        println!("resident: {much} KiB at the end of the messages, then {least}");
        (least < MOST).then_some(())
    });
    read_all(&mut world.session("luis"), "luis", &text);
    world.stop();
    let offline = offline_table(&world);
    assert!(offline.len() < 100 * 2 * MESSAGES && !offline.contains("xxx"), "{} bytes", offline.len());
}

/// The handshake of TLS is calculated on a thread that ends with it: only its keys and buffers stay, and one thread a
/// connection, with a stack that few pages of were touched.
#[test]
fn a_handshake_leaves_no_stack_behind() {
    let world = World::new(&["--tls"]);
    drop(Connection::open_tls(world.send));
    let process = Process::of(world.pid());
    let at_rest = || wait_for("the server to be at rest", || process.is_at_rest()).threads;
    let threads = at_rest();
    let before = process.resident();
    let connections: Vec<_> = (0..UNDER_TLS).map(|_| Connection::open_tls(world.send)).collect();
    let more_threads = at_rest() - threads;
    let each = process.resident().saturating_sub(before) / UNDER_TLS;
    println!("{each} KiB each");
    drop(connections);
    assert_eq!(more_threads, UNDER_TLS, "threads for as many connections");
    assert!(each < MOST_UNDER_TLS, "{each} KiB each");
}

/// Clients send as many requests as a connection takes, and read nothing. Each may have a buffer full of replies, not the
/// replies to all.
#[test]
fn replies_that_nobody_reads_are_not_in_memory() {
    let world = World::new(&["--no-limits", "--timeout", "5"]);
    let users: Vec<_> = (0..10).map(|number| format!("user{number}")).collect();
    // Their password hashes take much memory for a moment.
    users.iter().for_each(|user| drop(world.register(user)));
    users.iter().for_each(|user| drop(world.login(user)));
    let process = Process::of(world.pid());
    let before = process.peak();
    let silent: Vec<_> = users.iter().flat_map(|user| [user; limits::CONNECTIONS_PER_USER]).collect();
    let silent: Vec<_> = silent.iter().map(|user| silent_client(&world, user)).collect();
    let is_over = || world.administer(&["session", "list"]).lines().count() == 1;
    wait_until("all to be cut off", is_over);
    let grown = process.peak() - before;
    println!("{} clients that read nothing: {grown} KiB", silent.len());
    assert!(grown < silent.len() as u64 * 256, "{grown} KiB");
}

/// Logs in, and reads nothing but that reply.
fn silent_client(world: &World, user: &str) -> TcpStream {
    let mut stream = TcpStream::connect(world.send).expect("a connection");
    set_socket_recv_buffer_size(&stream, 4_096).expect("a small buffer");
    stream.set_read_timeout(Some(TIMEOUT)).expect("a time-out");
    stream.write_all(format!("LOGIN:{user}:{PASSWORD}\n").as_bytes()).expect("to send");
    let mut reply = format!("OK;{user};wachat/1\n").into_bytes();
    stream.read_exact(&mut reply).expect("the reply");
    stream.set_nonblocking(true).expect("a socket");
    let requests = "HELP\n".repeat(10_000);
    // Ends when the buffers between are full.
    while stream.write_all(requests.as_bytes()).is_ok() {}
    stream
}

/// Each message comes, in order, with its text.
fn read_all(session: &mut Connection, user: &str, text: &str) {
    let mut last = 0;
    let mut count = 0;
    loop {
        let events = session.poll(last, 0);
        let Some(newest) = events.last() else { break };
        last = newest.split(';').next().and_then(|seq| seq.parse().ok()).expect("a number");
        for event in events {
            assert!(event.contains(&format!(";MSG;{user}-{count};ana;{user};")), "{count}: {}", &event[..80]);
            assert!(event.ends_with(text), "{count}: another text");
            count += 1;
        }
    }
    assert_eq!(count, MESSAGES);
}

fn offline_table(world: &World) -> String {
    let entries = std::fs::read_dir(world.data()).expect("the data").map(|entry| entry.expect("an entry").path());
    let checkpoint = entries.into_iter().find(|path| path.join("offline.csv").exists()).expect("a checkpoint");
    std::fs::read_to_string(checkpoint.join("offline.csv")).expect("the table")
}
