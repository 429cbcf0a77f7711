//! Notices about a user's messages and about the connection: each step of a message, each refusal, each loss of the
//! server once; and what the server is told of what was read.

use std::time::Duration;

use crate::client::stage::{PERSON, Stage, chat, message, refused, seq, target, user};
use wachat::client::app::Setting;
use wachat::client::app::event::Event as AppEvent;
use wachat::client::link::error::LinkError;
use wachat::client::link::receiver::Receive;
use wachat::client::link::request::{Answer, LinkEvent, Request};
use wachat::client::state::ClientState;
use wachat::client::state::outgoing::Outgoing;
use wachat::client::state::record::Record;
use wachat::limits;
use wachat::model::{State, Timestamp};
use wachat::protocol::{Code, Event, Ko, SessionOpened, User};

const LOST: &str = "* the server is away (lost); what you write waits in the outbox";
const OTHER_STORE: &str = "* the server's store is another than last time: restored from a backup, or made anew; your history \
    stays, and what was sent since that backup may be unknown there";

fn reached(number: u64, name: &str, state: State, upto: u64) -> Event {
    Event::State { seq: seq(number), target: target(name), state, upto: seq(upto), at: Timestamp::from_millis(1) }
}

#[test]
fn a_message_takes_its_steps_one_by_one_and_each_is_shown() {
    let mut stage = Stage::connected(PERSON);
    assert_eq!(stage.enter("@luis: one"), ["queued, to luis: one, others 0"]);
    assert_eq!(stage.answer_all(), ["RECEIVED, to luis: one, others 0"]);
    for text in ["two", "three"] {
        stage.enter(&format!("@luis: {text}"));
        stage.answer_all();
    }
    let poll = |stage: &mut Stage, event| stage.poll(vec![event]);
    assert_eq!(poll(&mut stage, reached(4, "luis", State::Delivered, 2)), ["DELIVERED, to luis: two, others 1"]);
    let both = ["DELIVERED, to luis: three, others 2", "READ, to luis: three, others 2"];
    assert_eq!(poll(&mut stage, reached(5, "luis", State::Read, 3)), both);
    assert_eq!(poll(&mut stage, reached(6, "luis", State::Delivered, 3)), [""; 0], "states only move forward");
    assert_eq!(poll(&mut stage, reached(7, "eva", State::Read, 3)), [""; 0]);
    // A state that comes before the answer to the SEND.
    stage.enter("@luis: four");
    stage.last = 9;
    assert_eq!(poll(&mut stage, reached(11, "luis", State::Delivered, 10)), [""; 0]);
    assert_eq!(stage.answer_all(), ["RECEIVED, to luis: four, others 0", "DELIVERED, to luis: four, others 0"]);
}

#[test]
fn a_message_that_waits_is_told_of_once_and_one_that_is_refused_says_why() {
    let mut stage = Stage::connected(PERSON);
    stage.enter("@luis: one");
    assert_eq!(stage.answer(refused(Code::Quota)), ["* what you wrote to luis waits: the reason"]);
    stage.wait(limits::MIN_HOLD_DELAY);
    assert_eq!(stage.answer(refused(Code::Quota)), [""; 0]);
    assert!(stage.app.deadline().is_some_and(|at| at > stage.now && at <= stage.now + 2 * limits::MIN_HOLD_DELAY));
    for (to, code, why) in [
        ("luis", Code::NoUser, "the reason"),
        ("luis", Code::NotMember, "the reason"),
        ("#sala", Code::NotMember, "you are not in #sala; /join #sala first"),
        ("#sala", Code::NoRoom, "there is no room #sala; /join #sala makes it"),
        ("#sala", Code::Conflict, "the reason"),
    ] {
        let mut stage = Stage::connected(PERSON);
        stage.enter(&format!("/msg {to} hola"));
        assert_eq!(stage.answer(refused(code)), [format!("failed, to {to}: hola ({why})")]);
        assert!(stage.sending.is_none() && stage.app.state().outbox().is_empty());
    }
}

#[test]
fn the_outbox_has_its_limit_and_what_is_beyond_it_is_not_kept() {
    let mut state = ClientState::new(user("ana"));
    for number in 1..=limits::OUTBOX_MESSAGES as u64 {
        let queued = Outgoing::of(&message(number, "ana", "luis", "hola"));
        state.apply(Record::Queued(queued));
    }
    let mut stage = Stage::with(PERSON, state);
    let begun = stage.handle(AppEvent::Started(Err("lost".to_owned())));
    assert_eq!(begun[..2], ["* 10000 in the outbox from last time", LOST]);
    let full = "! not sent: the outbox is full (10000 messages or 16 MiB); it empties when the server is there: then send this again";
    assert_eq!((stage.enter("@luis: more"), stage.records.as_str()), (vec![full.to_owned()], ""));
}

#[test]
fn what_was_shown_is_told_as_read_unless_it_is_hidden_or_nobody_is_to_know() {
    for (setting, is_told) in [(PERSON, true), (Setting { receipts: false, ..PERSON }, false)] {
        let mut stage = Stage::connected(setting);
        stage.receive("luis", "ana", "one");
        assert_eq!(stage.sending, None, "it was not shown yet");
        stage.handle(AppEvent::Shown(1));
        assert_eq!(stage.sending.take(), is_told.then(|| Request::Read(target("luis"), seq(1))));
    }
    let mut stage = Stage::connected(PERSON);
    stage.enter("/ignore eva");
    assert_eq!(stage.receive("eva", "ana", "one"), ["hidden, eva to ana: one"]);
    stage.handle(AppEvent::Shown(1));
    assert_eq!(stage.sending, None);
    // The full screen says what was seen.
    stage.receive("luis", "ana", "two");
    stage.handle(AppEvent::Seen(target("luis"), seq(2)));
    assert_eq!(stage.sending, Some(Request::Read(target("luis"), seq(2))));
    stage.answer_all();
    for (name, upto) in [("luis", 2), ("luis", 1), ("eva", 1), ("otto", 9)] {
        stage.handle(AppEvent::Seen(target(name), seq(upto)));
        assert_eq!(stage.sending, None, "{name} {upto}");
    }
}

#[test]
fn read_marks_one_conversation_or_all_that_are_not_hidden() {
    let begin = || {
        let mut stage = Stage::connected(PERSON);
        for (from, to) in [("luis", "ana"), ("eva", "ana"), ("luis", "#sala"), ("eva", "#sala")] {
            stage.receive(from, to, "hola");
        }
        stage.enter("/ignore eva");
        stage
    };
    for (line, told) in [
        ("/read", &[("luis", 1), ("#sala", 4)][..]),
        ("/read luis", &[("luis", 1)]),
        ("/read eva", &[("eva", 2)]),
        ("/read #sala", &[("#sala", 4)]),
        ("/read otto", &[]),
    ] {
        let mut stage = begin();
        assert_eq!(stage.enter(line), [""; 0], "{line}");
        let mut reads = Vec::new();
        while let Some(request) = stage.sending.clone() {
            reads.push(request);
            stage.answer(Answer::Done);
        }
        let told: Vec<_> = told.iter().map(|(name, upto)| Request::Read(target(name), seq(*upto))).collect();
        assert_eq!(reads, told, "{line}");
    }
}

/// A note to oneself is no news, and was seen when it was written.
#[test]
fn a_note_to_oneself_is_read_when_it_has_arrived() {
    let mut stage = Stage::connected(PERSON);
    stage.enter("@ana: note");
    stage.answer_all();
    let delivered = ["DELIVERED, to ana: note, others 0"];
    assert_eq!(stage.poll(vec![reached(2, "ana", State::Delivered, 1)]), delivered);
    assert_eq!(stage.sending, Some(Request::Read(target("ana"), seq(1))));
    stage.answer_all();
    assert_eq!(stage.enter("/reply hola"), ["! nobody has written to you alone yet"]);
}

fn opened(store: &str, acknowledged: u64) -> AppEvent {
    let opened =
        SessionOpened { user: user("ANA"), acknowledged: seq(acknowledged), store: store.into(), device: None };
    AppEvent::Link(LinkEvent::LoggedIn(opened))
}

#[test]
fn a_loss_of_the_server_is_said_once_and_its_return_once() {
    let mut stage = Stage::connected(PERSON);
    assert!(stage.app.is_connected());
    assert_eq!(stage.disconnect(), [LOST]);
    assert!(!stage.app.is_connected());
    stage.enter("@luis: hola");
    assert_eq!(stage.lose(), [""; 0], "that is known");
    for _ in 0..3 {
        assert!(stage.app.reconnects_at(stage.now).is_some());
        stage.wait(2 * limits::MAX_RETRY_DELAY);
        assert_eq!(stage.receiving, Some(Receive::LogIn));
        assert_eq!(stage.disconnect(), [""; 0]);
        stage.sending = None;
    }
    stage.wait(2 * limits::MAX_RETRY_DELAY);
    stage.receiving = None;
    assert_eq!(stage.handle(opened("store", 0)), [""; 0]);
    assert!(!stage.app.is_connected(), "a session that answers no poll is none");
    assert_eq!(stage.receiving, Some(Receive::Poll { after: seq(0), wait: 0 }));
    assert_eq!(stage.poll(vec![]), ["* connected to example"]);
    assert_eq!(stage.receiving, Some(Receive::Poll { after: seq(0), wait: limits::POLL_WAIT_SECONDS }));
    assert_eq!((stage.poll(vec![]), stage.app.is_connected()), (vec![], true));
    assert_eq!(stage.app.state().me().shown(), "ANA", "as it was registered");
}

#[test]
fn another_store_and_an_older_copy_are_told_of_and_polled_from_what_the_server_says() {
    let mut stage = Stage::connected(PERSON);
    stage.receive("luis", "ana", "one");
    stage.receive("luis", "ana", "two");
    let polls = |stage: &Stage, after| stage.receiving == Some(Receive::Poll { after: seq(after), wait: 0 });
    for (store, acknowledged, told, after) in [
        ("store", 1, false, 2),
        ("another", 1, true, 1),
        ("another", 7, false, 1),
        ("store", 9, true, 9),
        ("store", 4, false, 9),
    ] {
        stage.disconnect();
        stage.sending = None;
        stage.wait(2 * limits::MAX_RETRY_DELAY);
        stage.receiving = None;
        assert_eq!(stage.handle(opened(store, acknowledged)), if told { vec![OTHER_STORE] } else { vec![] });
        assert!(polls(&stage, after), "{store} {acknowledged}: {:?}", stage.receiving);
    }
    // The server has never given the number that is noted.
    stage.receiving = None;
    stage.sending = None;
    let shown = stage.handle(AppEvent::Link(LinkEvent::Polled(Err(Ko::new(Code::Seq, "the reason")))));
    assert_eq!(shown[0], OTHER_STORE);
    assert!(
        matches!(stage.receiving, Some(Receive::Poll { after, .. }) if after == seq(4)),
        "what it calls acknowledged"
    );
}

/// Messages of the first polls, and those after a minute without the server, are summed up after the last message.
#[test]
fn what_came_meanwhile_is_summed_up_after_a_long_absence_alone() {
    for (seconds, is_summed) in [(59, false), (61, true)] {
        let mut stage = Stage::connected(PERSON);
        stage.disconnect();
        stage.now += Duration::from_secs(seconds);
        stage.handle(AppEvent::Tick);
        stage.receiving = None;
        stage.handle(opened("store", 0));
        let from = ["luis", "eva", "luis"].into_iter().zip(1..);
        let mut events: Vec<_> = from.map(|(name, n)| Event::Message(message(n, name, "ana", "hola"))).collect();
        events.push(Event::Message(message(4, "eva", "#sala", "hola")));
        let shown = stage.poll(events);
        let sum = "* new while you were away: 2 from luis, 1 from eva, 1 in #sala".to_owned();
        assert_eq!(shown.last() == Some(&sum), is_summed, "{shown:?}");
        let shown = stage.poll(vec![Event::Message(message(5, "eva", "ana", "hola"))]);
        assert_eq!(shown, ["eva to ana: hola"], "that is the present");
    }
}

#[test]
fn who_is_online_is_listed_once_in_a_run_without_the_user_and_the_hidden() {
    let known = |name: &str, online| User { name: user(name), online, last_seen: None };
    let mut stage = Stage::with(PERSON, ClientState::new(user("ana")));
    stage.handle(AppEvent::Started(Ok(())));
    stage.answer(Answer::Chats(vec![chat("#lobby", 0, 0, 0)]));
    stage.enter("/ignore otto");
    stage.log_in("store", 0);
    let users = ["ana", "eva", "luis", "otto"].map(|name| known(name, true));
    let users = || Answer::Users([users.to_vec(), vec![known("ada", false)]].concat());
    assert_eq!(stage.sending, Some(Request::Presence));
    assert_eq!(stage.answer(users()), ["* online now: eva luis"]);
    assert_eq!(stage.app.is_online(&user("ada")), Some(false));
    stage.handle(AppEvent::Link(LinkEvent::ReceiverFailed(LinkError::Away("lost".to_owned()))));
    assert_eq!(stage.app.is_online(&user("eva")), None);
    for (online, line) in [(0, "nobody else is online now"), (10, "online now: "), (12, " and 2 more")] {
        let mut stage = Stage::with(PERSON, ClientState::new(user("ana")));
        stage.handle(AppEvent::Started(Ok(())));
        stage.answer(Answer::Chats(vec![chat("#lobby", 0, 0, 0)]));
        stage.log_in("store", 0);
        let shown = stage.answer(Answer::Users((0..online).map(|n| known(&format!("user{n}"), true)).collect()));
        assert!(shown.len() == 1 && shown[0].contains(line), "{shown:?}");
        assert_eq!(shown[0].matches("user").count(), online.min(limits::PRESENCE_NAMES), "{shown:?}");
        assert_eq!(shown[0].contains("more"), online > limits::PRESENCE_NAMES, "{shown:?}");
    }
}

#[test]
fn an_absence_begins_with_its_first_failure_however_many_follow() {
    for (seconds, is_summed) in [(20, false), (70, true), (600, true)] {
        let mut stage = Stage::connected(PERSON);
        stage.disconnect();
        let back = stage.now + Duration::from_secs(seconds);
        while stage.now < back {
            stage.wait(Duration::from_secs(5));
            if stage.receiving.is_some() && stage.now < back {
                stage.disconnect();
            }
        }
        while stage.receiving.is_none() {
            stage.wait(Duration::from_secs(1));
        }
        stage.log_in("store", 0);
        stage.answer_all();
        let mut shown = stage.receive("luis", "ana", "hola");
        stage.answer_all();
        shown.extend(stage.poll(vec![]));
        let sum = shown.iter().any(|line| line.contains("new while you were away: 1 from luis"));
        assert_eq!(sum, is_summed, "{seconds} s: {shown:?}");
    }
}
