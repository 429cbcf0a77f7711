//! The fields of a record (protocol, section 2): a reader of replies and events ignores additional ones, a reader of
//! requests takes none too many, and neither goes on without one that has to exist. Quotes may be around any.

use std::fmt::Debug;

use wachat::model::ServerAddress;
use wachat::protocol::reply::{Device, OpenSession, Permit};
use wachat::protocol::request::{RECV_COMMANDS, SEND_COMMANDS};
use wachat::protocol::{
    Accepted, Chat, Codec, CommandHelp, DirectLine, Done, Event, HistoryRecord, Ko, ListHead, LoggedIn, Member, Peer,
    RecvRequest, Room, SendRequest, SessionOpened, Status, User,
};

const AT: &str = "2026-11-20T23:55:00.123Z";
const TOKEN: &str = "5f2c0a7d5a1e4f0b8a9d3c6e7f801234";

fn fingerprint() -> String {
    ["0A"; 32].join(":")
}

/// Returns the fields of a line, in which `<at>`, `<token>` and `<fp>` stand for values.
fn fields(line: &str) -> Vec<String> {
    let value = |field: &str| field.replace("<at>", AT).replace("<token>", TOKEN).replace("<fp>", &fingerprint());
    line.split(';').map(value).collect()
}

/// Asserts how a record of a reply is read: with its first `least` fields at least, and without regard to further ones.
fn assert_reply<T: Codec + PartialEq + Debug>(line: &str, least: usize) {
    let all = fields(line);
    let read = |fields: &[String]| T::parse(fields.join(";").as_bytes());
    let value = read(&all).unwrap_or_else(|_| panic!("{line}"));
    let mut written = value.line();
    assert_eq!(written.pop(), Some(b'\n'));
    assert_eq!(String::from_utf8_lossy(&written), all.join(";"));
    for count in 0..least {
        assert!(read(&all[..count]).is_err(), "{count} fields of {line}");
    }
    if matches!(all[0].as_str(), "OK" | "KO") {
        for word in ["", "ok", "NO", "OKAY", "7"] {
            let other: Vec<_> = [word.to_owned()].into_iter().chain(all[1..].iter().cloned()).collect();
            assert!(read(&other).is_err(), "{other:?}");
        }
    }
    let quoted: Vec<_> = all.iter().map(|field| format!("\"{field}\"")).collect();
    assert_eq!(read(&quoted).as_ref(), Ok(&value), "{line} in quotes");
    for more in [vec![""], vec!["more"], vec!["\"a;b\"", "", "7"]] {
        let more: Vec<_> = all.iter().cloned().chain(more.into_iter().map(str::to_owned)).collect();
        assert_eq!(read(&more).as_ref(), Ok(&value), "{more:?}");
    }
}

#[test]
fn a_reader_of_replies_ignores_fields_at_the_end_and_misses_those_before() {
    assert_reply::<Done>("OK", 1);
    assert_reply::<LoggedIn>("OK;ana;wachat/1", 2);
    assert_reply::<SessionOpened>("OK;ana;wachat/1;7;store", 5);
    assert_reply::<SessionOpened>("OK;ana;wachat/1;7;store;known", 5);
    assert_reply::<Accepted>("OK;m-1;RECEIVED;<at>;7", 5);
    assert_reply::<Peer>("OK;192.0.2.7;9000;<token>;<fp>", 4);
    assert_reply::<ListHead>("OK;12", 2);
    assert_reply::<Ko>("KO;QUOTA;why", 2);
    assert_reply::<Ko>("KO;SHUTDOWN;why;chat-2.example;1666;1999;<fp>", 2);
    assert_reply::<ServerAddress>("chat-2.example;1666;1999;<fp>", 3);
    assert_reply::<Status>("luis;READ", 2);
    assert_reply::<HistoryRecord>("7;m-1;ana;#sala;<at>;DELIVERED;hola", 7);
    assert_reply::<HistoryRecord>("DAMAGED;3;7", 3);
    assert_reply::<Chat>("#sala;7;3;2;1", 4);
    assert_reply::<User>("ana;online;<at>", 3);
    assert_reply::<User>("ana;offline;", 3);
    assert_reply::<Room>("#sala;3;no;open;ana;la entrega", 3);
    assert_reply::<Member>("ana;offline", 2);
    assert_reply::<OpenSession>("12;RECV;192.0.2.7;<at>;other;laptop", 5);
    assert_reply::<Device>("laptop;<at>;online;key", 4);
    assert_reply::<Permit>("ana;yes", 2);
    assert_reply::<Permit>("ana;no", 2);
    assert_reply::<CommandHelp>("PING;check the connection", 2);
}

#[test]
fn a_reader_of_events_ignores_fields_at_the_end_and_misses_those_before() {
    let events = [
        "7;MSG;m-1;ana;luis;<at>;hola",
        "7;ERASED;#sala;1;3;ana",
        "7;STATE;#sala;READ;3;<at>",
        "7;GAP;#sala;3;7",
        "7;DAMAGED;luis",
        "0;ONLINE;ana;<at>",
        "0;OFFLINE;ana;<at>",
        "0;JOIN;#sala;ana;<at>",
        "0;PART;#sala;ana;<at>",
        "0;ROOM;#sala;invite;ana;la entrega",
        "0;INVITE;#sala;ana",
        "0;READ;#sala;7",
        "0;PEER;ana;<token>",
        "0;CALL;ana;<at>",
        "0;NOTICE;<at>;hola",
    ];
    for event in events {
        let count = event.split(';').count();
        if event.contains("MSG") {
            // The word of a message that was taken back follows its text, which is empty then.
            assert_reply::<Event>("7;MSG;m-1;ana;luis;<at>;;erased", count);
        }
        if event.contains("PEER") {
            // A fingerprint follows the token.
            assert_reply::<Event>(&format!("{event};<fp>"), count);
        } else {
            assert_reply::<Event>(event, count);
        }
    }
}

/// Asserts how a request is read: with its first `least` fields at least, and with none after the last.
fn assert_request<T: PartialEq + Debug>(line: &str, least: usize, read: &dyn Fn(&str) -> Option<T>) {
    let all = fields(line);
    let value = read(&all.join(";"));
    assert!(value.is_some(), "{line}");
    for count in 1..=all.len() {
        assert_eq!(read(&all[..count].join(";")).is_some(), count >= least, "{count} fields of {line}");
    }
    let quoted: Vec<_> = all.iter().map(|field| format!("\"{field}\"")).collect();
    assert_eq!(read(&quoted.join(";")), value, "{line} in quotes");
    for more in ["", "7", "luis"] {
        assert_eq!(read(&format!("{};{more}", all.join(";"))), None, "{line};{more}");
    }
    // No field but a text, a password or an address may be empty.
    for at in (1..all.len()).filter(|at| !matches!(all[*at].as_str(), "text" | "old" | "new" | "a@b")) {
        let mut empty = all.clone();
        empty[at].clear();
        assert_eq!(read(&empty.join(";")), None, "{empty:?}");
    }
}

#[test]
fn a_reader_of_requests_takes_the_fields_of_the_form_and_no_others() {
    let send = |line: &str| SendRequest::parse(line.as_bytes()).ok();
    let requests = [
        ("SEND;m-1;luis;text", 4),
        ("READ;luis;7", 3),
        ("STATUS;luis;7;10;eva", 3),
        ("HISTORY;luis;10;7", 2),
        ("ERASE;luis;7", 3),
        ("CHATS;10;7;luis", 1),
        ("USERS;10;luis", 1),
        ("JOIN;#sala", 2),
        ("LEAVE;#sala", 2),
        ("ROOMS;10;#sala", 1),
        ("MEMBERS;#sala;10;luis", 2),
        ("ROOM;#sala;open", 3),
        ("TOPIC;#sala;text", 3),
        ("INVITE;#sala;luis", 3),
        ("KICK;#sala;luis", 3),
        ("OWNER;#sala;luis", 3),
        ("PEER;luis;<fp>", 2),
        ("PERMIT", 1),
        ("PASSWD;old;new", 3),
        ("EMAIL;a@b", 2),
        ("SESSIONS", 1),
        ("DEVICES", 1),
        ("SERVERS", 1),
        ("LOGOUT;12", 2),
        ("LOGOUT;laptop", 2),
        ("LOGOUT;others", 2),
        ("PING", 1),
        ("HELP", 1),
        ("QUIT", 1),
    ];
    requests.iter().for_each(|(line, least)| assert_request(line, *least, &send));
    // PERMIT has a user and a word, or neither.
    for (line, is_request) in [
        ("PERMIT;luis;yes", true),
        ("PERMIT;luis;no", true),
        ("PERMIT;luis", false),
        ("PERMIT;;yes", false),
        ("PERMIT;luis;", false),
        ("PERMIT;luis;YES", false),
        ("PERMIT;luis;yes;7", false),
    ] {
        assert_eq!(send(line).is_some(), is_request, "{line}");
    }
    let recv = |line: &str| RecvRequest::parse(line.as_bytes()).ok();
    let polls = [("POLL;7;5;10", 2), ("POLL;*;5;10", 2), ("PORT;9000;<fp>", 2), ("KEY", 1), ("PING", 1), ("QUIT", 1)];
    polls.iter().for_each(|(line, least)| assert_request(line, *least, &recv));
    let verbs = |lines: &[(&str, usize)]| -> Vec<String> {
        lines.iter().map(|(line, _)| line.split(';').next().unwrap_or_default().to_owned()).collect()
    };
    let of_send = verbs(&requests);
    let of_recv = verbs(&polls);
    assert!(SEND_COMMANDS.iter().all(|command| of_send.iter().any(|verb| verb == command.verb())));
    assert!(RECV_COMMANDS.iter().all(|command| of_recv.iter().any(|verb| verb == command.verb())));
}

/// Numbers are decimal digits within their range (sections 2, 5 and 6).
#[test]
fn each_number_of_a_request_has_its_range() {
    let send = |line: &str| SendRequest::parse(line.as_bytes()).is_ok();
    let recv = |line: &str| RecvRequest::parse(line.as_bytes()).is_ok();
    type Reader<'a> = &'a dyn Fn(&str) -> bool;
    let last = "9007199254740991";
    let numbers: [(&str, Reader, &[&str], &[&str]); 12] = [
        ("READ;luis;<n>", &send, &["0", "7", "007", last], &["9007199254740992"]),
        ("STATUS;luis;<n>", &send, &["0", last], &["9007199254740992"]),
        ("STATUS;luis;7;<n>", &send, &["1", "1000", "0010"], &["0", "1001"]),
        ("HISTORY;luis;<n>", &send, &["1", "50", "1000"], &["0", "1001"]),
        ("HISTORY;luis;10;<n>", &send, &["0", "1", last], &["9007199254740992"]),
        ("CHATS;<n>", &send, &["1", "1000"], &["0", "1001"]),
        ("USERS;<n>", &send, &["1", "1000"], &["0", "1001"]),
        ("ROOMS;<n>", &send, &["1", "1000"], &["0", "1001"]),
        ("MEMBERS;#sala;<n>", &send, &["1", "1000"], &["0", "1001"]),
        ("POLL;<n>", &recv, &["0", "*", last], &["9007199254740992", "**"]),
        ("POLL;7;5;<n>", &recv, &["1", "100", "1000"], &["0", "1001"]),
        ("PORT;<n>", &recv, &["0", "1", "65535"], &["65536", "100000"]),
    ];
    for (form, reads, right, wrong) in numbers {
        for number in right {
            assert!(reads(&form.replace("<n>", number)), "{number} in {form}");
        }
        for number in wrong.iter().chain(&["-1", "+1", "1.0", "1e1", " 1", "1 ", "x", "0x1", "\u{661}"]) {
            assert!(!reads(&form.replace("<n>", number)), "{number} in {form}");
        }
    }
}

#[test]
fn a_line_of_a_direct_chat_is_of_its_form() {
    let read = |line: &str| DirectLine::parse(line.as_bytes()).ok();
    for line in ["SEND;m-1;hola", "OK;m-1", "OK", "KO;BUSY;why"] {
        assert!(read(line).is_some(), "{line}");
        assert_eq!(read(&line.replace("SEND", "\"SEND\"")), read(line), "{line} in quotes");
    }
    for wrong in ["", "SEND", "SEND;m-1", "SEND;m 1;hola", "SEND;;hola", "OK;m 1", "HOLA;m-1", "SEND;m-1;\\x"] {
        assert_eq!(read(wrong), None, "{wrong:?}");
    }
}
