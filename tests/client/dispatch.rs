//! The dispatcher alone: what an earlier run left, how many questions wait, and a server that is not there.

use std::time::{Duration, Instant};

use crate::client::stage::{chat, seq, target, user};
use wachat::client::app::dispatch::Dispatcher;
use wachat::client::app::event::Context;
use wachat::client::link::error::LinkError;
use wachat::client::link::request::{Answer, Request};
use wachat::client::state::ClientState;
use wachat::limits;
use wachat::model::Timestamp;

#[test]
fn what_an_earlier_run_showed_is_told_if_the_server_does_not_know_it() {
    for (read, is_told) in [(None, true), (Some(0), true), (Some(6), true), (Some(7), false), (Some(8), false)] {
        let mut dispatcher = Dispatcher::default();
        let mut state = ClientState::new(user("ana"));
        dispatcher.add_doubtful([(target("luis"), seq(7))]);
        let others = [chat("eva", 9, 9, 9), chat("#luis", 9, 9, 9)];
        let chats: Vec<_> = others.into_iter().chain(read.map(|read| chat("luis", 9, read, 9))).collect();
        let now = Instant::now();
        assert_eq!(dispatcher.next_request(&mut state, now, || None), None, "before the comparison");
        dispatcher.compare_reads(&chats);
        let expected = is_told.then(|| Request::Read(target("luis"), seq(7)));
        assert_eq!(dispatcher.next_request(&mut state, now, || None), expected, "{read:?}");
        let mut later = Dispatcher::default();
        later.compare_reads(&chats);
        assert_eq!(later.next_request(&mut state, now, || None), None, "each is compared once");
    }
}

#[test]
fn a_dispatcher_that_is_switched_off_asks_nothing_and_refuses_every_question() {
    let mut dispatcher = Dispatcher::default();
    let mut state = ClientState::new(user("ana"));
    let now = Instant::now();
    dispatcher.switch_off();
    dispatcher.add_read(target("luis"), seq(1));
    assert!(dispatcher.add_question(Request::Users) && dispatcher.add_question(Request::Rooms));
    assert_eq!(dispatcher.next_request(&mut state, now, || Some(Request::Presence)), None);
    assert_eq!(dispatcher.refuse_questions(now), [Request::Users, Request::Rooms]);
    assert_eq!((dispatcher.refuse_questions(now), dispatcher.deadline(now)), (vec![], None));
}

#[test]
fn as_many_questions_wait_as_the_limit_says_and_none_is_forgotten() {
    let mut dispatcher = Dispatcher::default();
    let mut state = ClientState::new(user("ana"));
    let now = Instant::now();
    assert!(dispatcher.is_idle());
    let fit = (0..2 * limits::CLIENT_QUESTIONS).filter(|_| dispatcher.add_question(Request::Users)).count();
    assert_eq!((fit, dispatcher.is_idle()), (limits::CLIENT_QUESTIONS, false));
    let context = Context { now, at: Timestamp::from_millis(1), random: 0 };
    for left in (0..limits::CLIENT_QUESTIONS).rev() {
        assert_eq!(dispatcher.next_request(&mut state, now, || None), Some(Request::Users));
        dispatcher.note_answer(&mut state, Request::Users, Ok(Answer::Done), &context);
        assert_eq!(dispatcher.is_idle(), left == 0);
    }
}

#[test]
fn a_server_that_is_found_elsewhere_is_tried_at_once_and_a_later_failure_waits_longer() {
    let mut dispatcher = Dispatcher::default();
    let mut state = ClientState::new(user("ana"));
    let now = Instant::now();
    let context = Context { now, at: Timestamp::from_millis(1), random: 0 };
    let ask = |dispatcher: &mut Dispatcher, state: &mut ClientState| {
        dispatcher.next_request(state, now, || Some(Request::Presence))
    };
    for length in [1, 2, 4, 8, 16, 30, 30] {
        assert_eq!(ask(&mut dispatcher, &mut state), Some(Request::Presence));
        let lost = Err(LinkError::Away("lost".to_owned()));
        dispatcher.note_answer(&mut state, Request::Presence, lost, &context);
        assert_eq!(ask(&mut dispatcher, &mut state), None);
        assert_eq!(dispatcher.deadline(now), Some(now + Duration::from_millis(750) * length));
        dispatcher.hurry();
        assert!(dispatcher.is_failing() && dispatcher.deadline(now).is_none());
    }
}
