//! Several servers that are one to their clients: SERVERS lists them, and one that stands by names the one that leads.

use std::time::Duration;

use wachat::model::{Fingerprint, ServerAddress};
use wachat::server::Servers;

use crate::support::held_server::HeldServer;
use crate::support::{Connection, World};

fn server(host: &str, fingerprint: Option<Fingerprint>) -> ServerAddress {
    ServerAddress { host: host.to_owned(), send: 1666, recv: 1999, fingerprint }
}

#[test]
fn a_server_alone_lists_none() {
    let world = World::without_lobby();
    let mut ana = world.register("ana");
    assert_eq!(ana.request("SERVERS"), "OK;0");
    assert_eq!(ana.request("servers"), "OK;0");
    ana.expect_ko("SERVERS;1", "SYNTAX");
}

#[test]
fn servers_lists_those_that_are_one_and_at_most_16_of_them() {
    let held = HeldServer::start();
    let mut ana = held.register("ana");
    let fingerprint = Fingerprint::of(b"a certificate");
    let all = vec![server("chat-1.example", Some(fingerprint)), server("192.0.2.7", None), server("2001:db8::7", None)];
    held.handle.set_servers(Servers { all, ..Servers::default() });
    let listed = [&format!("chat-1.example;1666;1999;{fingerprint}"), "192.0.2.7;1666;1999", "2001:db8::7;1666;1999"];
    assert_eq!(ana.list("SERVERS"), listed);
    let all = (0..20).map(|number| server(&format!("chat-{number}.example"), None)).collect();
    held.handle.set_servers(Servers { all, ..Servers::default() });
    assert_eq!(ana.list("SERVERS").len(), 16);
    assert_eq!(ana.request("PING"), "OK");
}

#[test]
fn a_server_that_stands_by_refuses_each_login_and_names_the_server_that_leads() {
    let held = HeldServer::start();
    let mut before = held.register("ana");
    let fingerprint = Fingerprint::of(b"a certificate");
    let leaders = [
        (None, "KO;SHUTDOWN;another server leads, or soon will".to_owned()),
        (Some(server("chat-2.example", None)), ";chat-2.example;1666;1999".to_owned()),
        (Some(server("chat-2.example", Some(fingerprint))), format!(";chat-2.example;1666;1999;{fingerprint}")),
    ];
    for (leader, end) in leaders {
        held.handle.set_servers(Servers { standing_by: true, leader, ..Servers::default() });
        for address in [held.handle.send_address(), held.handle.recv_address()] {
            let mut line = Connection::open(address);
            assert!(!line.has_input(Duration::from_millis(20)), "before the login line");
            // Nor does it say whether the password is right.
            line.send("LOGIN:ana:not the password\n");
            let last = line.read_line();
            assert!(last.starts_with("KO;SHUTDOWN;") && last.ends_with(&end), "{last}");
            line.assert_closed();
        }
    }
    assert_eq!(before.request("PING"), "OK", "the end of a term closes what was open, and not this");
    held.handle.set_servers(Servers::default());
    held.login(held.handle.send_address(), "ana");
}
