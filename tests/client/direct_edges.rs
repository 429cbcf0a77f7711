//! The edges of direct chats, in the app alone: where there are none, whom the server does not name, how much one side
//! may say, and to whom an answer goes.

use crate::client::stage::{PERSON, Stage, refused, target, user};
use wachat::client::app::Setting;
use wachat::client::app::destination::Destination;
use wachat::client::link::request::Answer;
use wachat::client::p2p::event::DirectEvent;
use wachat::limits;
use wachat::model::{MessageId, Text, Timestamp};
use wachat::protocol::Code;

const HASTY: &str = "! not sent, since it was typed for a chat that did not come about: hola";

fn said(number: u64, id: u64, text: &str) -> DirectEvent {
    DirectEvent::Said { number, id: MessageId::new(&format!("d-{id}")).unwrap(), text: Text::new(text).unwrap() }
}

fn in_a_chat_with_luis() -> Stage {
    let mut stage = Stage::connected(PERSON);
    stage.direct(DirectEvent::Connected { number: 1, peer: user("luis") });
    stage
}

#[test]
fn a_client_without_direct_chats_says_so() {
    let setting = Setting { direct: false, ..PERSON };
    for line in ["/p2p luis", "/accept luis", "/accept"] {
        let mut stage = Stage::connected(setting.clone());
        let none = ["! there are no direct chats here (--no-p2p, or not at a terminal)"];
        assert_eq!(stage.enter(line), none, "{line}");
        assert!(stage.sending.is_none() && stage.app.wants_line(), "{line}");
        assert_eq!(*stage.app.destination(), Destination::Conversation(target("#lobby")), "{line}");
    }
}

#[test]
fn whom_the_server_does_not_name_is_not_called_and_nothing_said_to_them_goes_elsewhere() {
    let goes = "/query luis goes by way of the server";
    let because = |why: &str| format!("! luis cannot be reached directly ({why}); {goes}");
    for (answer, shown) in [
        (refused(Code::NoUser), "! there is no user luis".to_owned()),
        (refused(Code::NoPeer), because("the reason")),
        (Answer::NoPeer { online: true }, because("online, but taking no direct chats now, or none from you")),
        (Answer::NoPeer { online: false }, because("not online")),
    ] {
        let mut stage = Stage::connected(PERSON);
        stage.enter("/p2p luis");
        assert_eq!(stage.answer(answer), [shown]);
        assert!(stage.actions.is_empty() && stage.app.wants_line());
        assert_eq!(stage.enter("hola"), [HASTY]);
    }
}

#[test]
fn nobody_calls_themselves() {
    for line in ["/p2p ana", "/p2p ANA"] {
        let mut stage = Stage::connected(PERSON);
        assert_eq!(stage.enter(line), ["! a direct chat is with another user, not with yourself"]);
        assert_eq!(stage.enter("hola"), [HASTY]);
    }
}

#[test]
fn so_many_lines_may_wait_for_the_other_side() {
    let mut stage = in_a_chat_with_luis();
    let mut first = None;
    for number in 0..limits::DIRECT_LINES {
        assert_eq!(stage.enter(&format!("{number}")), [format!("said, directly to luis: {number}")]);
        first.get_or_insert(stage.made_id());
    }
    assert_eq!(stage.enter("more"), ["! not sent: the other side is slow; try again"]);
    stage.direct(DirectEvent::Confirmed { number: 1, id: first.unwrap() });
    assert_eq!(stage.take_actions().len(), limits::DIRECT_LINES, "all of them are said, and nothing else");
    assert_eq!(stage.enter("more"), ["said, directly to luis: more"]);
    assert_eq!(stage.enter("and more"), ["! not sent: the other side is slow; try again"]);
}

#[test]
fn what_is_beyond_the_bytes_of_a_day_is_refused_and_ends_the_chat() {
    let mut stage = in_a_chat_with_luis();
    let text = "x".repeat(limits::TEXT_BYTES);
    let fitting = (limits::DIRECT_MIB_PER_DAY << 20) / (text.len() + limits::ROW_BYTES);
    for number in 0..fitting as u64 {
        assert_eq!(stage.direct(said(1, number, &text)).len(), 1);
    }
    stage.take_actions();
    assert_eq!(stage.direct(said(1, 1_000, &text)), [""; 0]);
    let quota = "answer 1: KO;QUOTA;no more than 8 MiB a day are taken from you directly";
    assert_eq!(stage.take_actions(), [quota]);
    assert_eq!(stage.enter("hola"), ["! this is no direct chat; /p2p <user> opens one"]);
    let over = stage.direct(DirectEvent::Closed { number: 1, why: String::new() });
    let goes = "what you write to luis goes by way of the server";
    assert_eq!(over, [format!("* the direct chat with luis is over (more than 8 MiB have come today); {goes}")]);
    // The next day more is taken.
    stage.at = Timestamp::from_millis(86_400_000);
    stage.direct(DirectEvent::Connected { number: 2, peer: user("luis") });
    assert_eq!(stage.direct(said(2, 1_000, &text)).len(), 1);
}

#[test]
fn an_answer_goes_to_who_spoke_directly_last() {
    let mut stage = in_a_chat_with_luis();
    stage.receive("eva", "ana", "by way of the server");
    stage.answer_all();
    stage.direct(said(1, 1, "directly"));
    assert_eq!(stage.enter("/reply hola"), ["queued, to luis: hola, others 0"]);
    // A repeated message is not new, and changes nothing.
    stage.receive("eva", "ana", "later");
    stage.direct(said(1, 1, "directly"));
    assert_eq!(stage.enter("/reply hola"), ["queued, to eva: hola, others 0"]);
}
