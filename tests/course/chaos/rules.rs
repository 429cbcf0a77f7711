//! Each rule does what it says, seen at the sockets of both sides.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use wachat::protocol::event::EVENTS;

use super::process::{Chaos, RawServer, read_exactly, read_to_end};
use crate::support::{Connection, TIMEOUT, World, wait_until};

/// A server with ana and luis.
fn world() -> World {
    let world = World::without_lobby();
    ["ana", "luis"].iter().for_each(|user| drop(world.register(user)));
    world
}

/// A client of a raw server through a proxy with one rule, both at their sockets.
fn raw(rule: &str) -> (Chaos, TcpStream, TcpStream) {
    let server = RawServer::new();
    let chaos = Chaos::with_rule(server.addresses(), rule);
    let client = TcpStream::connect(chaos.addresses[0]).expect("a connection");
    client.set_read_timeout(Some(TIMEOUT)).expect("a time-out");
    let server = server.accept();
    send(&client, "LOGIN:ana:secret word\n");
    read_exactly(&server, "LOGIN:ana:secret word\n");
    send(&server, "OK;ana;wachat/1\n");
    read_exactly(&client, "OK;ana;wachat/1\n");
    (chaos, client, server)
}

fn send(mut stream: &TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).expect("to send");
}

#[test]
fn the_third_ok_is_dropped_and_a_retry_has_the_same_number() {
    let world = world();
    let chaos = Chaos::with_rule(world.addresses(), "drop reply OK 3");
    let mut ana = chaos.login("ana");
    let first = ana.request("SEND;m-1;luis;uno");
    assert!(first.starts_with("OK;m-1;RECEIVED;"), "{first}");
    // The next reply that comes is that to the next request.
    ana.send("SEND;m-2;luis;dos\nPING\n");
    assert_eq!(ana.read_line(), "OK");
    let retried = chaos.login("ana").request("SEND;m-2;luis;dos");
    assert!(retried.starts_with("OK;m-2;RECEIVED;") && retried.ends_with(";2"), "{retried}");
    assert_eq!(
        chaos.stop(),
        [
            "ana, SEND connection 1, line 3 to the client, OK SEND reply: drop",
            "wachat: connections: 2, disturbed: 1; faults: 1 drop",
            "wachat: SENDs answered again: 1, each as before",
            "wachat: stopped",
        ]
    );
}

#[test]
fn a_reply_is_dropped_with_its_list_and_a_request_never_arrives() {
    let world = world();
    let chaos =
        Chaos::start(world.addresses(), &["--rule", "drop the USERS reply", "--rule", "drop the first SEND request"]);
    let mut ana = chaos.login("ana");
    ana.send("USERS\nPING\nSEND;m-1;luis;uno\nPING\nHISTORY;luis\n");
    assert_eq!([(); 3].map(|()| ana.read_line()), ["OK", "OK", "OK;0"]);
    drop(chaos);
}

#[test]
fn every_poll_reply_is_delayed_and_no_other() {
    let world = world();
    let chaos = Chaos::with_rule(world.addresses(), "delay every POLL reply by 800 ms");
    let mut luis = chaos.session("luis");
    for _ in 0..2 {
        let begin = Instant::now();
        assert_eq!(luis.request("POLL;0;0"), "OK;0");
        assert!(begin.elapsed() >= Duration::from_millis(800), "{:?}", begin.elapsed());
        assert_eq!(luis.request("PING"), "OK");
    }
    let said = chaos.stop();
    let line = |line| format!("luis, RECV connection 1, line {line} to the client, OK POLL reply: delay by 800 ms");
    assert_eq!(said[..2], [line(2), line(4)]);
    assert_eq!(said[2], "wachat: connections: 1, disturbed: 1; faults: 2 delay");
}

#[test]
fn a_request_is_cut_after_a_byte() {
    let (chaos, client, server) = raw("cut the 1st SEND after byte 17");
    send(&client, "PING\nSEND;m-1;luis;hola; ¿qué tal?\n");
    assert_eq!(read_to_end(&server), "PING\nSEND;m-1;luis;hol");
    assert_eq!(read_to_end(&client), "");
    chaos.wait_for("line 3 to the server, SEND request: cut after byte 17");
}

#[test]
fn a_reply_is_cut_after_a_byte_and_the_request_was_executed() {
    let world = world();
    let chaos = Chaos::with_rule(world.addresses(), "cut the OK reply to SEND after byte 5");
    let ana = TcpStream::connect(chaos.addresses[0]).expect("a connection");
    send(&ana, "LOGIN:ana:palabra larga\nSEND;m-1;luis;hola\n");
    assert_eq!(read_to_end(&ana), "OK;ana;wachat/1\nOK;m-");
    assert_eq!(world.login("luis").list("HISTORY;ana").len(), 1);
}

#[test]
fn a_cut_before_the_login_without_a_record_named() {
    let server = RawServer::new();
    let chaos = Chaos::with_rule(server.addresses(), "cut after byte 9");
    let client = TcpStream::connect(chaos.addresses[0]).expect("a connection");
    let server = server.accept();
    send(&client, "LOGIN:ana:secret word\n");
    assert_eq!(read_to_end(&server), "LOGIN:ana");
}

#[test]
fn a_duplicate_request_arrives_twice_and_is_answered_once() {
    let (_chaos, client, server) = raw("duplicate the 2nd SEND");
    send(&client, "SEND;1;luis;a\nSEND;2;luis;b\nPING\n");
    read_exactly(&server, "SEND;1;luis;a\nSEND;2;luis;b\nSEND;2;luis;b\nPING\n");
    send(&server, "OK;1\nOK;2\nOK;2;copy\nOK;ping\n");
    read_exactly(&client, "OK;1\nOK;2\nOK;ping\n");
}

#[test]
fn a_duplicate_reply_comes_twice_with_its_list() {
    let (_chaos, client, server) = raw("duplicate every USERS reply");
    send(&client, "USERS\nPING\n");
    read_exactly(&server, "USERS\nPING\n");
    send(&server, "OK;2\nana;online;\nluis;offline;\nOK\n");
    read_exactly(&client, "OK;2\nana;online;\nluis;offline;\nOK;2\nana;online;\nluis;offline;\nOK\n");
}

#[test]
fn one_event_of_a_list_is_found_by_its_word() {
    let (_chaos, client, server) = raw("drop the 2nd MSG event");
    send(&client, "POLL;0\nPING\n");
    read_exactly(&server, "POLL;0\nPING\n");
    send(&server, "OK;3\n1;MSG;a\n2;STATE;luis\n3;MSG;b\nOK\n");
    read_exactly(&client, "OK;3\n1;MSG;a\n2;STATE;luis\nOK\n");
}

#[test]
fn a_rule_names_every_event_of_the_protocol() {
    let rules: Vec<_> =
        EVENTS.iter().flat_map(|event| ["--rule".to_owned(), format!("drop {} event", event.word())]).collect();
    let server = RawServer::new();
    let chaos = Chaos::start(server.addresses(), &rules.iter().map(String::as_str).collect::<Vec<_>>());
    let client = TcpStream::connect(chaos.addresses[1]).expect("a connection");
    client.set_read_timeout(Some(TIMEOUT)).expect("a time-out");
    let server = server.accept();
    send(&client, "LOGIN:ana:secret word\nPOLL;0\n");
    read_exactly(&server, "LOGIN:ana:secret word\nPOLL;0\n");
    let words = EVENTS.iter().map(|event| format!("7;{};a\n", event.word()));
    send(&server, &format!("OK;ana;wachat/1;0;s\nOK;{}\n{}OK;0\n", EVENTS.len(), words.collect::<String>()));
    read_exactly(&client, &format!("OK;ana;wachat/1;0;s\nOK;{}\nOK;0\n", EVENTS.len()));
}

#[test]
fn a_reset_is_one_for_both_sides() {
    let (_chaos, client, server) = raw("reset at the 1st reply to PING");
    send(&client, "PING\n");
    read_exactly(&server, "PING\n");
    send(&server, "OK\n");
    for mut side in [&client, &server] {
        let error = side.read(&mut [0; 10]).expect_err("a reset");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
}

#[test]
fn a_half_close_ends_one_direction() {
    let (_chaos, client, server) = raw("half-close at the 2nd PING");
    send(&client, "PING\nPING\nPING\n");
    assert_eq!(read_to_end(&server), "PING\n");
    send(&server, "OK\nand more\n");
    read_exactly(&client, "OK\nand more\n");
}

#[test]
fn a_silent_direction_ends_with_the_connection() {
    let (_chaos, client, server) = raw("silence at the 2nd PING");
    send(&client, "PING\nPING\nPING\n");
    read_exactly(&server, "PING\n");
    send(&server, "OK\n");
    read_exactly(&client, "OK\n");
    client.shutdown(Shutdown::Write).expect("an end");
    assert_eq!(read_to_end(&server), "");
}

#[test]
fn a_split_record_comes_one_byte_at_a_time() {
    let (_chaos, client, mut server) = raw("split every SEND");
    let line = format!("SEND;m-1;luis;{}\n", "x".repeat(300));
    // A busy reader finds several bytes at once; one that finds them all in one piece saw no split.
    wait_until("a line in many pieces", || {
        send(&client, &line);
        let mut read = 0;
        let mut pieces = 0;
        let mut buffer = [0; 1_000];
        while read < line.len() {
            read += server.read(&mut buffer).expect("bytes");
            pieces += 1;
        }
        assert_eq!(read, line.len());
        pieces > 10
    });
}

#[test]
fn a_record_is_held_until_enter() {
    let world = world();
    let mut chaos = Chaos::with_rule(world.addresses(), "hold the PING reply until Enter");
    let mut ana = chaos.login("ana");
    ana.send("PING\n");
    chaos.wait_for("line 2 to the client, OK PING reply: hold until Enter");
    assert!(!ana.has_input(Duration::from_millis(300)));
    chaos.press_enter();
    assert_eq!(ana.read_line(), "OK");
}

#[test]
fn a_request_that_is_held_arrives_behind_its_retry() {
    let world = world();
    let chaos = Chaos::with_rule(world.addresses(), "hold the 1st SEND until the next OK reply to SEND");
    let mut slow = chaos.login("ana");
    slow.send("SEND;m-1;luis;hola\n");
    chaos.wait_for("SEND request: hold until the next OK SEND reply");
    let other = chaos.login("luis").request("SEND;m-1;ana;hola");
    assert!(other.starts_with("OK;"), "another user's records release nothing: {other}");
    assert!(!slow.has_input(Duration::from_millis(300)));
    let retried = chaos.login("ana").request("SEND;m-1;luis;hola");
    assert_eq!(slow.read_line(), retried);
    let said = chaos.stop();
    assert!(said.contains(&"wachat: SENDs answered again: 1, each as before".to_owned()), "{said:?}");
}

#[test]
fn sends_come_again_on_another_connection() {
    let world = world();
    let chaos = Chaos::with_rule(world.addresses(), "resend at the PING reply");
    let mut ana = chaos.login("ana");
    (1..=3).for_each(|number| assert!(ana.request(&format!("SEND;m-{number};luis;a")).starts_with("OK;")));
    assert_eq!(ana.request("PING"), "OK");
    wait_until("all to be sent again", || world.login("luis").list("HISTORY;ana").len() == 3);
    assert_eq!(ana.request("QUIT"), "OK");
    let said = chaos.stop();
    assert!(
        said.iter()
            .any(|line| line.starts_with("wachat: SENDs answered again: ") && line.ends_with(", each as before"))
    );
    assert!(!said.iter().any(|line| line.contains("again: 0")), "{said:?}");
}

#[test]
fn unanswered_sends_arrive_late() {
    // An account is made once, and a key is no password.
    for (login, again) in [("REGISTER:ana:secret word", "LOGIN:ana:secret word"), ("KEY:lab:ana:a", "KEY:lab:ana:a")] {
        let server = RawServer::new();
        let chaos = Chaos::with_rule(server.addresses(), "cut at the OK reply to SEND, late");
        let mut client = Connection::open(chaos.addresses[0]);
        let first = server.accept();
        client.send(format!("{login}\nSEND;1;luis;a\nSEND;2;luis;b\n"));
        read_exactly(&first, &format!("{login}\nSEND;1;luis;a\nSEND;2;luis;b\n"));
        send(&first, "OK;ana\nOK;1\n");
        assert_eq!(client.read_rest(), ["OK;ana"]);
        // The first was answered, and only the client does not know.
        let second = server.accept();
        read_exactly(&second, &format!("{again}\n"));
        send(&second, "OK;ana\n");
        read_exactly(&second, "SEND;2;luis;b\n");
    }
}

/// Returns the numbers of the PINGs of a connection whose replies are dropped.
fn dropped(world: &World, options: &[&str], port: usize, user: &str) -> Vec<usize> {
    let chaos = Chaos::start(world.addresses(), options);
    let mut connection = if port == 0 { chaos.login(user) } else { chaos.session(user) };
    for _ in 0..20 {
        connection.send("PING\n");
    }
    connection.send("QUIT\n");
    connection.read_rest();
    let lines = chaos.stop().into_iter().filter_map(|line| {
        let (_, line) = line.strip_suffix(" to the client, OK PING reply: drop")?.split_once(", line ")?;
        Some(line.parse::<usize>().expect("a number") - 1)
    });
    lines.collect()
}

#[test]
fn counts_users_ports_directions_and_chances_restrict_a_rule() {
    let world = world();
    let all: Vec<_> = (1..=20).collect();
    let none: Vec<usize> = Vec::new();
    let drops = |rule: &str| dropped(&world, &["--rule", rule], 0, "ana");
    assert_eq!(drops("drop every 7th PING reply"), [7, 14]);
    assert_eq!(drops("drop the first 3 PING replies"), [1, 2, 3]);
    assert_eq!(drops("drop PING replies 5"), [5]);
    assert_eq!(drops("drop PING replies of user ana"), all);
    assert_eq!(drops("drop PING replies of user luis"), none);
    assert_eq!(drops("drop PING replies on the SEND port"), all);
    assert_eq!(drops("drop PING replies on RECV"), none);
    assert_eq!(dropped(&world, &["--rule", "drop PING replies on RECV"], 1, "luis"), all);
    assert_eq!(drops("drop the PING records to the server"), none);
    assert_eq!(drops("drop the OK replies from the server to PING, 100%"), all);
    assert_eq!(drops("drop PING replies 0% of the time"), none);
    let rule = ["--rule", "drop 50% of the PING replies", "--seed"];
    let some = |seed| dropped(&world, &[rule[0], rule[1], rule[2], seed], 0, "ana");
    let [first, again, other] = ["7", "7", "8"].map(some);
    assert_eq!(first, again);
    assert!(first != other && (3..18).contains(&first.len()), "{first:?} {other:?}");
}

#[test]
fn all_rules_of_a_file_act_in_their_order() {
    let world = world();
    let file = world.path("rules.txt");
    std::fs::write(&file, "# two rules\nsplit the PING reply\n\n  delay PING replies by 10 ms # late\n")
        .expect("a file");
    let chaos = Chaos::start(world.addresses(), &["--rules", &file.display().to_string()]);
    assert_eq!(chaos.login("ana").request("PING"), "OK");
    let said = chaos.stop();
    let line = |fault| format!("ana, SEND connection 1, line 2 to the client, OK PING reply: {fault}");
    assert_eq!(said[..2], [line("split"), line("delay by 10 ms")]);
}

/// Rules count what they fit, whatever an earlier rule does with it; of the faults of one record those after an end have no
/// effect.
#[test]
fn a_rule_counts_the_records_that_an_earlier_rule_has_ended() {
    let world = world();
    for (rule, fault) in [
        ("drop the 1st SEND", "drop"),
        ("cut the 1st SEND", "cut after byte 0"),
        ("cut the 1st SEND after byte 7", "cut after byte 7"),
        ("cut the 1st SEND, late", "cut after byte 0 late"),
        ("reset at the 1st SEND", "reset after byte 0"),
        ("half-close at the 1st SEND", "half-close after byte 0"),
        ("silence at the 1st SEND", "silence after byte 0"),
        ("duplicate the 1st SEND", "duplicate"),
        ("split the 1st SEND", "split"),
        ("delay the 1st SEND by 1 ms", "delay by 1 ms"),
    ] {
        let later = ["drop the 2nd SEND", "delay the 2nd SEND by 2 ms", "delay the 3rd SEND by 3 ms"];
        let options: Vec<_> = [rule].iter().chain(&later).flat_map(|rule| ["--rule", *rule]).collect();
        let chaos = Chaos::start(world.addresses(), &options);
        let faults = [fault, "drop", "delay by 3 ms"];
        for (number, fault) in faults.into_iter().enumerate() {
            let mut ana = chaos.login("ana");
            // Another connection for each: the first may be at its end.
            ana.send(format!("SEND;m-{number};luis;a\n"));
            chaos
                .wait_for(&format!("ana, SEND connection {}, line 2 to the server, SEND request: {fault}", number + 1));
        }
        let said = chaos.stop();
        let decisions = said.iter().filter_map(|line| line.split_once(", SEND request: ")).map(|(_, fault)| fault);
        assert_eq!(decisions.collect::<Vec<_>>(), faults, "{rule}: {said:#?}");
    }
}

#[test]
fn a_line_that_is_too_long_and_half_lines_pass_as_they_are() {
    let (_chaos, client, server) = raw("drop every SEND");
    let long = "x".repeat(100_000);
    send(&client, &format!("{long}\nPING\nPI"));
    client.shutdown(Shutdown::Write).expect("an end");
    assert_eq!(read_to_end(&server), format!("{long}\nPING\nPI"));
}

#[test]
fn a_server_that_does_not_answer_is_not_sent_any_number_of_requests() {
    let (_chaos, client, server) = raw("drop QUIT");
    send(&client, &"PING\n".repeat(2_000));
    read_exactly(&server, &"PING\n".repeat(wachat::limits::CHAOS_PENDING));
    server.set_read_timeout(Some(Duration::from_millis(300))).expect("a time-out");
    let error = (&server).read(&mut [0; 1]).expect_err("no more requests");
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    server.set_read_timeout(Some(TIMEOUT)).expect("a time-out");
    send(&server, &"OK\n".repeat(10));
    read_exactly(&server, &"PING\n".repeat(10));
}

#[test]
fn a_connection_beyond_the_limit_is_refused() {
    let world = world();
    let chaos = Chaos::with_rule(world.addresses(), "drop QUIT");
    let kept: Vec<_> = (0..wachat::limits::CHAOS_CONNECTIONS).map(|_| Connection::open(chaos.addresses[0])).collect();
    let mut refused = Connection::open(chaos.addresses[0]);
    assert_eq!(refused.read_line(), "KO;FULL;too many connections of the proxy");
    refused.assert_closed();
    drop(kept);
    wait_until("space", || {
        let mut line = Connection::open(chaos.addresses[0]);
        line.try_send("LOGIN:ana:palabra larga\n").is_ok()
            && line.try_read_line().is_some_and(|line| line.starts_with("OK"))
    });
    assert!(chaos.stop_with_errors().contains("too many connections"));
}
