//! A server that listens on IPv6 and so on IPv4, too: an IPv4 client is that address and no other, in every list,
//! limit, ban and line of the log.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;

use tempfile::TempDir;
use wachat::model::{Banned, ShortText};
use wachat::protocol::control::ControlRequest;

use crate::support::connection::{connect_from, without_times};
use crate::support::held_server::HeldServer;
use crate::support::world::serve;
use crate::support::{Connection, PASSWORD, send_signal, wait_or};

/// Returns whether this machine has IPv6 at all.
fn has_ipv6() -> bool {
    let found = TcpListener::bind("[::1]:0").is_ok();
    if !found {
        eprintln!("skipped: there is no IPv6 here");
    }
    found
}

fn start() -> HeldServer {
    HeldServer::start_with(|config| config.listen = Ipv6Addr::UNSPECIFIED.into())
}

/// Connects to a port from an address of this machine, an IPv4 one or `::1`.
fn open(from: &str, port: u16) -> Connection {
    let stream = match from.parse().expect("an address") {
        IpAddr::V4(address) => connect_from(address.octets(), SocketAddr::from(([127, 0, 0, 1], port))),
        IpAddr::V6(_) => TcpStream::connect(("::1", port)).expect("a connection"),
    };
    Connection::from_stream(stream).expect("a connection")
}

#[track_caller]
fn log_in(server: &HeldServer, from: &str, user: &str, is_recv: bool) -> Connection {
    let port = if is_recv { server.handle.recv_address() } else { server.handle.send_address() }.port();
    let mut line = open(from, port);
    let reply = line.request(&format!("LOGIN:{user}:{PASSWORD}"));
    assert!(reply.starts_with(&format!("OK;{user};wachat/1")), "{from}: {reply}");
    line
}

fn register(server: &HeldServer, users: &[&str]) {
    for user in users {
        let mut line = open("127.0.0.1", server.handle.send_address().port());
        assert!(line.request(&format!("REGISTER:{user}:{PASSWORD}")).starts_with("OK;"));
        assert_eq!(line.request("QUIT"), "OK");
        line.assert_closed();
    }
}

#[test]
fn every_list_has_the_address_of_the_client() {
    if !has_ipv6() {
        return;
    }
    let server = start();
    register(&server, &["ana", "luis"]);
    let mut ana = log_in(&server, "127.0.0.7", "ana", false);
    let _others = [log_in(&server, "::1", "ana", false), log_in(&server, "127.0.0.8", "luis", false)];
    let mut caller = log_in(&server, "::1", "luis", false);
    assert_eq!(ana.request("PERMIT;luis;yes"), "OK");
    for (from, port) in [("127.0.0.9", 9_001), ("::1", 9_002)] {
        let mut session = log_in(&server, from, "ana", true);
        assert_eq!(session.request(&format!("PORT;{port}")), "OK");
        let told = caller.request("PEER;ana");
        assert!(told.starts_with(&format!("OK;{from};{port};")), "{told}");
        let rows = ana.list_without_times("SESSIONS");
        let shown: Vec<_> = rows.iter().map(|row| row.split_once(';').expect("a number").1).collect();
        let of_recv = format!("RECV;{from};<at>;other;");
        assert_eq!(shown, ["SEND;127.0.0.7;<at>;this;", "SEND;::1;<at>;other;", &of_recv]);
        let listed = server.begin(&ControlRequest::Sessions { after: 0 }).join().expect("a reply");
        let listed: Vec<_> = listed.lines().skip(1).map(without_times).collect();
        for (user, row) in
            [("ana", "SEND;127.0.0.7"), ("ana", "SEND;::1"), ("luis", "SEND;127.0.0.8"), ("ana", &of_recv)]
        {
            let part = format!(";{user};{}", row.split(";<").next().expect("a row"));
            assert_eq!(listed.iter().filter(|row| row.contains(&part)).count(), 1, "{part} in {listed:?}");
        }
    }
}

fn ban(server: &HeldServer, banned: &str) {
    let banned = Banned::parse(banned).expect("a ban");
    let reason = ShortText::new("spam").expect("a text");
    server.administer(&ControlRequest::Ban { banned, seconds: None, reason });
}

#[test]
fn a_ban_concerns_the_addresses_that_it_names_and_no_others() {
    if !has_ipv6() {
        return;
    }
    const ADDRESSES: [&str; 4] = ["127.0.0.2", "127.0.1.2", "127.0.1.3", "::1"];
    for (banned, out) in [
        ("127.0.0.2", &[true, false, false, false][..]),
        ("127.0.1.0/24", &[false, true, true, false]),
        ("::1", &[false, false, false, true]),
        ("0.0.0.0/0", &[true, true, true, false]),
    ] {
        let server = start();
        register(&server, &["ana"]);
        let mut before: Vec<_> = ADDRESSES.iter().map(|from| log_in(&server, from, "ana", false)).collect();
        ban(&server, banned);
        for ((from, line), is_out) in ADDRESSES.iter().zip(&mut before).zip(out) {
            let last = line.try_send("PING\n").ok().and_then(|()| line.try_read_line()).unwrap_or_default();
            let expected = if *is_out { "KO;BANNED;you are banned: spam" } else { "OK" };
            assert_eq!(last, expected, "{from}, who was inside, with {banned} banned");
            let mut line = open(from, server.handle.send_address().port());
            let told = line.request(&format!("LOGIN:ana:{PASSWORD}"));
            assert_eq!(told.starts_with("KO;BANNED;"), *is_out, "{from} with {banned} banned: {told}");
        }
    }
}

/// A guard reads the address that it can shut out.
#[test]
fn the_log_has_the_address_of_the_client() {
    if !has_ipv6() {
        return;
    }
    let directory = TempDir::new().expect("a directory");
    let log = directory.path().join("log");
    let mut command = serve(&directory.path().join("data"), [0, 0]);
    command.args(["--listen", "::", "--registration", "open", "--no-lobby"]).stdout(Stdio::piped());
    let mut server = command.stderr(File::create(&log).expect("a file")).spawn().expect("a server");
    let mut line = String::new();
    BufReader::new(server.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
    let address = line.split("send=[::]:").nth(1).unwrap_or_else(|| panic!("{line}"));
    let port = address.split(' ').next().and_then(|port| port.parse().ok()).expect("a port");
    for (number, from) in ["127.0.0.7", "::1"].into_iter().enumerate() {
        assert!(open(from, port).request(&format!("REGISTER:user{number}:{PASSWORD}")).starts_with("OK;"));
        assert!(open(from, port).request(&format!("LOGIN:user{number}:otra palabra")).starts_with("KO;AUTH;"));
    }
    let said = || std::fs::read_to_string(&log).expect("the log");
    for (number, from) in ["127.0.0.7", "::1"].into_iter().enumerate() {
        for event in [
            format!("event=account_created from={from} port=SEND user=\"user{number}\"\n"),
            format!("event=login_failed from={from} port=SEND reason=password user=\"user{number}\"\n"),
        ] {
            wait_or(|| said().contains(&event).then_some(()), || format!("no {event} in\n{}", said()));
        }
    }
    send_signal(server.id(), "TERM");
    assert!(server.wait().expect("its end").success());
}
