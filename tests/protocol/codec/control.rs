//! The lines of the administrator's socket, as the table of their module has them; each is read back as it was written.

use std::sync::Arc;

use crate::support::values::{room, user};
use log::LevelFilter;
use wachat::limits;
use wachat::model::{Banned, Email, NewAccount, Seq, ShortText, Timestamp};
use wachat::protocol::control::{Account, Ban, ControlRequest, Figure, Room, Session, SessionChoice};
use wachat::protocol::{Codec, Port};

fn short(text: &str) -> ShortText {
    ShortText::new(text).expect("a text")
}

fn banned(text: &str) -> Banned {
    Banned::parse(text).expect("a subject")
}

fn email(text: &str) -> Email {
    Email::new(text).expect("an address")
}

/// Reads a request of these lines; an error if it asks for more.
fn read(text: &str) -> Result<Option<ControlRequest>, &'static str> {
    let mut lines = text.split('\n').filter(|line| !line.is_empty()).map(|line| line.as_bytes().to_vec());
    let request = ControlRequest::read(&mut || lines.next().ok_or("no more lines"));
    assert!(lines.next().is_none() || !matches!(request, Ok(Some(_))), "a line was left of {text}");
    request
}

/// Each request, its lines, and what the log has of it: to whom it is done, and neither a hash nor a text.
fn requests() -> Vec<(ControlRequest, &'static str, &'static str)> {
    let new =
        |name, hash: &str, address| NewAccount { name: user(name), password_hash: hash.into(), email: email(address) };
    let one = new("ana", "$a;b", "ana@example.org");
    let two = new("Zoë", "$c", "");
    let accounts = vec![one.clone(), two];
    let password_hash: Arc<str> = "$d=\"x\"".into();
    let ban = |who, seconds, reason| ControlRequest::Ban { banned: banned(who), seconds, reason: short(reason) };
    let of = SessionChoice::Of(user("12"));
    vec![
        (
            ControlRequest::Add { accounts: accounts.clone(), lobby: true },
            "ADD;lobby;2\nana;\"$a;b\";ana@example.org\nZoë;$c;\n",
            "ADD;2 accounts",
        ),
        (
            ControlRequest::Add { accounts, lobby: false },
            "ADD;none;2\nana;\"$a;b\";ana@example.org\nZoë;$c;\n",
            "ADD;2 accounts",
        ),
        (
            ControlRequest::Add { accounts: vec![one], lobby: false },
            "ADD;none;1\nana;\"$a;b\";ana@example.org\n",
            "ADD;ana",
        ),
        (ControlRequest::Add { accounts: Vec::new(), lobby: true }, "ADD;lobby;0\n", "ADD;0 accounts"),
        (ControlRequest::Passwd { user: user("ana"), password_hash }, "PASSWD;ana;$d=\"x\"\n", "PASSWD;ana"),
        (ControlRequest::Remove { user: user("María") }, "REMOVE;María\n", "REMOVE;María"),
        (
            ControlRequest::Erase {
                user: user("ana"),
                conversation: "direct-0-1".into(),
                first: Seq::new(3).expect("a number"),
                last: Seq::new(17).expect("a number"),
                count: 5,
                erased: 2,
            },
            "ERASE;ana;direct-0-1;3;17;5;2\n",
            "ERASE;ana",
        ),
        (ControlRequest::Accounts { from: 1_000 }, "ACCOUNTS;1000\n", "ACCOUNTS"),
        (ControlRequest::RemoveRoom { room: room("#sala") }, "ROOM_REMOVE;#sala\n", "ROOM_REMOVE;#sala"),
        (ControlRequest::Rooms { after: None }, "ROOMS;\n", "ROOMS"),
        (ControlRequest::Rooms { after: Some(room("#sala")) }, "ROOMS;#sala\n", "ROOMS"),
        (ControlRequest::Sessions { after: 17 }, "SESSIONS;17\n", "SESSIONS"),
        (ControlRequest::Close(SessionChoice::Number(17)), "CLOSE;17\n", "CLOSE;17"),
        (ControlRequest::Close(of), "CLOSE;@12\n", "CLOSE;@12"),
        (ban("@ana", Some(3_600), "too; loud"), "BAN;@ana;3600;\"too; loud\"\n", "BAN;@ana"),
        (ban("192.0.2.0/24", None, ""), "BAN;192.0.2.0/24;;\n", "BAN;192.0.2.0/24"),
        (ControlRequest::Unban { banned: banned("@ana") }, "UNBAN;@ana\n", "UNBAN;@ana"),
        (ControlRequest::Unban { banned: banned("::1") }, "UNBAN;::/64\n", "UNBAN;::/64"),
        (ControlRequest::Bans, "BANS\n", "BANS"),
        (
            ControlRequest::Announce { text: short("a las 18; hasta luego") },
            "ANNOUNCE;\"a las 18; hasta luego\"\n",
            "ANNOUNCE",
        ),
        (ControlRequest::Status, "STATUS\n", "STATUS"),
        (ControlRequest::LogLevel { level: LevelFilter::Debug }, "LOG_LEVEL;DEBUG\n", "LOG_LEVEL;DEBUG"),
        (ControlRequest::LogLevel { level: LevelFilter::Off }, "LOG_LEVEL;OFF\n", "LOG_LEVEL;OFF"),
    ]
}

#[test]
fn each_request_of_an_administrator_is_its_lines_and_is_read_back() {
    for (request, lines, summary) in requests() {
        let mut written = Vec::new();
        request.write(&mut written);
        assert_eq!(String::from_utf8_lossy(&written), lines);
        assert_eq!(read(lines), Ok(Some(request.clone())), "{lines}");
        assert_eq!(request.summary(), summary);
        let asks = ["ACCOUNTS", "ROOMS", "SESSIONS", "BANS", "STATUS"];
        assert_eq!(request.is_query(), asks.iter().any(|verb| lines.starts_with(verb)), "{lines}");
    }
}

#[test]
fn a_request_of_another_form_is_none() {
    for (_, lines, _) in requests() {
        let (first, rest) = lines.split_once('\n').expect("a line");
        // All but the last fields of it: the verb alone, and so on.
        let ends = first.match_indices(';').map(|(at, _)| at).filter(|at| first[..*at].matches('"').count() != 1);
        for end in ends {
            assert_eq!(read(&format!("{}\n{rest}", &first[..end])), Ok(None), "{} of {first}", &first[..end]);
        }
        for wrong in [format!("x{first}"), format!("{}\\x", first), first.to_lowercase().replacen(';', ":", 9)] {
            assert_eq!(read(&format!("{wrong}\n{rest}")), Ok(None), "{wrong}");
        }
    }
    for wrong in [
        "ACCOUNTS;x",
        "ACCOUNTS;-1",
        "ROOMS;sala",
        "ROOM_REMOVE;sala",
        "SESSIONS;x",
        "CLOSE;a b",
        "BAN;a b;;",
        "BAN;ana;x;",
        "UNBAN;a b",
        "LOG_LEVEL;loud",
        "REMOVE;#sala",
        "PASSWD;a b;$x",
        "ADD;lobby;x",
        "ADD;none;1\nana;$x",
        "ADD;none;1\na b;$x;",
        "ADD;none;1\nana;$x;nobody",
    ] {
        assert_eq!(read(wrong), Ok(None), "{wrong}");
    }
    assert_eq!(read("ADD;none;2\nana;$x;"), Err("no more lines"));
    assert_eq!(read(""), Err("no more lines"));
}

#[test]
fn what_an_administrator_says_has_a_length() {
    let longest = "x".repeat(limits::SHORT_TEXT_BYTES);
    let hash = "x".repeat(limits::PASSWORD_HASH_BYTES);
    for (format, text) in [
        ("ANNOUNCE;<x>", &longest),
        ("BAN;ana;;<x>", &longest),
        ("PASSWD;ana;<x>", &hash),
        ("ADD;none;1\nana;<x>;", &hash),
    ] {
        assert!(matches!(read(&format.replace("<x>", text)), Ok(Some(_))), "{format}");
        assert_eq!(read(&format.replace("<x>", &format!("{text}x"))), Ok(None), "{format}: a byte too many");
        assert_eq!(read(&format.replace("<x>", "a\\nb")), Ok(None), "{format}: a line break");
    }
    let accounts = |count: usize| {
        let lines: String = (0..count).map(|n| format!("user{n};$x;\n")).collect();
        read(&format!("ADD;lobby;{count}\n{lines}"))
    };
    let Ok(Some(ControlRequest::Add { accounts: most, lobby: true })) = accounts(limits::IMPORT_ACCOUNTS) else {
        panic!()
    };
    assert_eq!((most.len(), most[4_999].name.shown()), (limits::IMPORT_ACCOUNTS, "user4999"));
    assert_eq!(read(&format!("ADD;lobby;{}", limits::IMPORT_ACCOUNTS + 1)), Ok(None));
}

/// Asserts that a record is this line, and is read back.
fn assert_line<T: Codec + PartialEq + std::fmt::Debug>(record: T, line: &str) {
    assert_eq!(String::from_utf8_lossy(&record.line()), format!("{line}\n"));
    assert_eq!(T::parse(line.as_bytes()), Ok(record), "{line}");
}

#[test]
fn each_record_that_an_administrator_reads_has_its_line() {
    let at = |millis: u64| Timestamp::from_millis(1_795_219_000_120 + millis);
    let [first, second, third] = ["2026-11-20T23:56:40.120Z", "2026-11-20T23:56:40.121Z", "2026-11-20T23:56:40.122Z"];
    let name = user("María");
    let created_at = at(0);
    for (address, seen, removed) in
        [("", None, None), ("a@b", Some(1), None), ("a;b@c", Some(1), Some(2)), ("", None, Some(2))]
    {
        let last_seen = seen.map(at);
        let removed_at = removed.map(at);
        let record = Account { name: name.clone(), email: email(address), created_at, last_seen, removed_at };
        let quoted = if address.contains(';') { format!("\"{address}\"") } else { address.to_owned() };
        let seen = seen.map_or("", |_| second);
        let removed = removed.map_or("", |_| third);
        assert_line(record, &format!("María;{quoted};{first};{seen};{removed}"));
    }
    for (creator, text) in [(None, ""), (Some(user("ana")), "ana")] {
        assert_line(Room { name: room("#sala"), members: 3, bytes: 70_000, creator }, &format!("#sala;3;70000;{text}"));
    }
    for (port, word) in [(Port::Recv, "RECV"), (Port::Send, "SEND")] {
        for address in ["192.0.2.7", "2001:db8::1"] {
            let session =
                Session { number: 12, user: user("ana"), port, address: address.parse().expect("one"), since: at(1) };
            assert_line(session, &format!("12;ana;{word};{address};{second}"));
        }
    }
    for (until, text) in [(None, ""), (Some(at(2)), third)] {
        let ban = |who, reason| Ban { banned: banned(who), at: at(1), until, reason: short(reason) };
        assert_line(ban("@ana", ""), &format!("@ana;{second};{text};"));
        assert_line(ban("192.0.2.0/24", "a; b"), &format!("192.0.2.0/24;{second};{text};\"a; b\""));
    }
    assert_line(Figure { name: "accounts".into(), value: "3; or so".into() }, "accounts;\"3; or so\"");
}
