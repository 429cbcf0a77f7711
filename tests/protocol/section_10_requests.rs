//! HTTP before the upgrade: who may connect, what is answered, and how long a request may be and take.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::system::uname;

use wachat::limits;

use crate::support::random::Random;
use crate::support::web::{Answer, Web, request, upgrade_fields, world_with_web};
use crate::support::{PASSWORD, TIMEOUT, World, tls};

/// Sends one request on a connection of its own.
fn exchange(web: SocketAddr, line: &str, fields: &[(&str, &str)]) -> Answer {
    Web::connect(web).exchange(&request(line, fields))
}

/// Asks for a WebSocket with these header fields beside those of the upgrade; returns the status.
fn upgrade(web: SocketAddr, fields: &[(&str, &str)]) -> u16 {
    exchange(web, "GET /send", &[fields, &upgrade_fields()].concat()).status
}

#[test]
fn the_page_is_served_and_not_sent_again() {
    let (_world, web) = world_with_web(&[]);
    let host = [("Host", "localhost")];
    let mut client = Web::connect(web);
    let page = client.exchange(&request("GET /", &host));
    assert_eq!(page.status, 200);
    assert!(page.body.contains("<title>wachat</title>"), "{}", page.body);
    let tag = page.field("ETag").expect("a tag").to_owned();
    for (field, value) in [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Cache-Control", "no-cache"),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Connection", "keep-alive"),
        (
            "Content-Security-Policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; manifest-src 'self'; \
             worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
             require-trusted-types-for 'script'; trusted-types sw",
        ),
    ] {
        assert_eq!(page.field(field), Some(value), "{field}");
    }
    assert_eq!(page.field("Set-Cookie"), None);
    // HEAD says the same, without the page: what comes next is the next answer.
    let head = client.exchange(&request("HEAD /?x=1", &host));
    assert_eq!((head.status, head.field("Content-Length")), (200, page.field("Content-Length")));
    for known in [tag.clone(), format!("\"x\", W/{tag}"), "*".to_owned()] {
        let same = client.exchange(&request("GET /", &[host[0], ("If-None-Match", &known)]));
        assert_eq!((same.status, same.body.as_str(), same.field("ETag")), (304, "", Some(tag.as_str())), "{known}");
    }
    let other = client.exchange(&request("GET /", &[host[0], ("If-None-Match", "\"x\"")]));
    assert_eq!((other.status, other.body), (200, page.body));
    let none = client.exchange(&request("GET /sends", &host));
    assert_eq!((none.status, none.field("Content-Type")), (404, Some("text/plain; charset=utf-8")));
}

#[test]
fn each_request_has_its_status() {
    let (_world, web) = world_with_web(&[]);
    let host = ("Host", "localhost");
    let [websocket, connection, version, key] = upgrade_fields();
    for (status, line, fields) in [
        (426, "GET /send", vec![host]),
        (426, "HEAD /recv", vec![host]),
        (426, "GET /send", vec![host, websocket, connection, key, ("Sec-WebSocket-Version", "8")]),
        (426, "GET /send", vec![host, websocket, connection, key]),
        (400, "GET /send", vec![host, websocket, connection, version]),
        (400, "GET /send", vec![host, websocket, connection, version, ("Sec-WebSocket-Key", "c2hvcnQ=")]),
        (400, "GET /send", vec![host, websocket, connection, version, key, key]),
        (404, "GET /other", vec![host, websocket, connection, version, key]),
        (404, "GET /SEND", vec![host, websocket, connection, version, key]),
        (405, "POST /", vec![host, ("Content-Length", "5")]),
        (405, "PUT /send", vec![host, websocket, connection, version, key]),
        (405, "OPTIONS /", vec![host]),
        (400, "GET /", vec![host, ("Content-Length", "5")]),
        (400, "GET /", vec![host, ("Transfer-Encoding", "chunked")]),
        (400, "GET /", vec![]),
        (400, "GET /", vec![host, host]),
        (400, "GET /", vec![("Host", "local host")]),
        (400, "GET /", vec![("Host", "localhost:99999")]),
        (400, "GET /", vec![("Host", "[::1")]),
        (400, "GET http://localhost/", vec![host]),
        (400, "GET /", vec![host, ("Origin", "http://localhost"), ("Origin", "http://localhost")]),
        (400, "no request", vec![host]),
        (421, "GET /", vec![("Host", "example.org")]),
        (431, "GET /", vec![host; limits::WEB_HEADERS + 1]),
    ] {
        let answer = exchange(web, line, &fields);
        assert_eq!(answer.status, status, "{line} {fields:?}: {answer:?}");
    }
    let other = exchange(web, "DELETE /", &[host]);
    assert_eq!(other.field("Allow"), Some("GET, HEAD"));
    let mut by_http_2 = Web::connect(web);
    assert_eq!(by_http_2.exchange("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").status, 400);
    by_http_2.assert_closed();
    let mut old = Web::connect(web);
    let answer = old.exchange("GET / HTTP/1.0\r\nHost: localhost\r\n\r\n");
    assert_eq!((answer.status, answer.field("Connection")), (200, Some("close")));
    old.assert_closed();
}

/// A name that somebody else may have chosen for this address is refused, and so is a page of another site.
#[test]
fn a_host_that_is_not_known_and_an_origin_that_is_not_the_host_are_refused() {
    let (_world, web) = world_with_web(&["--web-name", "Chat.example.org,other.example", "--web-name", "third"]);
    let machine = uname().nodename().to_string_lossy().into_owned();
    let first = machine.split('.').next().unwrap();
    let local = format!("{first}.local:8080");
    for host in [
        "127.0.0.1",
        "192.0.2.7:80",
        "[::1]:8080",
        "[2001:db8::7]",
        "localhost",
        "LOCALHOST:1",
        &machine,
        first,
        &local,
        "chat.example.org",
        "CHAT.example.org:443",
        "other.example",
        "third:8080",
    ] {
        assert_eq!(upgrade(web, &[("Host", host)]), 101, "{host}");
        let secure = format!("https://{host}");
        assert_eq!(upgrade(web, &[("Host", host), ("Origin", &secure)]), 101, "{secure}");
    }
    for host in ["example.org", "evil.example:8080", "localhost.example", "local", "xlocalhost"] {
        let answer = exchange(web, "GET /", &[("Host", host)]);
        assert_eq!(answer.status, 421, "{host}");
        assert!(answer.body.contains("--web-name"), "{}", answer.body);
        assert_eq!(upgrade(web, &[("Host", host)]), 421, "{host}");
    }
    for (host, origin, may) in [
        ("localhost:8080", "http://localhost:8080", true),
        ("localhost:8080", "http://LOCALHOST:8080", true),
        ("localhost", "http://localhost", true),
        ("localhost", "http://localhost:80", true),
        ("localhost:443", "https://localhost", true),
        ("[::1]:8080", "http://[0:0::1]:8080", true),
        ("localhost:8080", "http://localhost", false),
        ("localhost:8080", "http://localhost:8081", false),
        ("localhost", "https://localhost:80", false),
        ("localhost", "http://127.0.0.1", false),
        ("127.0.0.1:8080", "http://127.0.0.2:8080", false),
        ("chat.example.org", "https://chat.example.org.evil.example", false),
        ("chat.example.org", "https://evil.example", false),
        ("localhost", "http://localhost/", false),
        ("localhost", "http://x@localhost", false),
        ("localhost", "ftp://localhost", false),
        ("localhost", "localhost", false),
        ("localhost", "null", false),
        ("localhost", "", false),
    ] {
        let expected = if may { 101 } else { 403 };
        assert_eq!(upgrade(web, &[("Host", host), ("Origin", origin)]), expected, "{origin} at {host}");
        let page = exchange(web, "GET /", &[("Host", host), ("Origin", origin)]).status;
        assert_eq!(page, if may { 200 } else { 403 }, "{origin} at {host}");
    }
}

#[test]
fn a_head_has_a_length_and_a_time() {
    let (_world, web) = world_with_web(&["--timeout", "5"]);
    let begin = Instant::now();
    let mut slow = Web::connect(web);
    slow.send("GET / HTTP/1.1\r\nHost:");
    let mut silent = Web::connect(web);
    // Cookies of the other ports of a host come along.
    let line = "GET / HTTP/1.1\r\nHost: localhost\r\nCookie: ";
    let longest = limits::WEB_HEAD_BYTES - line.len() - 4;
    for (length, status) in [(longest, 200), (longest + 1, 431), (limits::WEB_HEAD_BYTES * 4, 431)] {
        let mut client = Web::connect(web);
        // The server may have answered before the last byte.
        let _ = client.try_send(format!("{line}{}\r\n\r\n", "x".repeat(length)));
        assert_eq!(client.read_answer(false).status, status, "{length}");
    }
    for client in [&mut slow, &mut silent] {
        client.assert_closed();
    }
    let took = begin.elapsed();
    assert!(Duration::from_secs(4) < took && took < Duration::from_secs(15), "{took:?}");
}

#[test]
fn a_connection_goes_on_for_some_requests_and_seconds() {
    let (_world, web) = world_with_web(&["--timeout", "60"]);
    let get = request("GET /", &[("Host", "localhost")]);
    let mut idle = Web::connect(web);
    assert_eq!(idle.exchange(&get).status, 200);
    let begin = Instant::now();
    // Sent at once, they are answered in their order.
    let mut busy = Web::connect(web);
    let not_there = request("GET /nothing", &[("Host", "localhost")]);
    busy.send(format!("{get}{not_there}").repeat(limits::WEB_REQUESTS / 2));
    for number in 1..=limits::WEB_REQUESTS {
        let answer = busy.read_answer(false);
        assert_eq!(answer.status, if number % 2 == 1 { 200 } else { 404 });
        let is_last = number == limits::WEB_REQUESTS;
        assert_eq!(answer.field("Connection"), Some(if is_last { "close" } else { "keep-alive" }), "{number}");
    }
    busy.assert_closed();
    let mut polite = Web::connect(web);
    let answer = polite.exchange(&request("GET /", &[("Host", "localhost"), ("Connection", "Close")]));
    assert_eq!(answer.field("Connection"), Some("close"));
    polite.assert_closed();
    idle.assert_closed();
    let took = begin.elapsed();
    assert!(took > limits::WEB_KEEP_ALIVE - Duration::from_millis(500) && took < TIMEOUT / 2, "{took:?}");
}

/// What speaks TLS where there is none, and the other way round.
#[test]
fn clear_text_is_redirected_and_tls_is_closed() {
    if tls::is_everywhere() {
        return;
    }
    let (_world, web) = world_with_web(&["--tls"]);
    let host = web.to_string();
    let mut clear = Web::over(TcpStream::connect(web).unwrap(), false);
    let answer = clear.exchange(&request("GET /send?x", &[("Host", &host)]));
    assert_eq!((answer.status, answer.field("Location")), (308, Some(format!("https://{host}/send").as_str())));
    assert_eq!(answer.field("Cache-Control"), Some("no-store"));
    clear.assert_closed();
    let mut other = Web::over(TcpStream::connect(web).unwrap(), false);
    assert_eq!(other.exchange(&request("HEAD /", &[("Host", "example.org")])).status, 421);
    let (_world, web) = world_with_web(&[]);
    let mut stream = TcpStream::connect(web).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    // A record of TLS with a handshake.
    stream.write_all(&[22, 3, 1, 0, 2, 1, 0]).unwrap();
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said);
    assert_eq!(said, b"", "nothing that the client could take for TLS");
}

#[test]
fn a_request_in_http_is_no_login_line() {
    let world = World::new(&[]);
    drop(world.register("ana"));
    for address in world.addresses() {
        for begin in ["POST / HTTP/1.1", "GET / HTTP/1.1", "GET http://x/ HTTP/1.0"] {
            let mut client = crate::support::Connection::open(address);
            // The body of a form of another site, say.
            client.send(format!("{begin}\r\nHost: localhost\r\n\r\nLOGIN:ana:{PASSWORD}\nPING\n"));
            let lines = client.read_rest();
            assert!(lines.len() == 1 && lines[0].starts_with("KO;SYNTAX;"), "{begin}: {lines:?}");
        }
    }
}

/// Whatever a head is like, its connection alone ends, or goes on; each answer is whole.
#[test]
fn mutated_heads_are_answered_or_closed() {
    let (world, web) = world_with_web(&["--timeout", "5"]);
    let host = web.to_string();
    let heads = [
        request("GET /", &[("Host", &host), ("Origin", &format!("http://{host}"))]),
        request("GET /send", &[&[("Host", host.as_str())][..], &upgrade_fields()].concat()),
        request("HEAD /recv", &[("Host", &host), ("X-Forwarded-For", "192.0.2.7, 2001:db8::1")]),
    ];
    for seed in 0..400 {
        let mut random = Random::new(seed);
        let mut bytes = heads[random.below(3) as usize].clone().into_bytes();
        for _ in 0..1 + random.below(4) {
            let at = random.below(bytes.len() as u64) as usize;
            match random.below(5) {
                0 => bytes[at] ^= 1 << random.below(8),
                1 => _ = bytes.remove(at),
                2 => bytes.insert(at, random.next() as u8),
                3 => bytes.splice(at..at, b"\r\n".iter().copied()).for_each(drop),
                _ => bytes.extend_from_within(at..),
            }
        }
        let stream = TcpStream::connect(web).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        let _ = (&stream).write_all(&bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut said = Vec::new();
        let _ = (&stream).read_to_end(&mut said);
        assert!(said.is_empty() || said.starts_with(b"HTTP/1.1 "), "seed {seed}: {}", String::from_utf8_lossy(&said));
    }
    assert_eq!(exchange(web, "GET /", &[("Host", &host)]).status, 200);
    assert!(!world.log().contains("panicked"), "{}", world.log());
}
