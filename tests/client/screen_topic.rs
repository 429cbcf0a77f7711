//! The title of a room on the full screen: its topic, made safe and cut, and that the user is no longer in it.

use terminput::KeyCode;
use wachat::client::app::event::Event;
use wachat::client::link::request::{Answer, LinkEvent, Request};
use wachat::client::screen::theme::Theme;
use wachat::model::{RoomKind, Topic};
use wachat::protocol::{Event as ServerEvent, Room};

use crate::client::screen_app::{ScreenApp, target, user};
use crate::support::values::{open_room, room};

/// The room `#sala` as ROOMS lists it.
fn sala(member: bool, topic: &str) -> Room {
    Room { member, owner: Some(user("luis")), topic: Topic::new(topic).unwrap(), ..open_room("#sala") }
}

/// Answers what the sender asks: of the room that is open with this one.
fn answer(screen: &mut ScreenApp, found: Option<Room>) {
    while let Some(request) = screen.sending.take() {
        let given = match &request {
            Request::Rights(_) => Answer::Rooms(found.clone().into_iter().collect()),
            request => screen.answer_of(request),
        };
        screen.handle(Event::Link(LinkEvent::Answered(request, Ok(given))));
    }
}

fn in_sala(topic: &str) -> ScreenApp {
    let mut screen = ScreenApp::new(Theme::Dark);
    screen.enter("/join #sala new");
    answer(&mut screen, Some(sala(true, topic)));
    screen
}

fn title(screen: &mut ScreenApp, width: u16) -> String {
    let rows = screen.draw(width, 12);
    rows[0].rsplit('│').next().unwrap().to_owned()
}

fn changed(topic: &str) -> ServerEvent {
    let topic = Topic::new(topic).unwrap();
    ServerEvent::Room { room: room("#sala"), kind: RoomKind::Open, owner: Some(user("luis")), topic }
}

#[test]
fn the_topic_stands_beside_the_name_and_follows_its_changes() {
    let mut screen = in_sala("la entrega");
    assert_eq!(title(&mut screen, 80), "#sala · la entrega");
    screen.enter("/mute");
    assert_eq!(title(&mut screen, 80), "#sala · muted · la entrega");
    screen.poll(vec![changed("mañana")]);
    assert_eq!(title(&mut screen, 80), "#sala · muted · mañana");
    assert!(screen.draw(80, 12).iter().any(|row| row.contains("* topic of #sala: mañana")));
    let chats = screen.model.chats(&screen.app);
    assert!(chats.iter().all(|chat| chat.unread == 0), "it is nothing to read");
    screen.poll(vec![changed("")]);
    assert_eq!(title(&mut screen, 80), "#sala · muted");
    // Another room has its own.
    screen.enter("/query #lobby");
    answer(&mut screen, None);
    assert!(!title(&mut screen, 80).contains("mañana"));
}

#[test]
fn a_long_or_hostile_topic_stays_in_its_row() {
    let long = "tema ".repeat(40);
    let mut screen = in_sala(&long);
    for width in [20, 40, 80] {
        let shown = title(&mut screen, width);
        assert!(shown.starts_with("#sala · tema ") && shown.ends_with('…'), "{width}: {shown}");
        let rows = screen.draw(width, 12);
        assert!(rows.iter().all(|row| row.chars().count() <= usize::from(width)), "{width}: {rows:#?}");
    }
    let mut screen = in_sala("a\u{202e}b\u{2028}c\u{200b}d");
    assert_eq!(title(&mut screen, 80), "#sala · a\\u{202e}b\\u{2028}c\\u{200b}d");
    let mut screen = in_sala(&"日本".repeat(33));
    assert!(title(&mut screen, 41).ends_with('…'));
}

#[test]
fn the_list_of_rooms_is_read_in_a_narrow_and_in_a_wide_window() {
    for (width, rows) in [
        (40, &["#club, members: 1; you are invited:", "  /join #club; owner: luis; topic: la", "  entrega final"][..]),
        (100, &["#club, members: 1; you are invited: /join #club; owner: luis; topic: la", "  entrega final"]),
    ] {
        let mut screen = ScreenApp::new(Theme::Dark);
        screen.enter("/clear");
        screen.enter("/rooms");
        let club = Room { name: room("#club"), kind: RoomKind::Invite, ..sala(false, "la entrega final") };
        while let Some(request) = screen.sending.take() {
            let listed = if request == Request::Rooms { vec![club.clone()] } else { Vec::new() };
            screen.handle(Event::Link(LinkEvent::Answered(request, Ok(Answer::Rooms(listed)))));
        }
        let shown = screen.draw(width, 12);
        let shown: Vec<_> = shown.iter().map(|row| row.rsplit('│').next().unwrap().to_owned()).collect();
        assert!(shown.windows(rows.len()).any(|shown| shown == rows), "{width}: {shown:#?}");
    }
}

#[test]
fn a_room_to_which_the_user_is_invited_is_completed() {
    let mut screen = ScreenApp::new(Theme::Dark);
    screen.poll(vec![ServerEvent::Invite { room: room("#equipo"), from: user("luis") }]);
    assert!(screen.draw(100, 12).iter().any(|row| row.contains("* luis invites you to #equipo; /join #equipo goes")));
    screen.type_text("/join #e");
    screen.press(KeyCode::Tab);
    assert!(screen.draw(80, 12).iter().any(|row| row.contains("> /join #equipo")));
}

#[test]
fn a_room_that_the_user_is_no_longer_in_says_so_and_is_still_read() {
    let mut screen = in_sala("la entrega");
    screen.arrive("luis", "#sala", "hola");
    let at = screen.at;
    screen.poll(vec![ServerEvent::Part { room: room("#sala"), user: user("ana"), at }]);
    let shown = screen.draw(80, 12).join("\n");
    assert!(shown.contains("│wachat\n") && shown.contains("you are no longer in #sala: its owner"), "{shown}");
    screen.handle(Event::Selected(target("#sala")));
    answer(&mut screen, Some(sala(false, "la entrega")));
    assert_eq!(title(&mut screen, 80), "#sala · you are not in it");
    assert!(screen.draw(80, 12).iter().any(|row| row.contains("luis: hola")));
    // Back again.
    screen.enter("/join #sala new");
    answer(&mut screen, Some(sala(true, "la entrega")));
    assert_eq!(title(&mut screen, 80), "#sala · la entrega");
}
