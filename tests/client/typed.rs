//! Lines that are no plain message, in the app alone: words that were meant as commands, verbs with a slip, chats that are
//! chosen, passwords, and what is turned on and off.

use crate::client::stage::{PERSON, Stage, message, refused, seq, target, user};
use wachat::client::app::Setting;
use wachat::client::app::destination::Destination;
use wachat::client::app::event::Event as AppEvent;
use wachat::client::link::error::LinkError;
use wachat::client::link::receiver::Receive;
use wachat::client::link::request::{Answer, LinkEvent, Request};
use wachat::client::p2p::event::DirectEvent;
use wachat::client::state::ClientState;
use wachat::client::state::outgoing::Outgoing;
use wachat::client::state::record::Record;
use wachat::protocol::Code;

fn sent(text: &str) -> Vec<String> {
    vec![format!("queued, to #lobby: {text}, others 0")]
}

#[test]
fn a_word_that_is_nearly_a_command_is_asked_about_once() {
    for (word, known) in [
        ("exit", "/quit"),
        ("QUIT", "/quit"),
        (" salir ", "/quit"),
        ("sair", "/quit"),
        ("help", "/help"),
        ("ayuda", "/help"),
        ("Ajuda", "/help"),
    ] {
        let mut stage = Stage::connected(PERSON);
        let small = word.trim().to_lowercase();
        let asked = format!("! not sent: did you mean {known}? Type {small} once more to send it as a message");
        assert_eq!(stage.enter(word), std::slice::from_ref(&asked));
        assert_eq!(stage.enter("hola"), sent("hola"));
        assert_eq!(stage.enter(word), std::slice::from_ref(&asked), "another text lies between");
        assert_eq!(stage.enter(word), sent(word));
        assert_eq!(stage.enter(word), [asked], "it is asked about anew");
        assert_eq!(stage.enter(&format!("@luis: {word}")).len(), 1);
        assert!(Stage::piped().type_line(&format!("@luis: {word}"))[0].starts_with("queued"), "a script means it");
    }
    let mut stage = Stage::connected(PERSON);
    assert_eq!(stage.enter("help me"), sent("help me"));
    stage.direct(DirectEvent::Connected { number: 1, peer: user("luis") });
    assert_eq!(stage.enter("help"), ["said, directly to luis: help"]);
}

#[test]
fn a_verb_with_a_slip_is_named_and_any_other_is_not() {
    for (typed, known) in [
        ("/hist", Some("/history")),
        ("/join", None),
        ("/jion", Some("/join")),
        ("/joni", Some("/join")),
        ("/jo", None),
        ("/unreadd", Some("/unread")),
        ("/serach", Some("/search")),
        ("/sarchh", Some("/search")),
        ("/nothing", None),
        ("/xyz", None),
    ] {
        let shown = Stage::connected(PERSON).enter(typed);
        let is_named = |known: &str| shown == [format!("! there is no command {typed}; did you mean {known}?")];
        match known {
            Some(known) => assert!(is_named(known), "{typed}: {shown:?}"),
            None => assert!(!shown.iter().any(|line| line.contains("did you mean")), "{typed}: {shown:?}"),
        }
    }
    for line in
        ["@: hola", "@luis", "/msg luis", "/me", "/whois", "/search", "/join", "/logout", "/set quiet", "/email"]
    {
        let shown = Stage::connected(PERSON).enter(line);
        assert!(shown.len() == 1 && shown[0].starts_with("! the form is: "), "{line}: {shown:?}");
    }
}

#[test]
fn a_chat_that_is_known_is_chosen_at_once_and_another_one_if_the_server_has_it() {
    let mut stage = Stage::connected(PERSON);
    stage.receive("luis", "ana", "hola");
    stage.answer_all();
    stage.enter("/query luis");
    assert_eq!(
        (stage.sending.clone(), stage.app.destination().clone()),
        (None, Destination::Conversation(target("luis")))
    );
    for (name, code, shown) in [
        ("eva", None, None),
        ("eva", Some(Code::Internal), None),
        ("eva", Some(Code::NoUser), Some("! there is no user eva")),
        ("#sala", None, None),
        ("#sala", Some(Code::Internal), None),
        ("#sala", Some(Code::NotMember), Some("! you are not in #sala; /join #sala first")),
        ("#sala", Some(Code::NoRoom), Some("! there is no room #sala; /join #sala makes it")),
    ] {
        stage.enter("/query luis");
        stage.enter(&format!("/query {name}"));
        assert_eq!(stage.sending, Some(Request::Find(target(name))));
        let answer = code.map_or(Answer::Rows(Vec::new()), refused);
        assert_eq!(stage.answer(answer), shown.map(str::to_owned).into_iter().collect::<Vec<_>>());
        let open = if shown.is_some() { "luis" } else { name };
        assert_eq!(*stage.app.destination(), Destination::Conversation(target(open)), "{name} {code:?}");
    }
    stage.enter("/query");
    assert_eq!(*stage.app.destination(), Destination::Nowhere);
}

/// Types the answers to the questions of /passwd; returns what is shown of the last.
fn change(stage: &mut Stage, lines: &[&str]) -> Vec<String> {
    assert_eq!(stage.enter("/passwd").len(), 1);
    let mut shown = Vec::new();
    for (line, prompt) in lines.iter().zip(["current password: ", "new password: ", "and again: "]) {
        assert_eq!((stage.app.prompt(), stage.app.asks_secret()), (prompt.to_owned(), true));
        shown = stage.type_line(line);
        assert!(stage.records.is_empty(), "a password is not kept");
    }
    assert!(!stage.app.asks_secret());
    shown
}

#[test]
fn a_password_is_changed_if_all_is_right_and_else_stays() {
    const OLD: &str = "palabra larga\\";
    const NEW: &str = "otra palabra\\";
    let kept = "* the password stays as it is";
    let rules = "! a new password has at least 8 characters and is not your name";
    let different = "! the two differ; nothing was changed";
    for lines in [&[""][..], &[OLD, ""], &[OLD, NEW, ""]] {
        let mut stage = Stage::connected(PERSON);
        assert_eq!(change(&mut stage, lines), [kept]);
        assert_eq!(stage.sending, None);
    }
    // A line that was typed ahead is no message: a new password that is refused is asked for again.
    let mut stage = Stage::connected(PERSON);
    stage.enter("/passwd");
    stage.type_line(OLD);
    for (line, why, prompt) in [
        ("short", rules, "new password: "),
        ("short", rules, "new password: "),
        (NEW, "", "and again: "),
        (OLD, different, "new password: "),
        (NEW, "", "and again: "),
    ] {
        let told = stage.type_line(line).concat();
        assert!(told.starts_with(why) && told.is_empty() == why.is_empty(), "{line}: {told:?}");
        assert_eq!((stage.app.prompt(), stage.app.asks_secret()), (prompt.to_owned(), true));
    }
    assert_eq!(stage.type_line(""), [kept]);
    assert_eq!(stage.sending, None);
    for (answer, is_changed, shown) in [
        (Answer::Done, true, "* the password is changed"),
        (refused(Code::Auth), false, "! that is not your current password; it stays as it is"),
        (refused(Code::Full), false, "! the reason"),
    ] {
        let mut stage = Stage::connected(PERSON);
        assert_eq!(change(&mut stage, &[OLD, NEW, NEW]), [""; 0]);
        assert!(matches!(&stage.sending, Some(Request::Passwd(old, new)) if old.0 == OLD && new.0 == NEW));
        let told = stage.answer(answer);
        assert!(told.len() == 1 && told[0].starts_with(shown), "{told:?}");
        let is_used = matches!(&stage.receiving, Some(Receive::UsePassword(new)) if new.0 == NEW);
        assert_eq!(is_used, is_changed);
    }
}

#[test]
fn what_is_turned_on_and_off_is_said_and_kept() {
    let mut stage = Stage::connected(PERSON);
    let begins = |shown: Vec<String>, with: &str| assert!(shown.len() == 1 && shown[0].starts_with(with), "{shown:?}");
    assert_eq!(stage.enter("/set"), ["quiet: off"]);
    assert_eq!(
        (stage.enter("/set quiet on"), stage.records.as_str()),
        (vec!["quiet: on".to_owned()], "SET;quiet;on\n")
    );
    assert_eq!((stage.enter("/set"), stage.records.as_str()), (vec!["quiet: on".to_owned()], ""));
    begins(stage.enter("/mute"), "* no bell and no notices for #lobby");
    assert_eq!(stage.records, "MUTE;#lobby;yes\n");
    begins(stage.enter("/mute luis"), "* no bell and no notices for luis");
    begins(stage.enter("/mute"), "* bell and notices for #lobby are on");
    assert_eq!(stage.records, "MUTE;#lobby;no\n");
    assert_eq!(stage.enter("/ignore"), ["nobody is hidden"]);
    begins(stage.enter("/ignore luis"), "* what luis says is hidden now");
    begins(stage.enter("/ignore eva"), "* what eva says is hidden now");
    assert_eq!(stage.enter("/ignore"), ["eva luis"]);
    begins(stage.enter("/ignore luis"), "* what luis says is shown again");
    assert_eq!(stage.records, "IGNORE;luis;no\n");
    assert_eq!(stage.enter("/ignore"), ["eva"]);
    stage.enter("/query");
    assert!(stage.enter("/mute")[0].starts_with("! there is no current chat"));
    for (line, shown) in [
        ("/email ana@example.org", "* the server has your e-mail address: ana@example.org"),
        ("/email none", "* the server has no e-mail address of yours any more"),
    ] {
        stage.enter(line);
        assert_eq!(stage.answer(Answer::Done), [shown]);
    }
    stage.enter("/logout others");
    assert_eq!(stage.answer(Answer::Done), ["* closed"]);
}

#[test]
fn a_start_shows_what_was_not_shown_and_tells_what_may_not_have_been_told() {
    let state = || {
        let mut state = ClientState::new(user("ana"));
        for (number, from) in [(1, "luis"), (2, "eva"), (3, "luis"), (4, "otto")] {
            state.apply(Record::Received(message(number, from, "ana", &format!("text {number}"))));
        }
        state.apply(Record::Shown(2));
        state.apply(Record::Ignored(user("eva"), true));
        state.apply(Record::Ignored(user("otto"), true));
        state.apply(Record::Queued(Outgoing::of(&message(9, "ana", "luis", "waits"))));
        state
    };
    let three = "luis to ana: text 3";
    let four = "hidden, otto to ana: text 4";
    let left = "* 1 in the outbox from last time";
    let connected = "* connected to example as ana; /help lists the commands";
    let start = |setting| {
        let mut stage = Stage::with(setting, state());
        let shown = stage.handle(AppEvent::Started(Ok(())));
        (stage, shown)
    };
    assert_eq!(start(PERSON).1, [three, four, left, connected]);
    assert_eq!(start(Setting { full_screen: true, ..PERSON }).1, [left, connected]);
    for receipts in [true, false] {
        let (mut stage, _) = start(Setting { receipts, ..PERSON });
        stage.answer_all();
        stage.log_in("store", 4);
        stage.poll(vec![]);
        while stage.sending != Some(Request::Compare) {
            let other = stage.sending.clone().expect("a comparison");
            assert!(!matches!(other, Request::Read(..)), "{other:?}");
            stage.answer(if other == Request::Presence { Answer::Users(Vec::new()) } else { Answer::Done });
        }
        stage.answer(Answer::Chats(Vec::new()));
        assert_eq!(stage.sending.take(), receipts.then(|| Request::Read(target("luis"), seq(1))), "not eva's: hidden");
    }
}

/// While the server is asked, no session is opened with a password that may be the old one.
#[test]
fn no_session_is_opened_while_the_password_is_being_changed() {
    let again = ["palabra larga", "otra palabra", "otra palabra"];
    for is_lost in [false, true] {
        let mut stage = Stage::connected(PERSON);
        change(&mut stage, &again);
        stage.receiving = None;
        let closed = AppEvent::Link(LinkEvent::ReceiverFailed(LinkError::LoggedOut));
        assert_eq!((stage.handle(closed), stage.app.end()), (vec![], None), "the change has ended it");
        assert_eq!(stage.receiving, None);
        let why = if is_lost { stage.lose() } else { stage.answer(refused(Code::Auth)) };
        let said = if is_lost { "! not asked: lost" } else { "! that is not your current password; it stays as it is" };
        assert_eq!(why.last().unwrap(), said);
        assert_eq!(stage.receiving, Some(Receive::LogIn));
    }
}
