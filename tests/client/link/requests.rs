//! Lines that the client sends for each of its requests, and its reading of each answer.

use std::fmt::Debug;

use wachat::client::link::perform;
use wachat::client::link::request::{Answer, LogOut, Request, RoomChange, Secret};
use wachat::client::link::session::Session;
use wachat::client::state::outgoing::Outgoing;
use wachat::client::state::row::Gap;
use wachat::model::{Email, MessageId, RoomKind, RoomName, Seq, Target, Text, Timestamp, Topic};
use wachat::protocol::reply::OpenSession;
use wachat::protocol::{Accepted, Chat, Code, Codec, HistoryRecord, Ko, Member, Peer, Room, Status, User};

use super::script::{LOGIN, play};
use crate::support::values::{seq, user};

const AT: &str = "2026-11-20T23:55:00.123Z";

/// Reads records of a list.
fn all<T: Codec>(lines: &[&str]) -> Vec<T> {
    let parse = |line: &&str| T::parse(line.replace("<at>", AT).as_bytes()).unwrap_or_else(|_| panic!("{line}"));
    lines.iter().map(parse).collect()
}

fn one<T: Codec>(line: &str) -> T {
    all(&[line]).remove(0)
}

fn luis() -> Target {
    Target::parse("luis").expect("a name")
}

fn sala() -> RoomName {
    RoomName::new("#sala").expect("a name")
}

fn message(text: &str) -> Outgoing {
    let id = MessageId::new("m-1").expect("an id");
    let text = Text::new(text).expect("a text");
    Outgoing { id, to: luis(), at: Timestamp::from_millis(0), text }
}

/// Performs a request on a connection on which the transcript is said, and returns the answer; `Err`: the connection is
/// of no more use.
fn perform(request: &Request, transcript: &str) -> Result<Answer, String> {
    let script = play([format!("{LOGIN}{}\n>", transcript.replace("<at>", AT))]);
    let mut session = Session::open(&script.account).expect("a session");
    let answer = perform::perform(request, &mut session);
    drop(session);
    script.end();
    answer.map_err(|error| error.to_string())
}

fn assert_answer(request: &Request, transcript: &str, wanted: &dyn Debug) {
    let answer = perform(request, transcript).unwrap_or_else(|error| panic!("{error} in {transcript}"));
    assert_eq!(format!("{answer:?}"), format!("{wanted:?}"), "after {transcript}");
}

fn assert_broken(request: &Request, transcript: &str) {
    let answer = perform(request, transcript);
    assert!(answer.is_err(), "{answer:?} after {transcript}");
}

fn refused(code: Code) -> Answer {
    Answer::Refused(Ko::new(code, "no"))
}

#[test]
fn a_message_is_sent_once_and_its_answer_is_for_its_id() {
    let request = Request::Send(message("hola; vale"), Seq::ZERO);
    let asked = "> SEND;m-1;luis;\"hola; vale\"";
    let accepted: Accepted = one("OK;m-1;RECEIVED;<at>;7");
    assert_answer(&request, &format!("{asked}\n< OK;m-1;RECEIVED;<at>;7"), &Answer::Accepted(accepted));
    // After RATE the outbox holds its conversation: nothing is repeated here.
    for code in [Code::Rate, Code::Quota, Code::Conflict, Code::NoUser, Code::NotMember, Code::Full] {
        assert_answer(&request, &format!("{asked}\n< KO;{code};no"), &refused(code));
    }
    for strange in ["OK;m-2;RECEIVED;<at>;7", "OK;m-1;READ;<at>;7", "OK;m-1", "OK", "hola", "OK;m-1;RECEIVED;<at>;x"] {
        assert_broken(&request, &format!("{asked}\n< {strange}"));
    }
}

#[test]
fn a_retry_looks_for_its_message_above_the_number_that_was_known() {
    let retry = |above| Request::Retry(message("hola"), seq(above));
    let accepted = |line| Answer::Accepted(one(line));
    let first = "> HISTORY;luis;50\n";
    let send = "> SEND;m-1;luis;hola\n< OK;m-1;RECEIVED;<at>;12";
    let found = format!("{first}< OK;2\n< 6;m-0;ana;luis;<at>;READ;x\n< 7;m-1;ana;luis;<at>;DELIVERED;hola");
    assert_answer(&retry(3), &found, &accepted("OK;m-1;RECEIVED;<at>;7"));
    // It is sent where the pages reach down to the number and do not have it: the ids of others are no matter.
    let others = format!("{first}< OK;2\n< 4;m-1;luis;ana;<at>;READ;x\n< 7;m-2;ana;luis;<at>;DELIVERED;hola\n");
    assert_answer(&retry(3), &format!("{others}{send}"), &accepted("OK;m-1;RECEIVED;<at>;12"));
    let older = format!("{others}> HISTORY;luis;1000;4\n");
    assert_answer(&retry(2), &format!("{older}< OK;0\n{send}"), &accepted("OK;m-1;RECEIVED;<at>;12"));
    let there = "< OK;1\n< 3;m-1;ana;luis;<at>;READ;hola";
    assert_answer(&retry(2), &format!("{older}{there}"), &accepted("OK;m-1;RECEIVED;<at>;3"));
    let damaged = format!("{first}< OK;1\n< DAMAGED;5;9\n> HISTORY;luis;1000;5\n< OK;1\n< DAMAGED;4;4\n{send}");
    assert_answer(&retry(3), &damaged, &accepted("OK;m-1;RECEIVED;<at>;12"));
    // A user who has left the room is given no page.
    assert_answer(
        &retry(3),
        &format!("{first}< KO;NOT_MEMBER;no\n> SEND;m-1;luis;hola\n< KO;NO_ROOM;no"),
        &refused(Code::NoRoom),
    );
    // Pages that do not go down would never end.
    for oldest in [4, 5] {
        assert_broken(&retry(2), &format!("{older}< OK;1\n< {oldest};m-5;ana;luis;<at>;READ;x"));
    }
}

#[test]
fn a_retry_that_the_rate_refuses_sends_nothing() {
    let refusals = "> HISTORY;luis;50\n< KO;RATE;no\n".repeat(5);
    assert_broken(&Request::Retry(message("hola"), seq(3)), &refusals);
}

#[test]
fn marks_and_memberships_and_settings_are_one_line_each() {
    let secret = |text: &str| Secret(text.to_owned());
    let email = |text| Request::Email(Email::new(text).expect("an address"));
    let requests = [
        (Request::Read(luis(), seq(7)), "READ;luis;7"),
        (Request::Read(Target::Room(sala()), seq(8)), "READ;#sala;8"),
        (Request::Leave(sala()), "LEAVE;#sala"),
        (email("ana@example.org"), "EMAIL;ana@example.org"),
        (email(""), "EMAIL;"),
        (Request::Passwd(secret("a;b"), secret("\\c")), "PASSWD;\"a;b\";\\\\c"),
        (Request::LogOut(LogOut::One(12)), "LOGOUT;12"),
        (Request::LogOut(LogOut::Others { with_recv: true }), "LOGOUT;others"),
    ];
    for (request, line) in requests {
        assert_answer(&request, &format!("> {line}\n< OK"), &Answer::Done);
        for code in Code::all().filter(|code| !code.closes() && *code != Code::Rate) {
            assert_answer(&request, &format!("> {line}\n< KO;{code};no"), &refused(code));
        }
        assert_answer(&request, &format!("> {line}\n< KO;RATE;no\n> {line}\n< OK"), &Answer::Done);
        assert_broken(&request, &format!("> {line}\n< 7;hola"));
    }
}

#[test]
fn others_are_logged_out_one_by_one_where_the_recv_session_is_this_clients() {
    let request = Request::LogOut(LogOut::Others { with_recv: false });
    let session = |number, port, which| format!("< {number};{port};127.0.0.1;<at>;{which}\n");
    let open = [(3, "SEND", "other"), (4, "RECV", "other"), (5, "SEND", "this"), (6, "SEND", "other")];
    let open = open.map(|(number, port, which)| session(number, port, which)).concat();
    let asked = format!("> SESSIONS\n< OK;4\n{open}> LOGOUT;3\n< KO;NO_SESSION;no\n> LOGOUT;6\n< OK");
    assert_answer(&request, &asked, &Answer::Done);
    assert_answer(&request, "> SESSIONS\n< KO;FULL;no", &refused(Code::Full));
    assert_answer(&request, "> SESSIONS\n< OK;0", &Answer::Done);
}

#[test]
fn history_is_asked_for_as_much_of_it_as_is_wanted() {
    let lines = ["4;m-1;ana;luis;<at>;READ;hola", "DAMAGED;5;6", "7;r-1;luis;ana;<at>;RECEIVED;vale"];
    let gap = Gap { target: luis(), first: seq(3), last: seq(8) };
    let requests = [
        (Request::History(luis(), 20), "HISTORY;luis;20"),
        (Request::History(luis(), 1_000), "HISTORY;luis;1000"),
        (Request::History(luis(), 5_000), "HISTORY;luis;1000"),
        (Request::Fetch(luis(), None), "HISTORY;luis;1000"),
        (Request::Fetch(luis(), Some(seq(9))), "HISTORY;luis;1000;9"),
        (Request::Fill(gap), "HISTORY;luis;1000;9"),
    ];
    for (request, line) in requests {
        let rows = Answer::Rows(all::<HistoryRecord>(&lines));
        assert_answer(&request, &format!("> {line}\n< OK;3\n< {}", lines.join("\n< ")), &rows);
        assert_answer(&request, &format!("> {line}\n< KO;NO_USER;no"), &refused(Code::NoUser));
    }
    let last = Answer::Rows(all::<HistoryRecord>(&lines[2..]));
    assert_answer(&Request::Find(luis()), &format!("> HISTORY;luis;1\n< OK;1\n< {}", lines[2]), &last);
}

#[test]
fn lists_are_read_with_every_field() {
    let sessions = ["3;SEND;::1;<at>;this", "4;RECV;192.0.2.7;<at>;other"];
    let chats = ["luis;7;4;3", "#sala;0;0;0"];
    let users = ["eva;offline;<at>", "luis;online;"];
    let asked = |line: &str, records: &[&str]| format!("> {line}\n< OK;{}\n< {}", records.len(), records.join("\n< "));
    let answers: [(Request, String, Answer); 8] = [
        (Request::Users, asked("USERS", &users), Answer::Users(all::<User>(&users))),
        (Request::Presence, asked("USERS", &users), Answer::Users(all::<User>(&users))),
        (Request::Rooms, asked("ROOMS", &["#sala;2;no"]), Answer::Rooms(all::<Room>(&["#sala;2;no"]))),
        (Request::Chats, asked("CHATS", &chats), Answer::Chats(all::<Chat>(&chats))),
        (Request::Compare, asked("CHATS", &chats), Answer::Chats(all::<Chat>(&chats))),
        (Request::Lobby, asked("CHATS", &chats), Answer::Chats(all::<Chat>(&chats))),
        (Request::Sessions, asked("SESSIONS", &sessions), Answer::Sessions(all::<OpenSession>(&sessions))),
        (
            Request::Status(luis(), seq(7)),
            asked("STATUS;luis;7", &["luis;READ"]),
            Answer::Statuses(all::<Status>(&["luis;READ"])),
        ),
    ];
    for (request, transcript, wanted) in answers {
        assert_answer(&request, &transcript, &wanted);
        let line = transcript.lines().next().expect("a line");
        let without = if request == Request::Lobby { Answer::Chats(Vec::new()) } else { refused(Code::Full) };
        assert_answer(&request, &format!("{line}\n< KO;FULL;no"), &without);
    }
    let member = |line| one::<Member>(line);
    let seen = |Member { name, online }| User { name, online, last_seen: None };
    let members = Answer::Users(vec![seen(member("ana;online")), seen(member("luis;offline"))]);
    let request = Request::Members(sala());
    assert_answer(&request, &asked("MEMBERS;#sala", &["ana;online", "luis;offline"]), &members);
    assert_answer(&request, "> MEMBERS;#sala\n< KO;NO_ROOM;no", &refused(Code::NoRoom));
}

#[test]
fn a_caller_learns_whether_the_peer_is_online() {
    let request = Request::Peer(user("luis"));
    let token = "5f2c0a7d5a1e4f0b8a9d3c6e7f801234";
    let reply = format!("OK;192.0.2.7;9000;{token}");
    assert_answer(&request, &format!("> PEER;luis\n< {reply}"), &Answer::Peer(one::<Peer>(&reply)));
    assert_answer(&request, "> PEER;luis\n< KO;NO_USER;no", &refused(Code::NoUser));
    let asked = "> PEER;luis\n< KO;NO_PEER;no\n> USERS\n";
    for (users, online) in [("eva;online;\n< luis;offline;", false), ("eva;offline;\n< luis;online;", true)] {
        assert_answer(&request, &format!("{asked}< OK;2\n< {users}"), &Answer::NoPeer { online });
    }
    assert_answer(&request, &format!("{asked}< KO;FULL;no"), &Answer::NoPeer { online: false });
}

#[test]
fn a_room_that_is_not_there_is_answered_with_those_that_are() {
    let request = Request::FindRoom(sala());
    let asked = "> MEMBERS;#sala;1\n";
    assert_answer(&request, &format!("{asked}< OK;1\n< ana;online"), &Answer::Done);
    assert_answer(&request, &format!("{asked}< OK;0"), &Answer::Done);
    // Of the members it tells members alone.
    assert_answer(&request, &format!("{asked}< KO;NOT_MEMBER;no"), &Answer::Done);
    let rooms = Answer::Rooms(all::<Room>(&["#aula;2;no"]));
    assert_answer(&request, &format!("{asked}< KO;NO_ROOM;no\n> ROOMS\n< OK;1\n< #aula;2;no"), &rooms);
    assert_answer(&request, &format!("{asked}< KO;NO_ROOM;no\n> ROOMS\n< KO;FULL;no"), &refused(Code::Full));
    assert_answer(&request, &format!("{asked}< KO;SYNTAX;no"), &refused(Code::Syntax));
}

#[test]
fn who_joins_gets_the_messages_from_before_and_those_alone() {
    let request = |rows| Request::Join(sala(), rows);
    assert_answer(&request(50), "> JOIN;#sala\n< KO;QUOTA;no", &refused(Code::Quota));
    let joined = "> JOIN;#sala\n< OK\n";
    assert_answer(&request(0), joined, &Answer::Joined(None, Vec::new()));
    let chat = "#sala;9;8;2";
    let row = "7;m-1;luis;#sala;<at>;READ;hola";
    let listed = format!("{joined}> CHATS\n< OK;2\n< luis;30;29;4\n< {chat}\n> HISTORY;#sala;50;9\n");
    let both = Answer::Joined(Some(one(chat)), all(&[row]));
    assert_answer(&request(50), &format!("{listed}< OK;1\n< {row}"), &both);
    let none = Answer::Joined(Some(one(chat)), Vec::new());
    assert_answer(&request(50), &format!("{listed}< KO;NOT_MEMBER;no"), &none);
    let unlisted = format!("{joined}> CHATS\n< KO;FULL;no\n> HISTORY;#sala;20\n< OK;1\n< {row}");
    assert_answer(&request(20), &unlisted, &Answer::Joined(None, all(&[row])));
}

#[test]
fn a_room_is_looked_up_in_the_list_from_shortly_before_its_name() {
    for request in [Request::Topic(sala()), Request::Rights(sala())] {
        let record = "#sala;2;yes;invite;ana;\"la; entrega\"";
        let asked = "> ROOMS;1000;#sal\n< OK;3\n< #sal2;1;no;open;;\n< ";
        let found = Answer::Rooms(all::<Room>(&[record]));
        assert_answer(&request, &format!("{asked}{record}\n< #salb;1;no;open;;"), &found);
        let none = Answer::Rooms(Vec::new());
        assert_answer(&request, &format!("{asked}#sal3;1;no;open;;\n< #sal4;1;no;open;;"), &none);
        assert_answer(&request, "> ROOMS;1000;#sal\n< KO;FULL;no", &refused(Code::Full));
    }
    // A full page that ends after the name is the last one.
    let records: String = (0..999).map(|n| format!("< #sal{n:03};1;no;open;;\n")).collect();
    let transcript = format!("> ROOMS;1000;#sal\n< OK;1000\n{records}< #sb;1;no;open;;");
    assert_answer(&Request::Topic(sala()), &transcript, &Answer::Rooms(Vec::new()));
    let a = RoomName::new("#a").expect("a name");
    let first = "#a;1;yes";
    assert_answer(&Request::Topic(a), &format!("> ROOMS\n< OK;1\n< {first}"), &Answer::Rooms(all::<Room>(&[first])));
}

#[test]
fn an_owner_changes_a_room_with_one_request_and_looks_first_whether_it_would_be_new() {
    let luis = || user("luis");
    let change = |change| Request::Change(sala(), change);
    let topic = |text: &str| RoomChange::Topic(Topic::new(text).expect("a topic"));
    for (asked, line) in [
        (topic("la; entrega"), "TOPIC;#sala;\"la; entrega\""),
        (topic(""), "TOPIC;#sala;"),
        (RoomChange::Invite(luis()), "INVITE;#sala;luis"),
        (RoomChange::Kick(luis()), "KICK;#sala;luis"),
        (RoomChange::Owner(luis()), "OWNER;#sala;luis"),
    ] {
        assert_answer(&change(asked.clone()), &format!("> {line}\n< OK"), &Answer::Done);
        assert_answer(&change(asked), &format!("> {line}\n< KO;NOT_OWNER;no"), &refused(Code::NotOwner));
    }
    for (kind, word) in [(RoomKind::Open, "open"), (RoomKind::Invite, "invite")] {
        let request = change(RoomChange::Kind(kind));
        let looked = "> MEMBERS;#sala;1\n";
        let line = format!("> ROOM;#sala;{word}");
        assert_answer(&request, &format!("{looked}< OK;1\n< ana;online\n{line}\n< OK"), &Answer::Done);
        let refusal = format!("{looked}< KO;NOT_MEMBER;no\n{line}\n< KO;NOT_OWNER;no");
        assert_answer(&request, &refusal, &refused(Code::NotOwner));
        let is_new = format!("{looked}< KO;NO_ROOM;no\n{line}\n");
        assert_answer(&request, &format!("{is_new}< KO;NO_ROOM;no"), &refused(Code::NoRoom));
        let chat = "#sala;0;0;0";
        let made = Answer::Joined(Some(one(chat)), Vec::new());
        let listed = format!("{is_new}< OK\n> CHATS\n< OK;1\n< {chat}\n> HISTORY;#sala;50;1\n< OK;0");
        assert_answer(&request, &listed, &made);
    }
}

#[test]
fn whois_tells_the_user_and_the_rooms_that_both_are_in() {
    let request = Request::Whois(user("luis"));
    assert_answer(&request, "> USERS\n< KO;FULL;no", &refused(Code::Full));
    assert_answer(&request, "> USERS\n< OK;1\n< eva;online;", &Answer::Whois(None, Vec::new()));
    let asked = "> USERS\n< OK;2\n< eva;online;\n< luis;offline;<at>\n> ROOMS\n";
    let found = |rooms: &[&str]| {
        let rooms = rooms.iter().map(|room| RoomName::new(room).expect("a room")).collect();
        Answer::Whois(Some(one("luis;offline;<at>")), rooms)
    };
    let rooms = "< OK;5\n< #a;2;yes\n< #b;2;no\n< #c;2;yes\n< #d;1;yes\n< #e;3;yes\n";
    let members = "> MEMBERS;#a\n< OK;2\n< ana;online\n< luis;offline\n> MEMBERS;#c\n< OK;1\n< ana;online\n\
        > MEMBERS;#d\n< KO;NO_ROOM;no\n> MEMBERS;#e\n< OK;1\n< luis;offline";
    assert_answer(&request, &format!("{asked}{rooms}{members}"), &found(&["#a", "#e"]));
    assert_answer(&request, &format!("{asked}< KO;FULL;no"), &found(&[]));
    // Each room takes a request: at most 32 are looked at.
    let many: String = (10..50).map(|n| format!("< #r{n};2;yes\n")).collect();
    let looked_at: String = (10..42).map(|n| format!("> MEMBERS;#r{n}\n< OK;1\n< luis;offline\n")).collect();
    let names: Vec<_> = (10..42).map(|n| format!("#r{n}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    assert_answer(&request, &format!("{asked}< OK;40\n{many}{looked_at}"), &found(&names));
}
