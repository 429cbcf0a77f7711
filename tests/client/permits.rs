//! Calls that the server has not let through, and `/permit`: in the app alone.

use crate::client::stage::{PERSON, Stage, refused, user};
use wachat::client::app::Setting;
use wachat::client::app::parse::parse;
use wachat::client::link::request::{Answer, Request};
use wachat::client::p2p::event::DirectEvent;
use wachat::model::{MessageId, Proof, Text, Timestamp, Token};
use wachat::protocol::reply::Permit;
use wachat::protocol::{Code, Event};

fn call(caller: &str) -> Vec<Event> {
    vec![Event::Call { user: user(caller), at: Timestamp::from_millis(1) }]
}

const TOLD: &str = "* luis wanted to chat directly and was not let through; /accept luis lets luis call you; \
                    /deny luis leaves it at that; /permit luis no refuses for good";

#[test]
fn a_call_that_was_not_let_through_is_shown_unless_the_caller_is_hidden() {
    let mut stage = Stage::connected(PERSON);
    assert_eq!(stage.poll(call("luis")), [TOLD]);
    stage.enter("/ignore luis");
    assert_eq!(stage.poll(call("luis")), [""; 0]);
    let mut stage = Stage::connected(Setting { direct: false, ..PERSON });
    assert_eq!(stage.poll(call("luis")), [""; 0], "a client without direct chats has none to offer");
}

#[test]
fn accept_permits_a_caller_who_does_not_wait() {
    let mut stage = Stage::connected(PERSON);
    stage.poll(call("luis"));
    assert_eq!(stage.enter("/accept luis"), [""; 0]);
    assert_eq!(stage.sending, Some(Request::Permit(user("luis"), true)));
    assert_eq!(stage.answer(Answer::Done), ["* luis may call you for direct chats from now on"]);
    stage.enter("/ignore luis");
    assert_eq!(stage.enter("/accept luis"), ["! what luis says is hidden"]);
    assert!(stage.sending.is_none());
}

/// A caller of this name, in this connection, whom the server has announced.
fn caller(stage: &mut Stage, number: u64, caller: &str) {
    let proof = Proof { token: Token::random().unwrap(), fingerprint: None };
    stage.poll(vec![Event::Peer { user: user(caller), proof: proof.clone() }]);
    stage.direct(DirectEvent::Called { number, caller: user(caller), proof });
    stage.take_actions();
}

#[test]
fn deny_ends_the_calls_of_that_user_that_wait_and_stores_nothing() {
    let mut stage = Stage::connected(PERSON);
    caller(&mut stage, 1, "luis");
    caller(&mut stage, 2, "eva");
    let id = MessageId::new("m-1").unwrap();
    stage.direct(DirectEvent::Said { number: 1, id, text: Text::new("hola").unwrap() });
    let denied = "* the call of luis is ended; nothing was sent to the server, and nothing is kept";
    assert_eq!(stage.enter("/deny @LUIS"), [denied]);
    assert_eq!(stage.take_actions(), ["close 1"]);
    assert_eq!((stage.records.as_str(), &stage.sending), ("", &None));
    assert_eq!(stage.direct(DirectEvent::Closed { number: 1, why: String::new() }), [""; 0]);
    assert_eq!(stage.enter("/accept"), ["eva"]);
    // The next call is shown again, and may be accepted.
    caller(&mut stage, 3, "luis");
    assert_eq!(
        stage.enter("/accept luis"),
        ["* direct chat with luis: what you type goes to luis without the server, until exit or /close"]
    );
    // A chat that was accepted is no call.
    let nothing = "* no call of luis waits; nothing was sent to the server, and nothing is kept: luis may try again";
    assert_eq!(stage.enter("/deny luis"), [nothing]);
    assert_eq!(stage.take_actions(), ["accept 3"]);
}

#[test]
fn deny_of_a_caller_who_was_not_let_through_sends_and_stores_nothing() {
    let mut stage = Stage::connected(PERSON);
    stage.poll(call("luis"));
    let nothing = "* no call of luis waits; nothing was sent to the server, and nothing is kept: luis may try again";
    assert_eq!(stage.enter("/deny luis"), [nothing]);
    assert_eq!((stage.records.as_str(), &stage.sending), ("", &None));
    assert_eq!(stage.poll(call("luis")), [TOLD]);
    for wrong in ["/deny", "/deny #sala", "/deny luis eva"] {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
    let mut stage = Stage::connected(Setting { direct: false, ..PERSON });
    assert_eq!(stage.enter("/deny luis").len(), 1);
}

#[test]
fn permits_are_changed_and_listed() {
    let mut stage = Stage::connected(PERSON);
    stage.enter("/permit @luis no");
    assert_eq!(stage.sending, Some(Request::Permit(user("luis"), false)));
    let shown = stage.answer(Answer::Done);
    assert_eq!(shown, ["* luis may not call you for direct chats, and you are not told of attempts"]);
    stage.enter("/permit");
    assert_eq!(stage.sending, Some(Request::Permits));
    let list = [("eva", true), ("luis", false)].map(|(name, permitted)| Permit { user: user(name), permitted });
    assert_eq!(stage.answer(Answer::Permits(list.into())), ["eva: may call you", "luis: may not call you"]);
    stage.enter("/permit");
    let none = "you have permitted and refused nobody: those may call you to whom you have written";
    assert_eq!(stage.answer(Answer::Permits(Vec::new())), [none]);
    // A server from before answers SYNTAX.
    for line in ["/permit", "/permit luis yes", "/accept luis"] {
        stage.enter(line);
        let older = "! this server is older: it knows no permits, and lets everybody call";
        assert_eq!(stage.answer(refused(Code::Syntax)), [older], "{line}");
    }
    stage.enter("/permit nobody yes");
    assert_eq!(stage.answer(refused(Code::NoUser)), ["! the reason"]);
}

#[test]
fn a_permit_has_a_name_and_a_word_of_each_language() {
    for right in
        ["/permit", "/permit luis yes", "/permit luis sí", "/permit luis si", "/permit luis sim", "/permit luis  no"]
    {
        assert!(parse(right).is_ok(), "{right}");
    }
    for wrong in ["/permit luis", "/permit luis maybe", "/permit #sala yes", "/permit  yes", "/permit luis yes no"] {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
}
