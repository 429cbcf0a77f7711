//! Mutated requests to the web port of a real server: each gets the same answers however its bytes are cut, no request gets
//! anything but answers of HTTP, and others are served as ever.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};

use crate::mutator::Mutator;
use crate::runner::number;
use crate::support::process::Process;
use crate::support::random::Random;
use crate::support::web::{message, request, upgrade_fields, world_with_web};
use crate::support::{TIMEOUT, wait_for, wait_until};

const INPUTS: u64 = 1_000;

/// Returns requests as browsers, programs and proxies send them.
fn requests(web: SocketAddr) -> Vec<Vec<u8>> {
    let host = web.to_string();
    let origin = format!("http://{host}");
    let fields =
        [("Host", host.as_str()), ("Origin", &origin), ("Accept-Language", "es-CO,es;q=0.8"), ("Cookie", "a=b")];
    let upgrade = |path: &str| request(&format!("GET {path}"), &[&fields[..], &upgrade_fields()].concat()).into_bytes();
    let text = |line: &str, more: &[(&str, &str)]| request(line, &[&fields[..], more].concat());
    vec![
        text("GET /", &[("If-None-Match", "\"0123456789abcdef\"")]).into_bytes(),
        text("HEAD /sw.js", &[("Connection", "keep-alive")]).into_bytes(),
        text("GET /missing?query=1", &[("Connection", "close"), ("Content-Length", "0")]).into_bytes(),
        text("POST /send", &[("Content-Length", "3"), ("Transfer-Encoding", "chunked")]).into_bytes(),
        [text("GET /", &[]), text("HEAD /", &[("X-Forwarded-For", "192.0.2.1, 192.0.2.2")])].concat().into_bytes(),
        [upgrade("/send"), message("LOGIN:ana:1")].concat(),
        [upgrade("/recv"), message("POLL;0;1")].concat(),
    ]
}

/// Sends bytes in two pieces, and returns all answers up to a WebSocket's first frame.
fn answers(web: SocketAddr, input: &[u8], cut: usize) -> Vec<u8> {
    let mut stream = TcpStream::connect(web).expect("a connection");
    stream.set_nodelay(true).expect("no delay");
    stream.set_read_timeout(Some(TIMEOUT)).expect("a time-out");
    let (first, second) = input.split_at(cut.min(input.len()));
    // A server that refuses the beginning closes before the end.
    let _ = stream.write_all(first).and_then(|()| stream.write_all(second));
    let _ = stream.shutdown(Shutdown::Write);
    let mut read = Vec::new();
    match stream.read_to_end(&mut read) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("no end of the connection: {error}"),
        _ => {}
    }
    let switching = b"HTTP/1.1 101 ";
    if let Some(begin) = read.windows(switching.len()).position(|bytes| bytes == switching) {
        let end = read[begin..].windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("the end of a head");
        read.truncate(begin + end + 4);
    }
    read
}

#[test]
fn heads_of_requests() {
    let (world, web) = world_with_web(&["--no-limits"]);
    let process = Process::of(world.pid());
    let before = wait_for("a server at rest", || process.is_at_rest());
    let mutator = Mutator::new(requests(web));
    let first = number("FUZZ_SEED", 1);
    for seed in first..first + INPUTS * number("FUZZ_INPUTS", 200_000) / 200_000 {
        let input = mutator.input(seed);
        let whole = answers(web, &input, input.len());
        let cut = answers(web, &input, Random::new(seed).below(input.len() as u64 + 1) as usize);
        let shown = |bytes: &[u8]| bytes[..bytes.len().min(2_000)].escape_ascii().to_string();
        assert!(whole.is_empty() || whole.starts_with(b"HTTP/1.1 "), "FUZZ_SEED={seed}: {}", shown(&whole));
        assert_eq!(shown(&whole), shown(&cut), "FUZZ_SEED={seed}: {}", shown(&input));
    }
    let page = answers(web, request("GET /", &[("Host", &web.to_string())]).as_bytes(), 9);
    assert!(page.starts_with(b"HTTP/1.1 200 "), "{}", page.escape_ascii());
    assert!(!world.log().contains("panicked"), "{}", world.log());
    let is_back = || process.is_at_rest().is_some_and(|now| now.threads <= before.threads && now.files <= before.files);
    wait_until("its threads and files to be back", is_back);
}
