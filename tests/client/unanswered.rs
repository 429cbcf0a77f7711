//! Every command that asks the server, and every way in which it may get no answer: the server refuses it, the
//! connection is lost, the server is away when it is typed, or too many questions wait. Each is said, and the client
//! goes on.

use std::time::Duration;

use crate::client::stage::{PERSON, Stage, message, refused, room, seq, target, user};
use wachat::client::app::Setting;
use wachat::client::app::destination::Destination;
use wachat::client::app::event::Event as AppEvent;
use wachat::client::link::request::{LogOut, Request, RoomChange};
use wachat::limits;
use wachat::model::{Email, RoomKind, Topic};
use wachat::protocol::{Code, Event};

/// Texts of a line that are not those of any question.
struct Asked {
    line: &'static str,
    request: Request,
    /// Shown as soon as it is typed.
    at_once: &'static [&'static str],
    /// The server refuses it with INTERNAL.
    refused: &'static [&'static str],
    lost: &'static [&'static str],
}

const REFUSED: &[&str] = &["! the reason"];
const LOST: &[&str] = &["* the server is away (lost); what you write waits in the outbox", "! not asked: lost"];
const LOST_AND_NO_MORE: &[&str] = &["* the server is away (lost); what you write waits in the outbox"];
const NO_CALL: &[&str] = &["! luis cannot be reached directly (the reason); /query luis goes by way of the server"];
const LOST_CALL: &[&str] = &[
    "* the server is away (lost); what you write waits in the outbox",
    "! luis cannot be reached directly (lost); /query luis goes by way of the server",
];

fn asked() -> Vec<Asked> {
    let change = |name, change| Request::Change(room(name), change);
    let plain = |line, request| Asked { line, request, at_once: &[], refused: REFUSED, lost: LOST };
    vec![
        plain("/users", Request::Users),
        plain("/rooms", Request::Rooms),
        plain("/names", Request::Members(room("#lobby"))),
        plain("/names #sala", Request::Members(room("#sala"))),
        plain("/leave", Request::Leave(room("#lobby"))),
        plain("/leave #sala", Request::Leave(room("#sala"))),
        plain("/topic", Request::Topic(room("#lobby"))),
        plain("/topic #sala", Request::Topic(room("#sala"))),
        plain("/topic hola", change("#lobby", RoomChange::Topic(Topic::new("hola").unwrap()))),
        plain("/room #sala invite", change("#sala", RoomChange::Kind(RoomKind::Invite))),
        plain("/room open", change("#lobby", RoomChange::Kind(RoomKind::Open))),
        plain("/invite luis", change("#lobby", RoomChange::Invite(user("luis")))),
        plain("/kick #sala luis", change("#sala", RoomChange::Kick(user("luis")))),
        plain("/owner #sala luis", change("#sala", RoomChange::Owner(user("luis")))),
        plain("/unread", Request::Chats),
        plain("/whois luis", Request::Whois(user("luis"))),
        plain("/sessions", Request::Sessions),
        plain("/logout 7", Request::LogOut(LogOut::One(7))),
        plain("/logout others", Request::LogOut(LogOut::Others { with_recv: false })),
        plain("/email ana@example.org", Request::Email(Email::new("ana@example.org").unwrap())),
        plain("/email none", Request::Email(Email::default())),
        plain("/history", Request::History(target("#lobby"), limits::CONVERSATION_SHOWN)),
        plain("/history luis 7", Request::History(target("luis"), 7)),
        plain("/join #sala new", Request::Join(room("#sala"), limits::HISTORY_RECORDS)),
        // A refusal says nothing about the names of rooms: the join itself says why it fails.
        Asked { refused: &[], ..plain("/join sala", Request::FindRoom(room("#sala"))) },
        // A user whom the server does not find for another reason may be written to.
        Asked { refused: &[], lost: LOST_AND_NO_MORE, ..plain("/query luis", Request::Find(target("luis"))) },
        Asked {
            at_once: &["* calling luis"],
            refused: NO_CALL,
            lost: LOST_CALL,
            ..plain("/p2p luis", Request::Peer(user("luis")))
        },
    ]
}

fn shown(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

#[test]
fn a_refusal_is_said_whatever_was_asked() {
    for asked in asked() {
        let mut stage = Stage::connected(PERSON);
        assert_eq!(stage.enter(asked.line), shown(asked.at_once), "{}", asked.line);
        assert_eq!(stage.sending, Some(asked.request), "{}", asked.line);
        assert_eq!(stage.answer(refused(Code::Internal)), shown(asked.refused), "{}", asked.line);
        stage.sending = None;
        assert!(stage.app.wants_line() || asked.line == "/join sala", "{}", asked.line);
    }
}

#[test]
fn a_question_that_the_connection_took_along_is_said_and_not_asked_again() {
    for asked in asked() {
        let mut stage = Stage::connected(PERSON);
        stage.enter(asked.line);
        assert_eq!(stage.lose(), shown(asked.lost), "{}", asked.line);
        assert!(stage.app.wants_line(), "{}: the keyboard is free", asked.line);
        stage.wait(2 * limits::MAX_RETRY_DELAY);
        assert_eq!(stage.sending, None, "{}", asked.line);
    }
}

#[test]
fn a_question_while_the_server_is_away_is_refused_at_once() {
    for asked in asked() {
        let mut stage = Stage::connected(PERSON);
        stage.enter("/users");
        stage.lose();
        let said: Vec<_> = match asked.line {
            // There is nobody to ask, and the user may mean a friend.
            "/query luis" => vec![],
            "/history" | "/history luis 7" => shown(&["! not asked: the server is away"]),
            "/p2p luis" => {
                let why =
                    "! luis cannot be reached directly (the server is away); /query luis goes by way of the server";
                shown(&["* calling luis", why])
            }
            _ => shown(&["! not asked: the server is away"]),
        };
        assert_eq!(stage.enter(asked.line), said, "{}", asked.line);
        assert!(stage.sending.is_none() && stage.app.wants_line(), "{}", asked.line);
    }
}

#[test]
fn one_question_too_many_is_refused_and_changes_nothing() {
    for asked in asked() {
        let mut stage = Stage::connected(PERSON);
        // One is with the sender.
        for _ in 0..=limits::CLIENT_QUESTIONS {
            assert_eq!(stage.enter("/users"), shown(&[]));
        }
        let before = stage.app.destination().clone();
        let too_many = shown(&["! too many questions wait for their answers; ask again later"]);
        assert_eq!(stage.enter(asked.line), too_many, "{}", asked.line);
        assert!(stage.app.wants_line(), "{}", asked.line);
        // That there is such a user was not said, and need not be.
        let after = if asked.line == "/query luis" { Destination::Conversation(target("luis")) } else { before };
        assert_eq!(*stage.app.destination(), after, "{}", asked.line);
        for left in (0..=limits::CLIENT_QUESTIONS).rev() {
            assert_eq!(stage.sending, Some(Request::Users), "{left}");
            stage.answer(refused(Code::Internal));
        }
        assert_eq!(stage.sending, None, "{}", asked.line);
    }
}

/// The texts that are typed after a command whose chat does not come about go nowhere for a context.
#[test]
fn what_is_typed_behind_a_chat_that_does_not_come_about_is_not_sent_elsewhere() {
    let lines = ["/p2p luis", "/join #sala new", "/query luis"];
    for (line, code) in lines.into_iter().zip([Code::NoPeer, Code::Quota, Code::NoUser]) {
        let mut stage = Stage::connected(PERSON);
        stage.enter(line);
        assert!(!stage.app.wants_line(), "{line}: the next line is for that chat");
        stage.answer(refused(code));
        let hasty = shown(&["! not sent, since it was typed for a chat that did not come about: hola"]);
        assert_eq!(stage.enter("hola"), hasty, "{line}");
        stage.wait(limits::HASTY - Duration::from_millis(1));
        assert_eq!(stage.enter("hola"), hasty, "{line}");
        assert_eq!(stage.enter("@eva: hola"), shown(&["queued, to eva: hola, others 0"]), "{line}");
        stage.wait(Duration::from_millis(1));
        assert_eq!(stage.enter("hola"), shown(&["queued, to #lobby: hola, others 0"]), "{line}");
    }
}

#[test]
fn another_choice_of_a_chat_ends_the_doubt() {
    for choice in ["/query #lobby", "/query eva", "/reply", "/join #sala new"] {
        let mut stage = Stage::connected(PERSON);
        stage.receive("eva", "ana", "hola");
        stage.answer_all();
        stage.enter("/query nobody");
        stage.answer(refused(Code::NoUser));
        stage.enter(choice);
        stage.answer_all();
        let sent = stage.enter("hola");
        assert!(sent.len() == 1 && sent[0].starts_with("queued, to "), "{choice}: {sent:?}");
    }
}

#[test]
fn the_full_screen_shows_where_a_text_goes_and_sends_it_there() {
    let mut stage = Stage::connected(Setting { full_screen: true, ..PERSON });
    stage.enter("/query nobody");
    assert_eq!(stage.answer(refused(Code::NoUser)), shown(&["! there is no user nobody"]));
    assert_eq!(stage.enter("hola"), shown(&["queued, to #lobby: hola, others 0"]));
}

#[test]
fn reads_and_messages_are_told_again_when_the_server_is_back() {
    let mut stage = Stage::connected(PERSON);
    stage.poll(vec![Event::Message(message(1, "luis", "ana", "hola"))]);
    stage.handle(AppEvent::Shown(1));
    let read = Request::Read(target("luis"), seq(1));
    for _ in 0..3 {
        assert_eq!(stage.sending, Some(read.clone()));
        stage.lose();
        assert_eq!(stage.sending, None);
        stage.wait(limits::MAX_RETRY_DELAY);
    }
    assert_eq!(stage.sending.take(), Some(read));
}
