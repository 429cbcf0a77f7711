//! Coming into a room, as the app alone does it: the first chat, rooms whose names are nearly the same, what was said before,
//! and what arrives meanwhile.

use crate::client::stage::{PERSON, Stage, chat, message, record, refused, room, seq, target, user};
use crate::support::values::open_room;
use wachat::client::app::Setting;
use wachat::client::app::destination::Destination;
use wachat::client::app::event::Event as AppEvent;
use wachat::client::link::error::LinkError;
use wachat::client::link::request::{Answer, Request};
use wachat::client::state::ClientState;
use wachat::client::state::record::Record;
use wachat::limits;
use wachat::model::Timestamp;
use wachat::protocol::{Chat, Code, Event, HistoryRecord};

const NO_CHAT: &str = "! there is no current chat: choose one with /query <user>, or write @<user>: <text>";

fn rooms(names: &[&str]) -> Answer {
    Answer::Rooms(names.iter().copied().map(open_room).collect())
}

#[test]
fn a_room_beside_another_of_nearly_the_same_name_is_asked_about() {
    for (typed, there, meant) in [
        ("#aul", &["#aula"][..], Some("#aula")),
        ("#auls", &["#aula"], Some("#aula")),
        ("#alua", &["#aula"], Some("#aula")),
        ("#aux", &["#aula"], None),
        ("#ab", &["#abc", "#a"], None),
        ("#ab12", &["#abc12"], None),
        ("#group1", &["#group2", "#group"], None),
        ("#group1", &["#groop1", "#group2"], Some("#groop1")),
        ("#programing", &["#programming"], Some("#programming")),
        ("#progaming", &["#programming"], Some("#programming")),
        ("#proaming", &["#programming"], None),
        ("#salon", &["#sala", "#saloon", "#other"], Some("#saloon")),
        ("#sala", &[], None),
    ] {
        let mut stage = Stage::connected(PERSON);
        assert_eq!(stage.enter(&format!("/join {typed}")), [""; 0]);
        assert_eq!(stage.sending, Some(Request::FindRoom(room(typed))));
        let shown = stage.answer(rooms(there));
        let Some(meant) = meant else {
            let join = Request::Join(room(typed), limits::HISTORY_RECORDS);
            assert_eq!((shown, stage.sending), (vec![], Some(join)), "{typed} beside {there:?}");
            continue;
        };
        let ways = format!("/join {meant} goes there, /join {typed} new makes a new one");
        assert_eq!(shown, [format!("! there is no room {typed} yet; did you mean {meant}? {ways}")]);
        assert!(stage.sending.is_none() && stage.app.wants_line(), "{typed} beside {there:?}");
    }
}

fn before() -> Answer {
    let last = vec![
        record(3, "luis", "#sala", "three"),
        HistoryRecord::Damaged { first: seq(4), last: seq(4) },
        record(5, "eva", "#sala", "five"),
    ];
    Answer::Joined(Some(chat("#sala", 5, 5, 3)), last)
}

const IN_SALA: &str = "* you are in #sala; what you write goes there";
const DAMAGED: &str = "* #sala: message 4 is damaged on the server";

#[test]
fn what_was_said_before_is_shown_once_and_called_read() {
    for (setting, is_read, rows) in [
        (PERSON, true, &["row, 3 from luis: three", "row, 5 from eva: five"][..]),
        (Setting { receipts: false, ..PERSON }, false, &["row, 3 from luis: three", "row, 5 from eva: five"]),
        (Setting { full_screen: true, ..PERSON }, true, &[]),
    ] {
        let full_screen = setting.full_screen;
        let mut stage = Stage::connected(setting);
        stage.enter("/join #sala new");
        assert_eq!(stage.answer(before()), [&[IN_SALA, DAMAGED], rows].concat());
        // The line mode fetches the topic; the full screen knows which room is open.
        let topic = (!full_screen).then(|| Request::Rights(room("#sala")));
        let read = is_read.then(|| Request::Read(target("#sala"), seq(5)));
        assert_eq!(stage.sending, read.or_else(|| topic.clone()));
        stage.answer_all();
        assert_eq!(stage.app.state().seen(), [(target("#sala"), seq(5))]);
        assert_eq!(*stage.app.destination(), Destination::Conversation(target("#sala")));
        stage.enter("/join #sala new");
        assert_eq!(stage.answer(before()), [IN_SALA, DAMAGED], "it is here");
        assert_eq!(stage.sending, topic);
    }
}

#[test]
fn an_empty_room_says_so_and_a_hidden_user_says_nothing() {
    let mut stage = Stage::connected(PERSON);
    stage.enter("/ignore eva");
    stage.enter("/join #sala new");
    assert_eq!(stage.answer(before()), [IN_SALA, DAMAGED, "row, 3 from luis: three"]);
    stage.answer_all();
    stage.enter("/join #aula new");
    let empty = Answer::Joined(Some(chat("#aula", 0, 0, 0)), Vec::new());
    assert_eq!(stage.answer(empty), ["* you are in #aula; what you write goes there", "nothing there yet"]);
}

#[test]
fn what_arrives_while_a_room_is_joined_is_shown_behind_what_was_before() {
    let mut stage = Stage::connected(PERSON);
    stage.enter("/join #sala new");
    let arrives = Event::Message(message(6, "luis", "#sala", "six"));
    assert_eq!(stage.poll(vec![arrives]), [""; 0]);
    let expected = [IN_SALA, DAMAGED, "row, 3 from luis: three", "row, 5 from eva: five", "luis to #sala: six"];
    assert_eq!(stage.answer(before()), expected);
}

#[test]
fn leaving_a_room_leaves_the_chat_where_it_is_unless_it_is_that_one() {
    let mut stage = Stage::connected(PERSON);
    stage.enter("/leave #sala");
    assert_eq!(stage.answer(Answer::Done), ["* you are no longer in #sala"]);
    assert_eq!(stage.enter("here"), ["queued, to #lobby: here, others 0"]);
    stage.answer_all();
    stage.enter("/leave");
    assert_eq!(stage.answer(Answer::Done), ["* you are no longer in #lobby"]);
    assert_eq!(
        (stage.app.destination().clone(), stage.enter("nowhere")),
        (Destination::Nowhere, vec![NO_CHAT.to_owned()])
    );
    for (line, verb) in [("/leave", "/leave"), ("/names", "/names")] {
        let which = format!("! which room? {verb} #room; the current chat is none");
        assert_eq!(stage.enter(line), [which]);
    }
}

/// The first chats of a run, and whether the lobby is entered anew: a member who has never been here sees its last lines.
#[test]
fn a_run_begins_in_the_lobby_of_which_the_user_is_a_member() {
    let known = |state: &mut ClientState| {
        state.apply(Record::Received(message(3, "luis", "#lobby", "hola")));
    };
    let luis = || chat("luis", 9, 9, 9);
    for (chats, is_known, is_lobby, joins) in [
        (vec![], false, false, false),
        (vec![luis(), chat("#sala", 9, 9, 9)], false, false, false),
        (vec![luis(), chat("#lobby", 0, 0, 0)], false, true, false),
        (vec![luis(), chat("#lobby", 7, 0, 7)], false, true, false),
        (vec![luis(), chat("#lobby", 7, 7, 7)], false, true, true),
        (vec![chat("#lobby", 7, 7, 7)], true, true, false),
    ] {
        let mut state = ClientState::new(user("ana"));
        if is_known {
            known(&mut state);
        }
        let mut stage = Stage::with(PERSON, state);
        stage.handle(AppEvent::Started(Ok(())));
        assert!(stage.sending == Some(Request::Lobby) && !stage.app.wants_line());
        let what = format!("{chats:?}");
        stage.answer(Answer::Chats(chats));
        let open = if is_lobby { Destination::Conversation(target("#lobby")) } else { Destination::Nowhere };
        assert_eq!(*stage.app.destination(), open, "{what}");
        let join = joins.then(|| Request::Join(room("#lobby"), limits::HISTORY_RECORDS));
        assert_eq!((stage.sending.take(), stage.app.wants_line()), (join, !joins), "{what}");
    }
}

#[test]
fn the_lobby_is_asked_for_again_when_the_server_is_back_unless_a_chat_was_chosen() {
    for chosen in [None, Some("/query luis")] {
        let mut stage = Stage::with(PERSON, ClientState::new(user("ana")));
        stage.handle(AppEvent::Started(Ok(())));
        stage.lose();
        assert!(*stage.app.destination() == Destination::Undecided && stage.app.wants_line());
        assert_eq!(stage.enter("hola"), [NO_CHAT]);
        chosen.iter().for_each(|line| assert_eq!(stage.enter(line), [""; 0]));
        stage.log_in("store", 0);
        assert_eq!(stage.poll(vec![]), ["* connected to example"]);
        let asked = (0..5).find_map(|_| {
            let is_lobby = stage.sending == Some(Request::Lobby);
            stage.answer_all();
            is_lobby.then_some(())
        });
        assert_eq!(asked.is_some(), chosen.is_none());
        let open = chosen.map_or("#lobby", |_| "luis");
        assert_eq!(*stage.app.destination(), Destination::Conversation(target(open)));
    }
}

#[test]
fn a_scripts_text_without_a_recipient_goes_to_the_lobby_or_nowhere() {
    let lobby = |chats: Vec<Chat>| Ok(Answer::Chats(chats));
    let lost = Err(LinkError::Away("lost".to_owned()));
    for (answer, shown) in [
        (lobby(vec![chat("luis", 1, 1, 1), chat("#lobby", 7, 7, 7)]), vec!["queued, to #lobby: hola, others 0"]),
        (lobby(vec![chat("luis", 1, 1, 1)]), vec![NO_CHAT]),
        (lost, vec!["* the server is away (lost); what you write waits in the outbox", NO_CHAT]),
    ] {
        let mut stage = Stage::piped();
        assert_eq!(stage.type_line("@luis: before"), ["queued, to luis: before, others 0"]);
        stage.answer_all();
        assert_eq!((stage.type_line("hola"), &stage.sending), (vec![], &Some(Request::Lobby)));
        assert!(!stage.app.wants_line(), "a script waits for the answer");
        assert_eq!(stage.answer_with(answer), shown);
        assert!(stage.app.wants_line());
    }
}

#[test]
fn a_script_that_does_not_come_in_says_nothing_in_the_chat_before() {
    let mut stage = Stage::piped();
    stage.type_line("/query luis");
    stage.type_line("/join #sala");
    assert_eq!(stage.sending, Some(Request::Join(room("#sala"), 0)), "a script is not asked, and reads nothing");
    assert_eq!(stage.answer(refused(Code::Quota)), ["! the reason"]);
    assert_eq!(stage.type_line("for the room"), [NO_CHAT]);
    stage.type_line("/join #sala");
    assert_eq!(stage.answer(Answer::Joined(Some(chat("#sala", 5, 5, 3)), Vec::new())), [IN_SALA]);
    assert_eq!(stage.type_line("for the room"), ["queued, to #sala: for the room, others 0"]);
}

#[test]
fn who_joins_is_said_once_and_who_is_hidden_not_at_all() {
    let at = Timestamp::from_millis(1);
    let joins = |name: &str| Event::Join { room: room("#lobby"), user: user(name), at };
    let parts = |name: &str| Event::Part { room: room("#lobby"), user: user(name), at };
    let online = |name: &str| Event::Online { user: user(name), at };
    let offline = |name: &str| Event::Offline { user: user(name), at };
    let mut stage = Stage::connected(PERSON);
    stage.enter("/ignore otto");
    for (events, shown) in [
        (vec![joins("eva"), online("eva")], vec!["* eva joined #lobby"]),
        (vec![online("eva")], vec!["* eva is online"]),
        (vec![joins("eva")], vec!["* eva joined #lobby"]),
        (vec![offline("eva"), online("eva")], vec![]),
        (vec![parts("eva"), online("luis")], vec!["* eva left #lobby", "* luis is online"]),
        (vec![joins("otto"), online("otto"), parts("otto"), offline("otto")], vec![]),
    ] {
        assert_eq!(stage.poll(events.clone()), shown, "{events:?}");
    }
    stage.poll(vec![offline("luis")]);
    assert_eq!(stage.wait(limits::RECONNECT_GRACE), ["* luis is offline"], "and nothing of otto");
    stage.enter("/set quiet on");
    assert_eq!(stage.poll(vec![joins("ada"), online("luis"), parts("ada"), offline("luis")]), [""; 0]);
    assert_eq!(stage.wait(limits::RECONNECT_GRACE), [""; 0]);
}
