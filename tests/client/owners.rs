//! Rooms with an owner, as the app alone knows them: what a change and its refusal say, what the events tell, invitations,
//! and being put out.

use wachat::client::app::Setting;
use wachat::client::app::destination::Destination;
use wachat::client::app::event::Event as AppEvent;
use wachat::client::link::request::{Answer, LinkEvent, Request, RoomChange};
use wachat::limits;
use wachat::model::{DeviceName, RoomKind, Timestamp, Topic};
use wachat::protocol::{Code, DeviceState, Event, Room, SessionOpened};

use crate::client::stage::{PERSON, Stage, chat, refused, room, seq, target, user};
use crate::support::values::open_room;

fn topic(text: &str) -> Topic {
    Topic::new(text).unwrap()
}

/// A room as ROOMS lists it, with its owner and topic.
fn listed(name: &str, member: bool, kind: RoomKind, owner: &str, text: &str) -> Room {
    let owner = (!owner.is_empty()).then(|| user(owner));
    Room { member, kind, owner, topic: topic(text), ..open_room(name) }
}

fn changed(name: &str, kind: RoomKind, owner: &str, text: &str) -> Event {
    let owner = (!owner.is_empty()).then(|| user(owner));
    Event::Room { room: room(name), kind, owner, topic: topic(text) }
}

/// Ana's client as the device `laptop`.
fn laptop() -> Stage {
    let device = DeviceName::new("laptop");
    let mut stage = Stage::with(Setting { device, ..PERSON }, wachat::client::state::ClientState::new(user("ana")));
    stage.handle(AppEvent::Started(Ok(())));
    stage.receiving = None;
    let device = Some(DeviceState::Known);
    let opened = SessionOpened { user: user("ana"), acknowledged: seq(0), store: "store".into(), device };
    stage.handle(AppEvent::Link(LinkEvent::LoggedIn(opened)));
    stage.answer_all();
    stage.poll(vec![]);
    stage.answer_all();
    stage
}

/// Types a line, checks the request, and returns what its answer shows.
fn ask(stage: &mut Stage, line: &str, change: RoomChange, answer: Answer) -> Vec<String> {
    assert_eq!(stage.enter(line), [""; 0], "{line}");
    let Some(Request::Change(_, asked)) = &stage.sending else { panic!("{line}: {:?}", stage.sending) };
    assert_eq!(*asked, change, "{line}");
    stage.answer(answer)
}

#[test]
fn each_change_that_was_made_is_confirmed() {
    let luis = || user("luis");
    for (line, change, said) in [
        ("/room invite", RoomChange::Kind(RoomKind::Invite), "#lobby is by invitation only now"),
        ("/room #lobby open", RoomChange::Kind(RoomKind::Open), "#lobby is open to everybody now"),
        ("/topic la entrega", RoomChange::Topic(topic("la entrega")), "topic of #lobby: la entrega"),
        ("/topic none", RoomChange::Topic(topic("")), "#lobby has no topic"),
        ("/invite luis", RoomChange::Invite(luis()), "luis is invited to #lobby"),
        ("/kick luis", RoomChange::Kick(luis()), "luis is put out of #lobby; /invite #lobby luis allows to return"),
        ("/owner luis", RoomChange::Owner(luis()), "luis owns #lobby now"),
        ("/owner ana", RoomChange::Owner(user("ana")), "you own #lobby now"),
    ] {
        let mut stage = Stage::connected(PERSON);
        assert_eq!(ask(&mut stage, line, change, Answer::Done), [format!("* {said}")], "{line}");
        assert!(stage.app.wants_line(), "{line}");
        assert_eq!(*stage.app.destination(), Destination::Conversation(target("#lobby")), "{line}");
    }
    let mut stage = Stage::connected(PERSON);
    stage.enter("/query");
    for line in ["/room open", "/topic hola", "/topic", "/invite luis", "/kick luis", "/owner luis"] {
        let verb = line.split(' ').next().unwrap();
        let which = format!("! which room? {verb} #room; the current chat is none");
        assert_eq!((stage.enter(line), &stage.sending), (vec![which], &None), "{line}");
    }
}

#[test]
fn each_refusal_says_what_it_means_and_what_to_do() {
    let cases = [
        ("/topic hola", Code::NotOwner, "#lobby is not yours, and only its owner can do that; /rooms names the owner"),
        ("/kick luis", Code::NoUser, "there is no user luis"),
        ("/invite luis", Code::NoUser, "there is no user luis"),
        ("/owner luis", Code::NoUser, "there is no user luis"),
        (
            "/owner luis",
            Code::NotMember,
            "luis is not in #lobby, and only a member can own it; /invite #lobby luis first",
        ),
        ("/kick luis", Code::NotMember, "you are not in #lobby; /join #lobby first"),
        ("/invite luis", Code::NoRoom, "there is no room #lobby; /join #lobby makes it"),
        (
            "/room open",
            Code::Conflict,
            "#lobby stays by invitation only, since something was said there; /room #other open makes an open one",
        ),
        (
            "/room #sala invite",
            Code::NoRoom,
            "#sala is a room of others that you are not invited to; choose another name",
        ),
    ];
    for (line, code, why) in cases {
        let mut stage = Stage::connected(PERSON);
        stage.enter(line);
        assert_eq!(stage.answer(refused(code)), [format!("! {why}")], "{line}");
        assert!(stage.app.wants_line(), "{line}");
    }
    let older = "! on this server rooms have no owners, topics and invitations: it is an older one";
    for line in ["/room invite", "/topic hola", "/invite luis", "/kick luis", "/owner luis"] {
        let mut stage = Stage::connected(PERSON);
        stage.enter(line);
        assert_eq!(stage.answer(refused(Code::Syntax)), [older], "{line}");
    }
    let needs = "#sala needs an invitation; its owner sends one with /invite";
    let mut stage = Stage::connected(PERSON);
    stage.enter("/join #sala new");
    assert_eq!(stage.answer(refused(Code::NotInvited)), [format!("! {needs}")]);
    stage.enter("/names #sala");
    assert_eq!(stage.answer(refused(Code::NotMember)), ["! you are not in #sala; /join #sala first"]);
}

#[test]
fn a_room_that_is_made_so_is_opened_and_the_lines_after_it_go_there() {
    let mut stage = Stage::piped();
    stage.type_line("/room #equipo invite");
    assert!(!stage.app.wants_line(), "the next line is meant for the room");
    let joined = || Answer::Joined(Some(chat("#equipo", 0, 0, 0)), Vec::new());
    let shown = ["* you are in #equipo; what you write goes there", "* #equipo is by invitation only now"];
    assert_eq!(stage.answer(joined()), shown);
    stage.type_line("hola");
    assert_eq!(stage.app.state().outbox().iter().next().unwrap().to, target("#equipo"));
    // One that is there is not opened.
    let mut stage = Stage::connected(PERSON);
    stage.enter("/room #sala open");
    assert_eq!(stage.answer(Answer::Done), ["* #sala is open to everybody now"]);
    assert_eq!(*stage.app.destination(), Destination::Conversation(target("#lobby")));
    // A script that cannot make it says nothing elsewhere.
    let mut stage = Stage::piped();
    stage.type_line("/query #lobby");
    stage.type_line("/room #sala invite");
    stage.answer(refused(Code::NotOwner));
    assert_eq!(*stage.app.destination(), Destination::Nowhere);
}

#[test]
fn a_room_that_this_device_has_made_was_not_joined_on_another_one() {
    let joined = || Event::Join { room: room("#equipo"), user: user("ana"), at: Timestamp::from_millis(1) };
    for event_first in [true, false] {
        let mut stage = laptop();
        stage.enter("/room #equipo open");
        if event_first {
            assert_eq!(stage.poll(vec![joined()]), [""; 0]);
        }
        stage.answer(Answer::Joined(Some(chat("#equipo", 0, 0, 0)), Vec::new()));
        if !event_first {
            assert_eq!(stage.poll(vec![joined()]), [""; 0]);
        }
    }
    // It was there: what is joined then, was so elsewhere.
    let mut stage = laptop();
    stage.enter("/room #equipo open");
    stage.answer(Answer::Done);
    assert_eq!(stage.poll(vec![joined()]), ["* you have joined #equipo on another device"]);
}

#[test]
fn the_topic_is_shown_and_a_room_that_is_not_seen_has_none() {
    let mut stage = Stage::connected(PERSON);
    stage.enter("/topic #sala");
    assert_eq!(stage.sending, Some(Request::Topic(room("#sala"))));
    let sala = |text| Answer::Rooms(vec![listed("#sala", false, RoomKind::Open, "ana", text)]);
    assert_eq!(stage.answer(sala("la entrega")), ["topic of #sala: la entrega"]);
    stage.enter("/topic #sala");
    assert_eq!(stage.answer(sala("")), ["#sala has no topic"]);
    stage.enter("/topic #sala");
    let none = "! there is no room #sala; /join #sala makes it";
    assert_eq!(stage.answer(Answer::Rooms(Vec::new())), [none]);
}

#[test]
fn rooms_are_listed_with_invitations_owners_and_topics() {
    let mut stage = Stage::connected(PERSON);
    stage.enter("/rooms");
    let rooms = vec![
        listed("#club", false, RoomKind::Invite, "luis", ""),
        listed("#equipo", true, RoomKind::Invite, "ana", "la entrega"),
        listed("#lobby", true, RoomKind::Open, "", ""),
        listed("#sala", false, RoomKind::Open, "eva", "notas"),
    ];
    let shown = [
        "#club, members: 1; you are invited: /join #club; owner: luis",
        "#equipo, members: 1; you are one; by invitation only; it is yours; topic: la entrega",
        "#lobby, members: 1; you are one",
        "#sala, members: 1; owner: eva; topic: notas",
    ];
    assert_eq!(stage.answer(Answer::Rooms(rooms)), shown);
    // What was listed is known: an event says what is new.
    let event = changed("#equipo", RoomKind::Invite, "ana", "mañana");
    assert_eq!(stage.poll(vec![event]), ["* topic of #equipo: mañana"]);
}

#[test]
fn an_event_says_what_has_changed_and_leaves_nothing_unread() {
    let mut stage = Stage::connected(PERSON);
    let all = ["* #lobby has been changed: open to everybody; owner: luis; topic: la entrega"];
    assert_eq!(stage.poll(vec![changed("#lobby", RoomKind::Open, "luis", "la entrega")]), all);
    for (kind, owner, text, said) in [
        (RoomKind::Open, "luis", "la entrega", &[][..]),
        (RoomKind::Open, "luis", "", &["* #lobby has no topic"]),
        (RoomKind::Invite, "luis", "", &["* #lobby is by invitation only now"]),
        (RoomKind::Open, "luis", "", &["* #lobby is open to everybody now"]),
        (RoomKind::Open, "ana", "", &["* you own #lobby now"]),
        (RoomKind::Open, "", "", &["* nobody owns #lobby now"]),
        (
            RoomKind::Invite,
            "eva",
            "x",
            &["* #lobby is by invitation only now", "* eva owns #lobby now", "* topic of #lobby: x"],
        ),
    ] {
        assert_eq!(stage.poll(vec![changed("#lobby", kind, owner, text)]), said);
    }
    assert_eq!((stage.app.state().unshown().count(), stage.records.as_str()), (0, ""));
}

#[test]
fn what_this_client_has_changed_is_said_once() {
    for event_first in [true, false] {
        let mut stage = laptop();
        let event = || vec![changed("#lobby", RoomKind::Open, "ana", "la entrega")];
        stage.enter("/topic la entrega");
        if event_first {
            assert_eq!(stage.poll(event()), [""; 0]);
        }
        assert_eq!(stage.answer(Answer::Done), ["* topic of #lobby: la entrega"]);
        if !event_first {
            assert_eq!(stage.poll(event()), [""; 0]);
        }
        // The next change is one of another device.
        let other = || changed("#lobby", RoomKind::Open, "ana", "otra");
        assert_eq!(stage.poll(vec![other()]), ["* topic of #lobby: otra"]);
    }
    // What this client has set without effect has no event.
    let mut stage = laptop();
    stage.poll(vec![changed("#lobby", RoomKind::Open, "ana", "una")]);
    stage.enter("/room open");
    stage.answer(Answer::Done);
    assert_eq!(stage.poll(vec![changed("#lobby", RoomKind::Open, "ana", "otra")]), ["* topic of #lobby: otra"]);
    // What was refused was not changed by this client.
    let mut stage = laptop();
    stage.enter("/topic la entrega");
    stage.answer(refused(Code::NotOwner));
    assert_eq!(stage.poll(vec![changed("#lobby", RoomKind::Open, "luis", "la entrega")]).len(), 1);
}

#[test]
fn an_invitation_is_shown_unless_its_sender_is_ignored() {
    let invited = || vec![Event::Invite { room: room("#equipo"), from: user("luis") }];
    let mut stage = Stage::connected(PERSON);
    assert_eq!(stage.poll(invited()), ["* luis invites you to #equipo; /join #equipo goes there"]);
    assert_eq!(*stage.app.destination(), Destination::Conversation(target("#lobby")), "nothing is opened");
    stage.enter("/ignore luis");
    assert_eq!(stage.poll(invited()), [""; 0]);
    stage.enter("/ignore luis");
    assert_eq!(stage.poll(invited()).len(), 1);
}

#[test]
fn the_invitations_are_known_until_they_are_accepted_and_the_oldest_of_too_many_goes() {
    let known = |stage: &Stage| stage.app.invitations().map(ToString::to_string).collect::<Vec<_>>();
    let mut stage = Stage::connected(PERSON);
    stage.poll(vec![Event::Invite { room: room("#uno"), from: user("luis") }]);
    stage.enter("/rooms");
    let open = listed("#abierta", false, RoomKind::Open, "eva", "");
    stage.answer(Answer::Rooms(vec![open, listed("#dos", false, RoomKind::Invite, "eva", "")]));
    assert_eq!(known(&stage), ["#dos", "#uno"]);
    stage.enter("/join #uno new");
    stage.answer(Answer::Joined(None, Vec::new()));
    assert_eq!(known(&stage), ["#dos"]);
    let most = limits::INVITATIONS_PER_USER;
    let many = (0..most).map(|n| Event::Invite { room: room(&format!("#r{n}")), from: user("luis") });
    stage.poll(many.collect());
    assert_eq!((known(&stage).len(), known(&stage).contains(&"#dos".to_owned())), (most, false));
}

/// Ana's client in a room where luis has said something, and it was seen.
fn in_sala(mut stage: Stage) -> Stage {
    stage.enter("/join #sala new");
    stage.answer(Answer::Joined(Some(chat("#sala", 0, 0, 0)), Vec::new()));
    stage.receive("luis", "#sala", "hola");
    stage.answer_all();
    stage
}

#[test]
fn a_user_who_is_put_out_is_told_and_says_nothing_more_there_and_the_history_stays() {
    let parted = || vec![Event::Part { room: room("#sala"), user: user("ana"), at: Timestamp::from_millis(1) }];
    let mut stage = in_sala(Stage::connected(PERSON));
    let kicked = "* you are no longer in #sala: its owner has put you out; your history of it stays here";
    assert_eq!(stage.poll(parted()), [kicked]);
    assert_eq!(*stage.app.destination(), Destination::Nowhere);
    let no_chat = "! there is no current chat: choose one with /query <user>, or write @<user>: <text>";
    assert_eq!(stage.enter("adiós"), [no_chat]);
    assert_eq!(stage.app.state().outbox().len(), 0);
    assert_eq!(stage.app.state().last_rows(&target("#sala"), 9).len(), 1);
    for code in [Code::NotMember, Code::NoRoom] {
        stage.enter("/history #sala");
        assert_eq!(stage.answer(refused(code)), ["row, 1 from luis: hola"]);
    }
    // Without a device the own LEAVE has no event: one that comes is of a kick.
    let mut stage = in_sala(Stage::connected(PERSON));
    stage.enter("/leave");
    stage.answer_all();
    let mut stage = in_sala(stage);
    assert_eq!(stage.poll(parted()), [kicked]);
    // A device may have left it on another one.
    let mut stage = in_sala(laptop());
    stage.poll(vec![Event::Join { room: room("#sala"), user: user("ana"), at: Timestamp::from_millis(1) }]);
    let left = "* you have left #sala on another device, or its owner has put you out; your history of it stays here";
    assert_eq!(stage.poll(parted()), [left]);
    // What was queued before it fails, and nothing else.
    let mut stage = in_sala(Stage::connected(PERSON));
    stage.enter("hola");
    stage.enter("@luis: hola");
    stage.poll(parted());
    let why = "failed, to #sala: hola (you are not in #sala; /join #sala first)";
    assert_eq!(stage.answer(refused(Code::NotMember)), [why]);
    assert!(stage.answer_all()[0].starts_with("RECEIVED, to luis: hola"));
}

#[test]
fn the_room_that_is_open_on_the_full_screen_is_fetched_and_again_in_each_session() {
    let asked = |stage: &Stage, name: &str| stage.sending == Some(Request::Rights(room(name)));
    let mut stage = Stage::connected(Setting { full_screen: true, ..PERSON });
    stage.handle(AppEvent::Selected(target("#sala")));
    assert!(asked(&stage, "#sala"), "{:?}", stage.sending);
    stage.answer(Answer::Rooms(vec![listed("#sala", true, RoomKind::Open, "luis", "notas")]));
    assert_eq!(stage.app.topic_of(&room("#sala")), Some("notas"));
    stage.handle(AppEvent::Selected(target("luis")));
    assert_eq!(stage.sending, None);
    // Another session: the topic may have changed.
    stage.handle(AppEvent::Selected(target("#sala")));
    stage.answer(refused(Code::Full));
    assert_eq!(stage.app.topic_of(&room("#sala")), Some("notas"));
    stage.disconnect();
    stage.wait(2 * limits::MAX_RETRY_DELAY);
    stage.log_in("store", 0);
    stage.poll(vec![]);
    while !asked(&stage, "#sala") {
        stage.answer(Answer::Users(Vec::new()));
    }
    // An event that comes meanwhile is newer than the answer.
    stage.poll(vec![changed("#sala", RoomKind::Open, "luis", "nuevo")]);
    stage.answer(Answer::Rooms(vec![listed("#sala", true, RoomKind::Open, "luis", "notas")]));
    assert_eq!(stage.app.topic_of(&room("#sala")), Some("nuevo"));
    // The line mode has no place for it.
    let mut stage = Stage::connected(PERSON);
    stage.handle(AppEvent::Selected(target("#sala")));
    assert_eq!(stage.sending, None);
}

#[test]
fn the_line_mode_shows_the_topic_when_the_user_joins() {
    for (text, shown) in [("notas", vec!["* topic of #sala: notas"]), ("", vec![])] {
        let mut stage = Stage::connected(PERSON);
        stage.enter("/join #sala new");
        stage.answer(Answer::Joined(Some(chat("#sala", 0, 0, 0)), Vec::new()));
        assert_eq!(stage.sending, Some(Request::Rights(room("#sala"))));
        assert_eq!(stage.answer(Answer::Rooms(vec![listed("#sala", true, RoomKind::Open, "luis", text)])), shown);
        // Once: another session does not fetch it again.
        stage.disconnect();
        stage.wait(2 * limits::MAX_RETRY_DELAY);
        stage.log_in("store", 0);
        stage.poll(vec![]);
        while let Some(asked) = &stage.sending {
            assert!(!matches!(asked, Request::Rights(_)), "{asked:?}");
            stage.answer(refused(Code::Syntax));
        }
    }
}

/// A later room of the name may be another one, in which by chance as much was said.
#[test]
fn a_room_is_compared_anew_after_the_user_has_left_it_or_was_put_out() {
    let at = Timestamp::from_millis(1);
    for is_kicked in [false, true] {
        let mut stage = in_sala(Stage::connected(PERSON));
        if is_kicked {
            stage.poll(vec![Event::Part { room: room("#sala"), user: user("ana"), at }]);
        } else {
            stage.enter("/leave");
            stage.answer_all();
        }
        stage.disconnect();
        stage.wait(2 * limits::MAX_RETRY_DELAY);
        stage.log_in("store", 0);
        stage.poll(vec![]);
        while stage.sending.as_ref().is_some_and(|asked| *asked != Request::Compare) {
            stage.answer(refused(Code::Syntax));
        }
        stage.answer(Answer::Chats(vec![chat("#sala", 9, 9, 1)]));
        let asked = &stage.sending;
        assert!(matches!(asked, Some(Request::Fetch(..))), "kicked: {is_kicked}: {asked:?}");
    }
}
