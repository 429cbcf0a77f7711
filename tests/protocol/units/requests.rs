//! Logins and requests: their forms, and lines that have none.

use wachat::model::Seq;
use wachat::protocol::request::RequestError;
use wachat::protocol::{After, Login, LoginKind, RecvRequest, SendRequest};

#[test]
fn split_at_the_first_two_colons_only() {
    let login = Login::parse(b"login:ana:con:dos:puntos").unwrap();
    assert_eq!((login.kind, login.user, login.password), (LoginKind::Login, "ana", "con:dos:puntos"));
    let mut line = Vec::new();
    login.write(&mut line);
    assert_eq!(line, b"LOGIN:ana:con:dos:puntos\n");
    for wrong in [&b""[..], b"LOGIN", b"LOGIN:ana", b"LOGIN:ana:", b"HELLO:ana:x", b"LOGIN;ana;x", b"LOGIN:\xff:x"] {
        assert!(Login::parse(wrong).is_none(), "{wrong:?}");
    }
}

#[test]
fn verbs_in_either_case_and_fields_counted() {
    assert_eq!(SendRequest::parse(b"ping"), Ok(SendRequest::Ping));
    for wrong in [
        &b"PING;"[..],
        b"SEND;1;luis",
        b"SEND;1;luis;a;b",
        b"SEND;;luis;a",
        b"SEND;1;;a",
        b"READ;luis;-1",
        b"READ;luis;",
        b"READ;luis;9007199254740992",
        b"HISTORY;luis;0",
        b"HISTORY;luis;1001",
        b"HISTORY;luis;5;x",
        b"EMAIL;none",
    ] {
        let text = String::from_utf8_lossy(wrong);
        assert!(matches!(SendRequest::parse(wrong), Err(RequestError::Form(_))), "{text}");
    }
    for unknown in [&b""[..], b"POLL;0", b"SENDX;1;2;3", b" PING"] {
        assert!(matches!(SendRequest::parse(unknown), Err(RequestError::Unknown(_))));
    }
}

#[test]
fn polls() {
    let poll = |line: &[u8]| RecvRequest::parse(line).ok();
    let number = |n| After::Number(Seq::new(n).unwrap());
    assert_eq!(poll(b"POLL;7"), Some(RecvRequest::Poll { after: number(7), wait: None, max: 100 }));
    assert_eq!(poll(b"poll;*;0;1000"), Some(RecvRequest::Poll { after: After::AllSent, wait: Some(0), max: 1000 }));
    for wrong in [&b"POLL"[..], b"POLL;x", b"POLL;0;x", b"POLL;0;1;0", b"POLL;0;1;1001", b"POLL;0;1;1;1"] {
        assert_eq!(poll(wrong), None, "{}", String::from_utf8_lossy(wrong));
    }
}
