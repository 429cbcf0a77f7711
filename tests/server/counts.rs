//! The counts of the metrics port beside a list of what was done: each connection, each login and each KO once, under
//! its port, its outcome and its code, and nothing else.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use wachat::limits;

use crate::support::metrics::{Page, world_with_metrics};
use crate::support::{Connection, PASSWORD, World, wait_or};

/// The counters that a client can change by what it does, and what they are called here.
const FAMILIES: [(&str, &str); 4] = [
    ("wachat_connections_accepted_total", "open"),
    ("wachat_connections_refused_total", "no place"),
    ("wachat_logins_total", "login"),
    ("wachat_refusals_total", "KO"),
];

type Counts = BTreeMap<String, i64>;

fn counts(metrics: SocketAddr) -> Counts {
    let page = Page::read(metrics);
    let label = |sample: &str| sample.split('"').nth(1).expect("a label").to_owned();
    let samples = FAMILIES.iter().flat_map(|(family, name)| {
        let samples = page.families[*family].samples.iter();
        samples.map(move |(sample, value)| (format!("{name} {}", label(sample)), *value as i64))
    });
    samples.collect()
}

/// Counters that have changed since.
fn since(metrics: SocketAddr, before: &Counts) -> Counts {
    let now = counts(metrics);
    now.into_iter().map(|(name, value)| (name.clone(), value - before[&name])).filter(|(_, more)| *more != 0).collect()
}

/// Does something, and expects these counts: `open send`, a connection on the SEND port; `login failed`; `KO AUTH`.
#[track_caller]
fn expect_counts<T>(metrics: SocketAddr, expected: &[&str], what: impl FnOnce() -> T) -> T {
    let before = counts(metrics);
    let done = what();
    let mut counted = Counts::new();
    expected.iter().for_each(|name| *counted.entry((*name).to_owned()).or_default() += 1);
    // A reply may be counted a moment after its client has it.
    wait_or(
        || (since(metrics, &before) == counted).then_some(()),
        || format!("counted {:?} and not {counted:?}", since(metrics, &before)),
    );
    done
}

/// Says a login line on both ports; expects this code in place of a login.
fn expect_refused(world: &World, metrics: SocketAddr, line: &str, code: &str) {
    let outcome = if code == "AUTH" { "login failed" } else { "login refused" };
    for (port, address) in [("open send", world.send), ("open recv", world.recv)] {
        expect_counts(metrics, &[port, outcome, &format!("KO {code}")], || {
            let (reply, mut connection) = Connection::open_with(address, line);
            assert!(reply.starts_with(&format!("KO;{code};")), "{line}: {reply}");
            connection.assert_closed();
        });
    }
}

#[test]
fn every_login_is_counted_once_under_its_outcome_and_its_code() {
    let (world, metrics) = world_with_metrics(&["--no-lobby"]);
    expect_counts(metrics, &["open send", "login accepted"], || world.register("ana"));
    expect_counts(metrics, &["open recv", "login accepted"], || {
        Connection::open_with(world.recv, &format!("REGISTER:eva:{PASSWORD}"))
    });
    world.administer(&["ban", "eva"]);
    let long = format!("LOGIN:ana:{}", "x".repeat(limits::LOGIN_BYTES));
    for (line, code) in [
        ("LOGIN:ana:otra palabra", "AUTH"),
        ("LOGIN:nadie:otra palabra", "AUTH"),
        ("LOGIN:a/b:otra palabra", "AUTH"),
        ("HELO", "SYNTAX"),
        ("LOGIN:ana:", "SYNTAX"),
        (&long, "TOO_LONG"),
        ("REGISTER:a/b:palabra larga", "NAME"),
        ("REGISTER:ana:palabra larga", "EXISTS"),
        ("REGISTER:luis:corta", "PASSWORD"),
        (&format!("LOGIN:eva:{PASSWORD}"), "BANNED"),
    ] {
        expect_refused(&world, metrics, line, code);
    }
    // A connection that ends without a line has no outcome.
    expect_counts(metrics, &["open send"], || drop(Connection::open(world.send)));
    expect_counts(metrics, &["open send"], || Connection::open(world.send).send("LOGIN:ana"));
    world.administer(&["ban", "127.0.0.1"]);
    expect_refused(&world, metrics, &format!("LOGIN:ana:{PASSWORD}"), "BANNED");
}

#[test]
fn every_ko_to_a_request_is_counted_once_and_is_no_login() {
    let (world, metrics) = world_with_metrics(&["--no-lobby", "--queue-per-sender", "1"]);
    let mut ana = world.register("ana");
    let luis = world.register("luis");
    assert!(ana.request("SEND;m-1;luis;hola").starts_with("OK;"));
    assert_eq!(ana.request("JOIN;#sala"), "OK");
    drop(luis);
    for (request, code) in [
        ("nonsense", "SYNTAX"),
        ("SEND;m-2;nadie;hola", "NO_USER"),
        ("SEND;m-2;#nadie;hola", "NO_ROOM"),
        ("SEND;m-2;luis;hola", "QUOTA"),
        ("SEND;m-1;luis;otra", "CONFLICT"),
        ("HISTORY;#otra", "NO_ROOM"),
        ("READ;luis;9", "SEQ"),
        ("PEER;luis", "NO_PEER"),
        ("LOGOUT;999", "NO_SESSION"),
        ("JOIN;#a/b", "NAME"),
        (&format!("PASSWD;{PASSWORD};corta"), "PASSWORD"),
    ] {
        expect_counts(metrics, &[&format!("KO {code}")], || ana.expect_ko(request, code));
    }
    expect_counts(metrics, &[], || ["PING", "HELP", "SESSIONS"].map(|request| ana.send(format!("{request}\n"))));
    let mut session = expect_counts(metrics, &["open recv", "login accepted"], || world.session("ana"));
    expect_counts(metrics, &["KO SEQ"], || session.expect_ko("POLL;99;0", "SEQ"));
    expect_counts(metrics, &["KO SYNTAX"], || session.expect_ko("POLL;0;9999", "SYNTAX"));
}

/// The last line of a connection is a KO like any other.
#[test]
fn every_last_line_is_counted_once_and_is_no_login() {
    let (world, metrics) = world_with_metrics(&["--no-lobby"]);
    drop(world.register("ana"));
    let mut old = world.session("ana");
    let mut new = expect_counts(metrics, &["open recv", "login accepted", "KO REPLACED"], || world.session("ana"));
    assert!(old.read_line().starts_with("KO;REPLACED;"));
    let mut lines: Vec<_> = (0..limits::CONNECTIONS_PER_USER).map(|_| world.login("ana")).collect();
    let full = format!("LOGIN:ana:{PASSWORD}");
    expect_counts(metrics, &["open send", "login refused", "KO FULL"], || {
        assert!(Connection::open_with(world.send, &full).0.starts_with("KO;FULL;"));
    });
    let mut last = lines.pop().expect("a connection");
    expect_counts(metrics, &["KO TOO_LONG"], || {
        last.send("x".repeat(limits::LINE_BYTES));
        assert!(last.read_line().starts_with("KO;TOO_LONG;"));
    });
    let mut wrong = lines.pop().expect("a connection");
    expect_counts(metrics, &["KO AUTH"], || wrong.expect_ko("PASSWD;otra palabra;una palabra larga", "AUTH"));
    let mut ana = lines.pop().expect("a connection");
    let others = vec!["KO AUTH"; lines.len() + 1];
    expect_counts(metrics, &others, || assert_eq!(ana.request("LOGOUT;others"), "OK"));
    lines.iter_mut().for_each(|line| assert!(line.read_line().starts_with("KO;AUTH;")));
    assert!(new.read_line().starts_with("KO;AUTH;"));
    // An end that the client has asked for, or brought about, is none.
    expect_counts(metrics, &[], || assert_eq!(ana.request("QUIT"), "OK"));
    let mut gone = expect_counts(metrics, &["open send", "login accepted"], || world.login("ana"));
    expect_counts(metrics, &[], || gone.half_close());
}

/// The answer comes from another thread than those of most requests.
#[test]
fn a_ko_to_a_question_about_old_messages_is_counted_too() {
    let (world, metrics) = world_with_metrics(&["--no-lobby"]);
    let mut ana = world.register("ana");
    for number in 1..=2 {
        assert!(ana.request(&format!("SEND;m-{number};ana;hola")).starts_with("OK;"));
    }
    for number in [3, 99] {
        expect_counts(metrics, &["KO NO_MESSAGE"], || ana.expect_ko(&format!("STATUS;ana;{number}"), "NO_MESSAGE"));
    }
    expect_counts(metrics, &[], || assert_eq!(ana.list("STATUS;ana;1").len(), 1));
}
