//! Logins and requests: their forms, and lines that have none.

use wachat::model::Seq;
use wachat::protocol::request::{ListRequest as _, RequestError};
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

/// A client takes no longer list than it has asked for (section 4): where the request names no number, a page.
#[test]
fn a_list_has_at_most_the_records_that_its_request_allows() {
    let most = |line: &str| SendRequest::parse(line.as_bytes()).expect("a request").most_records();
    let pages = ["STATUS;luis;7", "CHATS", "USERS", "ROOMS", "MEMBERS;#sala"];
    for page in pages {
        assert_eq!((most(page), most(&format!("{page};1")), most(&format!("{page};12"))), (1_000, 1, 12), "{page}");
    }
    assert_eq!((most("HISTORY;luis"), most("HISTORY;luis;1"), most("HISTORY;luis;12;7")), (50, 1, 12));
    assert_eq!([most("PERMIT"), most("PERMIT;luis;yes")], [1_000, 0]);
    assert_eq!(most("SERVERS"), 16);
    assert!([most("SESSIONS"), most("HELP")].iter().all(|most| (17..=1_000).contains(most)));
    for line in ["SEND;m-1;luis;hola", "READ;luis;7", "JOIN;#sala", "LEAVE;#sala", "PEER;luis", "PASSWD;a;b", "EMAIL;"]
    {
        assert_eq!(most(line), 0, "{line}: no list");
    }
    assert_eq!([most("LOGOUT;12"), most("PING"), most("QUIT")], [0; 3]);
    let most = |line: &str| RecvRequest::parse(line.as_bytes()).expect("a request").most_records();
    assert_eq!([most("POLL;7"), most("POLL;*;0;1"), most("POLL;7;9;1000")], [100, 1, 1_000]);
    assert_eq!([most("PORT;9000"), most("PING"), most("QUIT")], [0; 3]);
}
