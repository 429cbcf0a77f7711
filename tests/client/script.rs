//! A client without a person: how a script's lines are read, what waits for what, and what its exit code says. And what
//! ends a client whose session is taken away.

use std::time::Duration;

use crate::client::stage::{PERSON, Stage, line, refused, user};
use wachat::client::app::Setting;
use wachat::client::app::event::Event;
use wachat::client::exit::Exit;
use wachat::client::link::error::LinkError;
use wachat::client::link::request::{LinkEvent, Request};
use wachat::client::state::ClientState;
use wachat::limits;
use wachat::protocol::{Code, Ko};

fn texts(stage: &Stage) -> Vec<&str> {
    stage.app.state().outbox().iter().map(|message| message.text.as_str()).collect()
}

#[test]
fn a_line_that_ends_in_one_backslash_goes_on_and_two_are_two() {
    for (lines, sent) in [
        (&["@luis: one"][..], "one"),
        (&["@luis: one\\", "two"], "one\ntwo"),
        (&["@luis: one\\", "", "two"], "one\n"),
        (&["@luis: one\\", "two\\", "three"], "one\ntwo\nthree"),
        (&["@luis: one\\\\"], "one\\\\"),
        (&["@luis: one\\\\\\", "two"], "one\\\\\ntwo"),
        (&["@luis: o\\ne"], "o\\ne"),
        (&["@luis: one\\", "\\\\"], "one\n\\\\"),
    ] {
        let mut stage = Stage::piped();
        for line in lines {
            assert!(stage.app.wants_line(), "{lines:?}");
            stage.type_line(line);
            if !texts(&stage).is_empty() {
                break;
            }
            assert_eq!(stage.app.prompt(), "... ", "{lines:?}");
        }
        assert_eq!(texts(&stage), [sent], "{lines:?}");
    }
}

#[test]
fn a_begun_line_is_complete_at_the_end_of_the_input_and_too_long_a_one_is_refused_whole() {
    let mut stage = Stage::piped();
    stage.type_line("@luis: one\\");
    stage.handle(Event::InputEnded);
    assert_eq!((texts(&stage), stage.app.is_leaving(), stage.app.prompt()), (vec!["one"], true, String::new()));
    let mut stage = Stage::piped();
    let part = format!("{}\\", "x".repeat(limits::TYPED_BYTES / 2));
    for line in ["@luis: one\\", &part, &part, &part, "end"] {
        let _ = stage.type_line(line);
    }
    assert_eq!(texts(&stage), [""; 0]);
    assert_eq!(stage.type_line("@luis: two"), ["queued, to luis: two, others 0"]);
    // An editor gives whole texts.
    stage.enter("@luis: three\\");
    assert_eq!(texts(&stage), ["two", "three\\"]);
}

#[test]
fn what_looks_back_waits_for_the_messages_before_it() {
    for line in
        ["/history luis", "/unread", "/users", "/whois luis", "/rooms", "/names #sala", "/search hola", "/status"]
    {
        let mut stage = Stage::piped();
        stage.type_line("@luis: one");
        stage.type_line("@eva: two");
        assert_eq!((stage.type_line(line), stage.app.wants_line()), (vec![], false), "{line}");
        assert!(matches!(stage.sending, Some(Request::Send(..))), "{line}");
        let mut shown = stage.answer_all();
        shown.retain(|line| !line.starts_with("RECEIVED"));
        assert!(stage.app.wants_line(), "{line}");
        let says = ["/search hola", "/status"].contains(&line);
        assert_eq!(!shown.is_empty(), says || line == "/unread", "{line}: {shown:?}");
    }
    // It does not wait for ever for a server that does not take them.
    let mut stage = Stage::piped();
    stage.type_line("@luis: one");
    stage.type_line("/status");
    let away = "* the server is away (lost); what you write waits in the outbox";
    assert_eq!(stage.lose(), [away, "away from example", "1 in the outbox", "… luis: one"]);
    assert!(stage.app.wants_line());
}

#[test]
fn a_script_is_read_as_fast_as_the_server_takes_it() {
    let mut stage = Stage::piped();
    for count in 1..=limits::PIPE_AHEAD {
        assert!(stage.app.wants_line());
        stage.type_line("@luis: hola");
        assert_eq!(stage.app.wants_line(), count < limits::PIPE_AHEAD);
    }
    stage.answer_all();
    assert!(stage.app.wants_line());
}

/// Plays a script to its end; returns its exit code, at once and after the time-out.
fn play(first: Result<(), String>, lines: &[&str], answer: impl Fn(&mut Stage)) -> (Option<Exit>, Option<Exit>) {
    let setting = Setting { piped: true, unattended: true, direct: false, ..PERSON };
    let mut stage = Stage::with(setting, ClientState::new(user("ana")));
    stage.handle(Event::Started(first));
    lines.iter().for_each(|typed| _ = stage.type_line(typed));
    assert_eq!(stage.app.end(), None, "the input goes on");
    answer(&mut stage);
    stage.handle(Event::InputEnded);
    let at_once = stage.app.end();
    stage.wait(limits::PIPE_TIMEOUT - Duration::from_millis(1));
    assert_eq!(stage.app.end(), at_once, "the time-out is that of a script");
    stage.wait(Duration::from_millis(1));
    (at_once, stage.app.end())
}

#[test]
fn the_exit_code_of_a_script_says_what_became_of_its_lines() {
    let all = |stage: &mut Stage| _ = stage.answer_all();
    let none = |_: &mut Stage| {};
    let away = || Err("away".to_owned());
    let now = |exit| (Some(exit), Some(exit));
    let refuse = |stage: &mut Stage| {
        stage.answer(refused(Code::NoUser));
        stage.answer_all();
    };
    let lose = |stage: &mut Stage| _ = stage.lose();
    assert_eq!(play(Ok(()), &[], none), now(Exit::Done));
    assert_eq!(play(Ok(()), &["@luis: one", "", "@eva: two"], all), now(Exit::Done));
    assert_eq!(play(Ok(()), &["@luis: one", "@eva: two"], refuse), now(Exit::Failed));
    assert_eq!(play(Ok(()), &["@luis: one", "/nothing"], all), now(Exit::Failed));
    assert_eq!(play(Ok(()), &["/clear"], none), now(Exit::Failed));
    assert_eq!(play(Ok(()), &["@luis: one"], none), (None, Some(Exit::Queued)));
    assert_eq!(play(Ok(()), &["@luis: one"], lose), (None, Some(Exit::Queued)));
    assert_eq!(play(Ok(()), &["/nothing", "@luis: one"], none), (None, Some(Exit::Failed)));
    assert_eq!(play(Ok(()), &["/users"], none), (None, Some(Exit::Done)));
    assert_eq!(play(away(), &[], none), now(Exit::Away));
    assert_eq!(play(away(), &["@luis: one"], none), now(Exit::Queued));
    assert_eq!(play(away(), &["@luis: one", "/nothing"], none), now(Exit::Failed));
}

#[test]
fn a_person_leaves_when_all_is_sent_or_the_server_is_away_or_after_a_moment() {
    let leave = |stage: &mut Stage| {
        assert_eq!(stage.enter("/quit"), [""; 0]);
        (stage.app.is_leaving(), stage.app.end())
    };
    let mut stage = Stage::connected(PERSON);
    assert_eq!(leave(&mut stage), (true, Some(Exit::Done)));
    stage = Stage::connected(PERSON);
    stage.enter("@luis: one");
    assert_eq!(leave(&mut stage), (true, None));
    assert_eq!(stage.app.deadline(), Some(stage.now + limits::QUIT_TIMEOUT));
    stage.wait(limits::QUIT_TIMEOUT - Duration::from_millis(1));
    assert_eq!(stage.app.end(), None);
    stage.wait(Duration::from_millis(1));
    assert_eq!(stage.app.end(), Some(Exit::Done));
    assert_eq!(line(&stage.app.last_words()[0]), "* 1 in the outbox, to be sent at the next start");
    stage = Stage::connected(PERSON);
    stage.enter("@luis: one");
    assert_eq!(leave(&mut stage), (true, None));
    stage.answer_all();
    assert_eq!((stage.app.end(), stage.app.last_words().len()), (Some(Exit::Done), 0));
    stage = Stage::connected(PERSON);
    stage.enter("@luis: one");
    stage.lose();
    assert_eq!(leave(&mut stage), (true, Some(Exit::Done)));
}

#[test]
fn what_ends_a_session_for_good_ends_the_client_and_says_why() {
    let ends: [(fn() -> LinkError, Exit); 4] = [
        (|| LinkError::Replaced, Exit::Failed),
        (|| LinkError::LoggedOut, Exit::Failed),
        (|| LinkError::Untrusted("the reason".to_owned()), Exit::Refused),
        (|| LinkError::Refused(Ko::new(Code::Banned, "the reason")), Exit::Refused),
    ];
    for (error, exit) in ends {
        let why = format!("! {}", error());
        for waiting in [false, true] {
            let mut person = Stage::connected(PERSON);
            let mut script = Stage::piped();
            if waiting {
                person.enter("@luis: one");
                script.type_line("@luis: one");
            } else {
                person.enter("/users");
                script.type_line("/users");
            }
            assert_eq!(person.answer_with(Err(error())), std::slice::from_ref(&why));
            assert_eq!(person.app.end(), Some(exit), "{why}");
            assert_eq!(script.answer_with(Err(error())), std::slice::from_ref(&why));
            assert_eq!(script.app.end(), Some(if waiting { Exit::Queued } else { exit }), "{why}");
        }
        let mut person = Stage::connected(PERSON);
        person.receiving = None;
        assert_eq!(person.handle(Event::Link(LinkEvent::ReceiverFailed(error()))), std::slice::from_ref(&why));
        assert_eq!(person.app.end(), Some(exit), "{why}");
    }
    let mut person = Stage::connected(PERSON);
    person.receiving = None;
    person.handle(Event::Link(LinkEvent::Polled(Err(Ko::new(Code::Rate, "the reason")))));
    assert_eq!((person.app.end(), person.app.is_connected()), (None, false), "a later session may succeed");
}

#[test]
fn a_script_has_no_commands_of_a_person() {
    for line in ["/passwd", "/set quiet on", "/set", "/ignore luis", "/ignore", "/mute luis", "/away hola", "/clear"] {
        let mut stage = Stage::piped();
        assert_eq!(stage.type_line(line), ["! that is for a terminal only"], "{line}");
        assert_eq!(stage.records, "", "{line}");
        assert!(stage.app.wants_line() && !stage.app.asks_secret() && !stage.app.is_away(), "{line}");
    }
    for line in ["/p2p luis", "/accept luis", "/accept"] {
        let none = "! there are no direct chats here (--no-p2p, or not at a terminal)";
        assert_eq!(Stage::piped().type_line(line), [none], "{line}");
    }
}
