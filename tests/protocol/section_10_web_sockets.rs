//! The lines of both ports in WebSockets: the same requests, replies, limits and last lines.

use std::time::{Duration, Instant};

use wachat::limits;

use crate::support::connection::without_times;
use crate::support::web::{
    CLOSE, FINAL, PING, PONG, TEXT, Web, frame, message, request, upgrade_fields, world_with_web,
};
use crate::support::{Connection, PASSWORD, wait_until};

#[test]
fn the_requests_of_both_ports_have_the_replies_of_both_ports() {
    let (world, web) = world_with_web(&["--no-lobby"]);
    let (reply, mut ana) = Web::log_in(web, "/send", &format!("REGISTER:ana:{PASSWORD}"));
    assert_eq!(reply, "OK;ana;wachat/1");
    let mut luis = world.register("luis");
    let mut by_line = world.session("luis");
    assert_eq!(without_times(&ana.ask("SEND;m-1;luis;\"hola; ¿qué tal?\"")), "OK;m-1;RECEIVED;<at>;1");
    assert_eq!(by_line.list_without_times("POLL;0;5"), ["1;MSG;m-1;ana;luis;<at>;\"hola; ¿qué tal?\""]);
    let mut beside = world.login("ana");
    for asked in ["PING", "STATUS;m-1", "USERS", "nonsense", "SEND;m-1;luis;\"hola; ¿qué tal?\"", "HISTORY;luis;5"] {
        ana.say(asked);
        beside.send(format!("{asked}\n"));
        let lines = beside.read_line();
        let count = lines.strip_prefix("OK;").and_then(|n| n.split(';').next()?.parse().ok()).unwrap_or(0);
        for line in std::iter::once(lines).chain((0..count).map(|_| beside.read_line())) {
            assert_eq!(without_times(&ana.read_line()), without_times(&line), "{asked}");
        }
    }
    // A session of RECV takes over from the other; a POLL that waits is answered by the router.
    let (reply, mut session) = Web::log_in(web, "/recv", &format!("LOGIN:luis:{PASSWORD}"));
    assert!(reply.starts_with("OK;luis;wachat/1;"), "{reply}");
    assert!(by_line.read_line().starts_with("KO;REPLACED;"));
    session.say("POLL;1;8");
    assert!(luis.request("SEND;m-2;luis;a mí").starts_with("OK;m-2;"));
    assert_eq!(session.read_list().len(), 1);
    for mut ending in [ana, session] {
        assert_eq!(ending.ask("QUIT"), "OK");
        assert_eq!(ending.read_end(), (vec![], Some(1000)));
    }
}

/// What a client sends before it has read the answer to the upgrade is not lost.
#[test]
fn bytes_that_come_with_the_request_are_the_first_ones_of_the_web_socket() {
    let (world, web) = world_with_web(&[]);
    drop(world.register("ana"));
    let host = web.to_string();
    let head = request("GET /send?x=1", &[&[("Host", host.as_str())][..], &upgrade_fields()].concat());
    let lines = [message(&format!("LOGIN:ana:{PASSWORD}")), message("PING").repeat(300)].concat();
    let mut ana = Web::connect(web);
    ana.send([head.as_bytes(), &lines].concat());
    assert_eq!(ana.read_answer(false).status, 101);
    assert_eq!(ana.read_line(), "OK;ana;wachat/1");
    assert!((0..300).all(|_| ana.read_line() == "OK"));
    // Byte by byte it is the same.
    let mut ana = Web::connect(web);
    for byte in [head.as_bytes(), &lines[..200]].concat() {
        ana.send([byte]);
    }
    assert_eq!(ana.read_answer(false).status, 101);
    assert_eq!(ana.read_line(), "OK;ana;wachat/1");
    assert_eq!(ana.read_line(), "OK");
}

#[test]
fn a_close_frame_follows_the_last_line() {
    let (mut world, web) = world_with_web(&["--timeout", "5"]);
    drop(world.register("ana"));
    world.administer(&["user", "add", "eva"]);
    world.administer(&["ban", "eva"]);
    let login = format!("LOGIN:ana:{PASSWORD}");
    for path in ["/send", "/recv"] {
        for (line, last, code) in [
            ("LOGIN:ana:otra palabra", "KO;AUTH;", 1000),
            (&format!("LOGIN:eva:{PASSWORD}"), "KO;BANNED;", 1000),
            ("no login", "KO;SYNTAX;", 1000),
            (&"x".repeat(limits::LOGIN_BYTES), "KO;TOO_LONG;", 1009),
        ] {
            let mut client = Web::open(web, path);
            client.say(line);
            let (lines, said) = client.read_end();
            assert!(lines.len() == 1 && lines[0].starts_with(last), "{path} {last}: {lines:?}");
            assert_eq!(said, Some(code), "{path} {last}");
        }
    }
    let begin = Instant::now();
    let (_, mut idle) = Web::log_in(web, "/send", &login);
    let mut silent = Web::open(web, "/recv");
    for client in [&mut silent, &mut idle] {
        let (lines, code) = client.read_end();
        assert!(lines.len() == 1 && lines[0].starts_with("KO;TIMEOUT;"), "{lines:?}");
        assert_eq!(code, Some(1000));
    }
    let took = begin.elapsed();
    assert!(Duration::from_secs(4) < took && took < Duration::from_secs(20), "{took:?}");
    let (_, mut ana) = Web::log_in(web, "/recv", &login);
    let mut unused = Web::open(web, "/send");
    // It has reached the router once another one has.
    assert_eq!(ana.ask("PING"), "OK");
    world.stop();
    for client in [&mut ana, &mut unused] {
        let (lines, code) = client.read_end();
        assert!(lines.len() == 1 && lines[0].starts_with("KO;SHUTDOWN;"), "{lines:?}");
        assert_eq!(code, Some(1001));
    }
}

/// The replies are dropped, and what was asked has happened.
#[test]
fn after_the_close_frame_of_a_client_its_requests_are_carried_out() {
    let (world, web) = world_with_web(&["--no-lobby"]);
    let mut luis = world.register_session("luis");
    let (_, mut ana) = Web::log_in(web, "/send", &format!("REGISTER:ana:{PASSWORD}"));
    let close = frame(FINAL | CLOSE, &[&4000_u16.to_be_bytes()[..], b"bye"].concat());
    let sent: Vec<u8> = (1..=20).flat_map(|number| message(&format!("SEND;m-{number};luis;hola"))).collect();
    // What comes after it is nothing.
    ana.send([sent, close, message("SEND;m-21;luis;tarde")].concat());
    let (lines, code) = ana.read_end();
    assert_eq!(code, Some(4000), "the code of the client comes back");
    assert!(lines.iter().all(|line| line.starts_with("OK;m-")), "{lines:?}");
    let mut events = Vec::new();
    wait_until("the messages", || {
        events = luis.poll(0, 1);
        events.len() >= 20
    });
    assert_eq!(events.len(), 20);
    // A poll that waits ends with its client.
    let (_, mut session) = Web::log_in(web, "/recv", &format!("LOGIN:ana:{PASSWORD}"));
    let begin = Instant::now();
    session.send([message("POLL;0;20"), frame(FINAL | CLOSE, b"")].concat());
    assert_eq!(session.read_end(), (vec![], Some(1000)));
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
}

#[test]
fn a_ping_is_answered_and_of_several_the_newest() {
    let (world, web) = world_with_web(&[]);
    drop(world.register("ana"));
    let (_, mut session) = Web::log_in(web, "/recv", &format!("LOGIN:ana:{PASSWORD}"));
    // It needs no line: also while a poll waits, and in the middle of a message.
    session.say("POLL;0;20");
    session.send(frame(FINAL | PING, b"uno"));
    let pong = |payload: &[u8]| crate::support::web::Frame { opcode: PONG, payload: payload.to_vec() };
    assert_eq!(session.read_frame(), Some(pong(b"uno")));
    session.send([frame(TEXT, b"PI"), frame(FINAL | PING, &[7; 125]), frame(FINAL, b"NG")].concat());
    assert_eq!(session.read_frame(), Some(pong(&[7; 125])));
    // Those that come together have one answer.
    let pings: Vec<u8> = (0..100).flat_map(|number| frame(FINAL | PING, &[number])).collect();
    session.send([frame(FINAL | PONG, b"unasked"), pings].concat());
    let mut answered = Vec::new();
    while answered.last() != Some(&99) {
        let frame = session.read_frame().expect("a pong");
        assert_eq!(frame.opcode, PONG);
        answered.extend(frame.payload);
    }
    assert!(answered.len() < 20 && answered.is_sorted(), "{answered:?}");
}

/// A flood of pings makes its own reader wait.
#[test]
fn pings_between_lines_take_the_time_of_their_own_connection() {
    let (world, web) = world_with_web(&["--no-limits"]);
    drop(world.register("ana"));
    let (_, mut ana) = Web::log_in(web, "/send", &format!("LOGIN:ana:{PASSWORD}"));
    let begin = Instant::now();
    let rounds = 8;
    for _ in 0..rounds {
        ana.send(frame(FINAL | PING, b"x"));
        assert_eq!(ana.read_frame().expect("a pong").opcode, PONG);
    }
    let least = limits::WEB_PONG_INTERVAL * (rounds - 1);
    assert!(begin.elapsed() >= least, "{:?}", begin.elapsed());
    assert_eq!(Connection::open_with(world.send, &format!("LOGIN:ana:{PASSWORD}")).0, "OK;ana;wachat/1");
}

/// Replies of many megabytes wait until the client reads: they are framed once, in their order.
#[test]
fn replies_that_do_not_fit_into_the_socket_arrive_whole() {
    let (_world, web) = world_with_web(&["--no-lobby", "--no-limits"]);
    let (_, mut ana) = Web::log_in(web, "/send", &format!("REGISTER:ana:{PASSWORD}"));
    let text = "x".repeat(50_000);
    for number in 1..=40 {
        assert!(ana.ask(&format!("SEND;m-{number};ana;{number} {text}")).starts_with("OK;"));
    }
    let asked = 30;
    ana.send([message("HISTORY;ana;5"), frame(FINAL | PING, b"x"), message("PING")].concat().repeat(asked));
    for _ in 0..asked {
        let mut lines = Vec::new();
        while lines.len() < 7 {
            let frame = ana.read_frame().expect("a frame");
            if frame.opcode == TEXT {
                lines.push(String::from_utf8(frame.payload).unwrap());
            }
        }
        assert!(lines[0].starts_with("OK;5") && lines[6] == "OK", "{} and {}", lines[0], lines[6]);
        assert!(lines[1..6].iter().all(|row| row.ends_with(&text)));
    }
}

#[test]
fn under_tls_it_is_the_same() {
    let (world, web) = world_with_web(&["--tls"]);
    let mut ana = Web::connect_tls(web);
    let page = ana.exchange(&request("GET /", &[("Host", "localhost")]));
    assert_eq!(page.status, 200);
    ana.upgrade("/send", &[("Host", "localhost:1"), ("Origin", "https://localhost:1")]);
    assert_eq!(ana.ask(&format!("REGISTER:ana:{PASSWORD}")), "OK;ana;wachat/1");
    ana.send(frame(FINAL | PING, b"x"));
    assert_eq!(ana.read_frame().expect("a pong").opcode, PONG);
    assert_eq!(ana.ask("QUIT"), "OK");
    assert_eq!(ana.read_end(), (vec![], Some(1000)));
    assert!(!world.log().contains("panicked"), "{}", world.log());
}
