//! What other devices of the user do, as the events of a session tell it: messages that come back, reads, rooms; and the
//! login of a device that the server has forgotten.

use std::sync::Arc;

use wachat::client::app::Setting;
use wachat::client::app::event::Event as AppEvent;
use wachat::client::link::error::LinkError;
use wachat::client::link::receiver::Receive;
use wachat::client::link::request::{Answer, LinkEvent, Request};
use wachat::client::state::outgoing::Outgoing;
use wachat::client::state::row::Row;
use wachat::limits;
use wachat::model::{DeviceName, Message, State, Timestamp};
use wachat::protocol::reply::OpenSession;
use wachat::protocol::{Accepted, Code, Device, DeviceState, Event, Port, SessionOpened};

use crate::client::stage::{PERSON, Stage, chat, message, refused, room, row_line, seq, target, user};

const LEFT: &str =
    "* you have left #sala on another device, or its owner has put you out; your history of it stays here";

fn log_in(stage: &mut Stage, acknowledged: u64, state: DeviceState) -> Vec<String> {
    assert_eq!(stage.receiving.take(), Some(Receive::LogIn));
    let opened = SessionOpened {
        user: user("ana"),
        acknowledged: seq(acknowledged),
        store: "store".into(),
        device: Some(state),
    };
    stage.handle(AppEvent::Link(LinkEvent::LoggedIn(opened)))
}

/// Ana's client as the device `laptop`, which the server knows.
fn laptop() -> Stage {
    let device = DeviceName::new("laptop");
    let mut stage = Stage::with(Setting { device, ..PERSON }, wachat::client::state::ClientState::new(user("ana")));
    stage.handle(AppEvent::Started(Ok(())));
    log_in(&mut stage, 0, DeviceState::Known);
    stage.answer_all();
    stage.poll(vec![]);
    stage.answer_all();
    stage
}

/// The message that the sender has, as the server stores it.
fn stored(stage: &Stage, number: u64) -> (Outgoing, Arc<Message>) {
    let Some(Request::Send(sent, _)) = stage.sending.clone() else { panic!("{:?}", stage.sending) };
    let Outgoing { id, to, at, text } = sent.clone();
    (sent, Arc::new(Message { seq: seq(number), id, from: user("ana"), to, at, text }))
}

fn accepted(message: &Message) -> Answer {
    Answer::Accepted(Accepted { id: message.id.clone(), at: message.at, seq: message.seq })
}

fn rows(stage: &Stage, name: &str) -> Vec<String> {
    stage.app.state().last_rows(&target(name), usize::MAX).iter().map(row_line).collect()
}

#[test]
fn a_message_that_comes_back_is_one_row_whichever_comes_first() {
    for to in ["luis", "#lobby", "ana"] {
        for event_first in [true, false] {
            let mut stage = laptop();
            stage.enter(&format!("/msg {to} hola"));
            let (_, message) = stored(&stage, 7);
            let event = vec![Event::Message(message.clone())];
            let [first, second] = if event_first {
                let first = stage.poll(event);
                [first, stage.answer(accepted(&message))]
            } else {
                let first = stage.answer(accepted(&message));
                [first, stage.poll(event)]
            };
            assert_eq!((first.len(), second), (1, vec![]), "to {to}, event first: {event_first}: {first:?}");
            assert!(stage.app.state().outbox().is_empty());
            let found = stage.app.state().last_rows(&target(to), 9);
            assert!(matches!(found[..], [Row::Sent(_, State::Received)]), "{found:?}");
            assert!(!matches!(stage.sending, Some(Request::Read(..))), "it is no message to be read");
        }
    }
}

#[test]
fn a_reply_that_was_lost_needs_no_retry_once_the_message_has_come_back() {
    let mut stage = laptop();
    stage.enter("/msg luis hola");
    let (_, message) = stored(&stage, 7);
    stage.poll(vec![Event::Message(message)]);
    stage.lose();
    stage.wait(2 * limits::MAX_RETRY_DELAY);
    assert_eq!(stage.sending, None);
    assert_eq!(rows(&stage, "luis").len(), 1);
}

#[test]
fn a_message_of_another_device_is_shown_as_one_and_is_neither_unread_nor_read() {
    let mut stage = laptop();
    let event = || vec![Event::Message(message(7, "ana", "luis", "hola"))];
    assert_eq!(stage.poll(event()), ["elsewhere, luis: 7 sent, RECEIVED: hola"]);
    assert_eq!(stage.poll(event()), [""; 0], "a number that is noted is ignored");
    assert!(stage.app.state().unread(&target("luis"), seq(0)).is_none());
    assert_eq!((stage.app.state().unshown().count(), &stage.sending), (0, &None));
    let at = Timestamp::from_millis(1);
    let told = Event::State { seq: seq(8), target: target("luis"), state: State::Read, upto: seq(7), at };
    stage.poll(vec![told]);
    assert_eq!(rows(&stage, "luis"), ["7 sent, READ: hola"]);
}

#[test]
fn what_is_read_elsewhere_is_seen_here_also_before_it_has_come() {
    let mut stage = laptop();
    let read = |upto| Event::Read { target: target("luis"), upto: seq(upto) };
    let said = |number| Event::Message(message(number, "luis", "ana", "hola"));
    let seen = |stage: &Stage| stage.app.state().find_conversation(&target("luis")).unwrap().seen();
    // Events without a number come first.
    stage.poll(vec![read(3), said(2)]);
    assert_eq!(seen(&stage), seq(2));
    stage.poll(vec![said(3), said(4)]);
    assert_eq!(seen(&stage), seq(3), "the fourth is not read");
    stage.poll(vec![read(4)]);
    assert_eq!(seen(&stage), seq(4));
}

#[test]
fn rooms_that_are_joined_and_left_elsewhere_are_told_once_and_those_of_this_device_not_twice() {
    let mut stage = laptop();
    let at = Timestamp::from_millis(1);
    let joined = || Event::Join { room: room("#sala"), user: user("ana"), at };
    let parted = || Event::Part { room: room("#sala"), user: user("ana"), at };
    assert_eq!(stage.poll(vec![joined()]), ["* you have joined #sala on another device"]);
    assert!(stage.app.state().knows(&target("#sala")));
    assert_eq!(stage.sending, Some(Request::Compare), "it is fetched");
    stage.answer(Answer::Chats(vec![chat("#sala", 0, 0, 0)]));
    assert_eq!(stage.poll(vec![parted()]), [LEFT]);
    // On this one, with the event before the answer and after it.
    for event_first in [true, false] {
        stage.enter("/join #sala");
        stage.answer(Answer::Done);
        assert_eq!(stage.answer(Answer::Joined(None, Vec::new())), ["* you are in #sala; what you write goes there"]);
        stage.answer_all();
        assert_eq!(stage.poll(vec![joined()]), [""; 0]);
        stage.enter("/leave #sala");
        if event_first {
            assert_eq!(stage.poll(vec![parted()]), [""; 0]);
        }
        assert_eq!(stage.answer(Answer::Done), ["* you are no longer in #sala"]);
        if !event_first {
            assert_eq!(stage.poll(vec![parted()]), [""; 0]);
        }
    }
    // Both events come after both answers.
    stage.enter("/join #sala");
    stage.answer(Answer::Done);
    stage.answer(Answer::Joined(None, Vec::new()));
    stage.answer_all();
    stage.enter("/leave #sala");
    stage.answer(Answer::Done);
    assert_eq!(stage.poll(vec![joined(), parted()]), [""; 0]);
    // What changes nothing has no event, and what is refused neither.
    stage.enter("/leave #sala");
    stage.answer(Answer::Done);
    assert_eq!(stage.poll(vec![joined()]), ["* you have joined #sala on another device"]);
    stage.answer(Answer::Chats(Vec::new()));
    stage.enter("/leave #sala");
    stage.answer(refused(Code::Full));
    assert_eq!(stage.poll(vec![parted()]), [LEFT]);
}

#[test]
fn what_is_asked_for_while_the_client_logs_in_was_not_done_elsewhere() {
    let device = DeviceName::new("laptop");
    let mut stage = Stage::with(Setting { device, ..PERSON }, wachat::client::state::ClientState::new(user("ana")));
    stage.handle(AppEvent::Started(Ok(())));
    while stage.sending.is_some() {
        stage.answer_all();
    }
    stage.enter("/leave #sala");
    assert_eq!(stage.answer(Answer::Done), ["* you are no longer in #sala"]);
    stage.enter("/join #sala new");
    log_in(&mut stage, 0, DeviceState::Known);
    stage.answer(Answer::Joined(None, Vec::new()));
    stage.answer_all();
    let at = Timestamp::from_millis(1);
    let parted = Event::Part { room: room("#sala"), user: user("ana"), at };
    let joined = Event::Join { room: room("#sala"), user: user("ana"), at };
    assert_eq!(stage.poll(vec![parted, joined]), [""; 0]);
    assert_eq!(stage.app.current(), Some(target("#sala")));
}

#[test]
fn a_device_that_was_forgotten_says_so_and_compares_its_history() {
    let mut stage = laptop();
    stage.poll(vec![Event::Message(message(2, "luis", "ana", "hola"))]);
    stage.disconnect();
    stage.wait(2 * limits::MAX_RETRY_DELAY);
    let notice = "* the server had forgotten this device, or it was away for too long; its history is completed";
    assert_eq!(log_in(&mut stage, 9, DeviceState::New), [notice]);
    stage.answer_all();
    stage.poll(vec![]);
    assert_eq!(stage.sending, Some(Request::Compare));
    stage.answer_all();
    // Known again, it says nothing.
    stage.disconnect();
    stage.wait(2 * limits::MAX_RETRY_DELAY);
    assert_eq!(log_in(&mut stage, 9, DeviceState::Known), [""; 0]);
}

#[test]
fn a_home_that_is_ahead_of_the_servers_number_shows_nothing_twice() {
    let mut stage = laptop();
    let events = || [5, 6].map(|number| Event::Message(message(number, "luis", "ana", "hola"))).to_vec();
    assert_eq!(stage.poll(events()).len(), 2);
    stage.disconnect();
    stage.wait(2 * limits::MAX_RETRY_DELAY);
    log_in(&mut stage, 0, DeviceState::New);
    assert!(stage.poll(events()).iter().all(|line| !line.contains("hola")));
    assert_eq!(rows(&stage, "luis").len(), 2);
}

#[test]
fn devices_and_sessions_say_which_one_is_this() {
    let mut stage = laptop();
    stage.enter("/devices");
    let device = |name: &str, online, has_key| Device {
        name: DeviceName::new(name).unwrap(),
        last_used: stage.at,
        online,
        has_key,
    };
    let devices = vec![device("lab", false, true), device("laptop", true, false)];
    let shown = stage.answer(Answer::Devices(devices));
    assert!(shown[0].starts_with("= lab: last used ") || shown[0].starts_with("lab: last used "), "{shown:?}");
    assert!(shown[0].ends_with("logs in with a key"), "{shown:?}");
    assert!(shown[1].ends_with("laptop: online, logs in with a password; this one"), "{shown:?}");
    stage.enter("/sessions");
    let session = |number, name: &str| OpenSession {
        number,
        port: Port::Recv,
        address: "192.0.2.7".parse().unwrap(),
        since: stage.at,
        this: false,
        device: DeviceName::new(name),
    };
    let shown = stage.answer(Answer::Sessions(vec![session(1, "lab"), session(2, "laptop"), session(3, "")]));
    let ends = ["; lab", ", this one; laptop", ""];
    for (line, end) in shown.iter().zip(ends) {
        assert!(line.ends_with(end) && line.contains("this one") == (end.contains("this one")), "{line}");
    }
    assert_eq!(stage.enter("/forget laptop"), ["! laptop is this device: forget it on another one"]);
    stage.enter("/forget lab");
    assert_eq!(stage.answer(Answer::Done), ["* lab is forgotten, and its connections are closed"]);
}

#[test]
fn a_key_that_has_ended_ends_the_client_and_leaves_the_outbox() {
    let mut stage = laptop();
    stage.enter("/msg luis hola");
    let shown = stage.handle(AppEvent::Link(LinkEvent::ReceiverFailed(LinkError::KeyEnded)));
    assert!(shown[0].starts_with("! this device was forgotten, or its key has ended"), "{shown:?}");
    assert!(stage.app.end().is_some());
    assert_eq!(stage.app.state().outbox().len(), 1);
}
