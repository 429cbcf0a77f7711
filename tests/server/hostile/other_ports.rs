//! The metrics port and the administrator's socket: what happens there concerns no message, and silent connections keep
//! no monitor out.

use std::collections::VecDeque;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::scene::{Attack, Scene};
use crate::support::metrics::get;
use crate::support::wait_until;

#[test]
fn connections_to_the_metrics_port() {
    let mut scene = Scene::new(&["--no-lobby"], 0);
    let address = scene.metrics;
    // More than the server serves at once, each with half a request.
    let silent = |_| {
        let mut stream = TcpStream::connect(address).expect("a connection");
        stream.write_all(b"GET /hea").expect("to send");
        stream
    };
    let crowd: Vec<_> = (0..100).map(silent).collect();
    let begin = Instant::now();
    assert_eq!(get(address, "/healthz").status, 200);
    // One after the other they would have a deadline each.
    assert!(begin.elapsed() < Duration::from_secs(20), "/healthz has taken {:?}", begin.elapsed());
    drop(crowd);
    let attack = Attack::start(2, move |_| {
        let mut open = VecDeque::new();
        move || {
            // The server may cut it off at any moment. Nobody reads the page.
            if let Ok(mut stream) = TcpStream::connect(address) {
                let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\n\r\n");
                open.push_back(stream);
            }
            if open.len() > 50 {
                open.pop_front();
            }
        }
    });
    scene.assert_undisturbed("beside a flood of requests for the metrics");
    let threads = scene.process().holds().threads;
    attack.stop();
    assert!(threads < 40, "{threads} threads");
    scene.finish();
}

#[test]
fn connections_to_the_administrators_socket() {
    let mut scene = Scene::new(&["--no-lobby"], 0);
    let path = scene.world.data().join("control.sock");
    let attack = Attack::start(2, move |_| {
        let path = path.clone();
        let mut open = VecDeque::new();
        move || {
            let mut stream = UnixStream::connect(&path).expect("a connection");
            // Silent, half a request, a whole one whose reply nobody reads.
            let _ = stream.write_all([&b""[..], b"ADD;lobby;2\nana;", b"STATUS\n"][open.len() % 3]);
            open.push_back(stream);
            if open.len() > 50 {
                open.pop_front();
            }
        }
    });
    scene.assert_undisturbed("beside a flood at the administrator's socket");
    attack.stop();
    wait_until("a place for a command", || scene.world.admin(&["status"]).0 == Some(0));
    scene.finish();
}
