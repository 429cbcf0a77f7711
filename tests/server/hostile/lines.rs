//! Bad lines: each has its KO, and they are charged like requests.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::scene::{Attack, Scene, login, mallory};
use crate::support::{TIMEOUT, tls, wait_until};

const LINES: usize = 100_000;

/// Hostile users, on a connection each.
const USERS: usize = 10;

/// Lines of one connection before the next one.
const AT_ONCE: usize = 1_000;

const BAD: [&[u8]; 8] = [
    b"",
    b"nonsense",
    b"SEND;m-1;ana;\"no end",
    b"SEND;m-1;ana",
    b"\xff\xfe\x00;\x00",
    b"POLL;99999999999999999999;1",
    b"SEND;;;",
    b";;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;",
];

#[test]
fn a_hundred_thousand_bad_lines() {
    if tls::is_everywhere() {
        return;
    }
    let mut scene = Scene::new(&["--no-lobby"], USERS);
    let address = scene.world.send;
    let answered = Arc::new(AtomicUsize::new(0));
    let count = answered.clone();
    let attack = Attack::start(USERS, move |user| {
        let count = count.clone();
        move || {
            let stream = TcpStream::connect(address).expect("a connection");
            stream.set_read_timeout(Some(TIMEOUT)).expect("a time-out");
            count.fetch_add(send_bad_lines(stream, &mallory(user)), Ordering::Relaxed);
        }
    });
    scene.assert_undisturbed("beside bad lines");
    wait_until("the last bad line", || answered.load(Ordering::Relaxed) >= LINES);
    let refused = scene.page().value("wachat_refusals_total{code=\"SYNTAX\"}");
    assert!(refused >= LINES as f64 / 2.0, "{refused} refusals");
    attack.stop();
    scene.finish();
}

/// Sends bad lines, the last of them without an end. Returns the number of their KOs.
fn send_bad_lines(stream: TcpStream, user: &str) -> usize {
    let mut lines = (login(user) + "\n").into_bytes();
    for line in BAD.iter().cycle().take(AT_ONCE) {
        lines.extend_from_slice(line);
        lines.push(b'\n');
    }
    lines.extend_from_slice(b"SEND;m-1;");
    (&stream).write_all(&lines).expect("to send");
    stream.shutdown(Shutdown::Write).expect("an end");
    let mut replies = BufReader::new(stream).lines().map(|line| line.expect("a reply"));
    assert_eq!(replies.next(), Some(format!("OK;{user};wachat/1")));
    let refused = replies.inspect(|reply| assert!(reply.starts_with("KO;"), "{reply}")).count();
    assert_eq!(refused, AT_ONCE);
    refused
}
