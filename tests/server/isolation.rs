//! Promise 7: clients that never read cost the others nothing.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use wachat::limits::CONNECTIONS_PER_USER;

use crate::support::{Connection, PASSWORD, World};

/// Clients that send requests and read no reply.
const SILENT_CLIENTS: usize = 500;

/// Requests of each: their replies are more than the socket buffers hold.
const REQUESTS: usize = 2_000;

/// Messages of the calm pair in one measurement.
const MESSAGES: usize = 200;

#[test]
fn clients_that_never_read_cost_the_others_nothing() {
    let world = World::new(&["--timeout", "60"]);
    let mut ana = world.register("ana");
    let mut luis = world.register_session("luis");
    (0..=SILENT_CLIENTS / CONNECTIONS_PER_USER).for_each(|number| drop(world.register(&format!("mallory{number}"))));
    let mut acknowledged = 0;
    let before = measure(&mut ana, &mut luis, "before", &mut acknowledged);
    let silent: Vec<_> =
        (0..SILENT_CLIENTS).map(|number| silent_client(&world, number / CONNECTIONS_PER_USER)).collect();
    let beside = measure(&mut ana, &mut luis, "beside", &mut acknowledged);
    // As long as nothing, but for the noise of a machine that others use, too. A server that waits for a client takes
    // seconds.
    let most = before * 4 + Duration::from_millis(50);
    assert!(beside < most, "median of a message to its reader: {before:?} alone, {beside:?} beside {}", silent.len());
}

fn silent_client(world: &World, user: usize) -> TcpStream {
    let mut stream = TcpStream::connect(world.send).expect("a connection");
    // Small, so that the replies soon have no room.
    rustix::net::sockopt::set_socket_recv_buffer_size(&stream, 4_096).expect("a small buffer");
    stream.set_write_timeout(Some(Duration::from_secs(5))).expect("a time-out");
    stream.write_all(format!("LOGIN:mallory{user}:{PASSWORD}\n").as_bytes()).expect("to send");
    // The server reads no further where it has no room for the replies.
    let _ = stream.write_all("HELP\n".repeat(REQUESTS).as_bytes());
    stream
}

/// Returns the median time from a SEND to its delivery, one at a time.
fn measure(ana: &mut Connection, luis: &mut Connection, name: &str, acknowledged: &mut u64) -> Duration {
    let mut times: Vec<_> = (0..MESSAGES)
        .map(|number| {
            let begin = Instant::now();
            assert!(ana.request(&format!("SEND;{name}-{number};luis;hola")).starts_with("OK;"));
            let events = luis.poll(*acknowledged, 5);
            let last = events.last().and_then(|event| event.split(';').next()?.parse().ok());
            *acknowledged = last.unwrap_or(*acknowledged).max(*acknowledged);
            begin.elapsed()
        })
        .collect();
    times.sort();
    times[MESSAGES / 2]
}
