//! Last lines of a server answer no request: a SEND before one has no answer, and its retry is no second one.

use std::net::{Ipv4Addr, SocketAddr};

use crossbeam_channel::unbounded;
use wachat::course::chaos::{Config, Proxy, Source, Summary};

use crate::course::judging::small_server::SmallServer;
use crate::support::Connection;

/// The codes that answer a request (protocol, section 4).
const REPLIES: [&str; 18] = [
    "SYNTAX",
    "NO_USER",
    "NO_ROOM",
    "NO_MESSAGE",
    "DAMAGED",
    "NAME",
    "PASSWORD",
    "NOT_MEMBER",
    "NO_PEER",
    "NO_SESSION",
    "CONFLICT",
    "SEQ",
    "QUOTA",
    "RATE",
    "FULL",
    "CLOSED",
    "EXISTS",
    "TLS",
];

/// Sends a message that is answered OK, and once more, with this code as the last thing that comes.
fn summary(code: &'static str) -> Summary {
    let server = SmallServer::but(move |asked, answer| {
        if asked.line == 3 {
            answer.say(&format!("KO;{code};why"));
        }
    });
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let source = Source::Rules { rules: Vec::new(), seed: 1 };
    let (notices, _noticed) = unbounded();
    let config = Config { listen: [any; 2], server: server.addresses, source, log: None, trace: None, notices };
    let proxy = Proxy::start(config).expect("a proxy");
    let (_, mut ana) = Connection::open_with(proxy.addresses()[0], "REGISTER:ana:palabra larga");
    assert!(ana.request("SEND;m-1;ana;hola").starts_with("OK;m-1;"));
    assert_eq!(ana.request("SEND;m-1;ana;hola"), format!("KO;{code};why"));
    proxy.summary()
}

#[test]
fn a_retry_that_is_refused_has_another_answer_than_before() {
    for code in REPLIES {
        let Summary { repeated, different, .. } = summary(code);
        let why =
            format!("m-1 of ana is answered KO;{code};why, and was OK;m-1;RECEIVED;2026-11-20T23:55:00.123Z;1 before");
        assert_eq!((repeated, different), (1, Some(why)), "{code}");
    }
}

#[test]
fn the_last_line_of_a_connection_is_no_answer() {
    for code in ["AUTH", "TIMEOUT", "TOO_LONG", "REPLACED", "SHUTDOWN", "INTERNAL"] {
        let Summary { repeated, different, .. } = summary(code);
        assert_eq!((repeated, different), (0, None), "{code}");
    }
}

/// The user was banned meanwhile: what was asked for has no answer.
#[test]
fn a_ban_is_a_last_line() {
    let Summary { repeated, different, .. } = summary("BANNED");
    assert_eq!((repeated, different), (0, None));
}
