//! Messages to another chat than the one in which they are typed, and those that the server refuses: the user reads what
//! became of them where they were typed.

use wachat::client::app::event::Event;
use wachat::client::link::request::{Answer, LinkEvent, Request as LinkRequest};
use wachat::client::p2p::event::{Action, DirectEvent};
use wachat::client::screen::theme::Theme;
use wachat::client::terminal::complete::Names;
use wachat::model::{State, Token};
use wachat::protocol::{Code, Peer};

use crate::client::screen_app::{ScreenApp, chat_with_luis, target, user};

/// A screen whose lobby is open.
fn lobby() -> ScreenApp {
    let mut screen = ScreenApp::new(Theme::None);
    screen.enter("/query #lobby");
    screen.enter("/clear");
    screen
}

/// The server refuses the message that was sent.
fn refuse(screen: &mut ScreenApp, code: Code) {
    let request = screen.sending.take().unwrap();
    assert!(matches!(request, LinkRequest::Send(..)), "{request:?}");
    screen.handle(Event::Link(LinkEvent::Answered(request, Ok(Answer::Refused(code.into())))));
}

/// The lines of the conversation, without those above it.
fn lines(screen: &mut ScreenApp) -> Vec<String> {
    let rows = screen.draw(110, 24);
    let rows = rows[1..22].iter().map(|row| row.rsplit('│').next().unwrap().to_owned());
    rows.filter(|row| !row.is_empty() && !row.starts_with('─')).collect()
}

#[test]
fn a_message_to_nobody_is_an_error_where_it_was_typed_and_no_chat() {
    for (typed, code) in [
        ("/msg nadie hola", Code::NoUser),
        ("@nadie: hola", Code::NoUser),
        ("/msg #nadie hola", Code::NoRoom),
        ("/msg #cerrada hola", Code::NotMember),
    ] {
        let mut screen = lobby();
        screen.enter(typed);
        refuse(&mut screen, code);
        let lines = lines(&mut screen);
        assert!(lines.len() == 1 && lines[0].starts_with("! ✗ ") && lines[0].contains("hola"), "{typed}: {lines:?}");
        let chats: Vec<_> = screen.model.chats(&screen.app).into_iter().map(|chat| chat.target).collect();
        assert_eq!(chats, [target("#lobby")], "{typed}");
        let names = Names::of(screen.app.state());
        assert!(names.users.is_empty() && names.rooms.is_empty(), "nothing to complete: {names:?}");
    }
}

#[test]
fn a_chat_with_somebody_stays_when_its_only_message_is_refused() {
    let mut screen = lobby();
    screen.enter("@luis: hola");
    refuse(&mut screen, Code::TooLong);
    let chats: Vec<_> = screen.model.chats(&screen.app).into_iter().map(|chat| chat.target).collect();
    assert!(chats.contains(&target("luis")), "{chats:?}");
}

#[test]
fn an_automatic_answer_that_is_refused_is_no_error_of_the_open_chat() {
    let mut screen = lobby();
    screen.enter("/away en clase");
    screen.enter("/clear");
    screen.arrive("luis", "ana", "hola");
    refuse(&mut screen, Code::NoUser);
    assert_eq!(lines(&mut screen), [""; 0]);
}

#[test]
fn the_error_is_in_the_chat_of_the_text_also_if_another_is_open_by_then() {
    let mut screen = lobby();
    screen.enter("/msg nadie hola");
    screen.enter("/query luis");
    refuse(&mut screen, Code::NoUser);
    screen.answer();
    assert!(lines(&mut screen).iter().all(|line| !line.contains("nadie")), "{:?}", lines(&mut screen));
    screen.enter("/query #lobby");
    assert!(lines(&mut screen)[0].starts_with("! ✗ @nadie: "), "{:?}", lines(&mut screen));
}

#[test]
fn a_message_that_is_refused_in_its_own_chat_says_so_once() {
    let mut screen = chat_with_luis();
    screen.enter("hola");
    refuse(&mut screen, Code::NoUser);
    let lines = lines(&mut screen);
    assert!(lines.len() == 1 && lines[0].contains("ana: hola ✗"), "{lines:?}");
}

#[test]
fn a_message_sent_elsewhere_leaves_a_line_with_its_tick() {
    let mut screen = lobby();
    screen.enter("@luis: una cosa");
    screen.enter("/msg luis otra");
    assert_eq!(lines(&mut screen), ["→ luis: una cosa …", "→ luis: otra …"]);
    screen.answer();
    assert_eq!(lines(&mut screen), ["→ luis: una cosa ✓", "→ luis: otra ✓"]);
    screen.reach("luis", State::Delivered);
    assert_eq!(lines(&mut screen), ["→ luis: una cosa ✓✓", "→ luis: otra ✓✓"]);
    screen.enter("@luis: y otra");
    screen.answer();
    screen.arrive("eva", "#lobby", "hola");
    screen.reach("luis", State::Read);
    let expected = ["→ luis: una cosa ✓✓ read", "→ luis: otra ✓✓ read", "→ luis: y otra ✓✓ read", "14:35 eva: hola"];
    assert_eq!(lines(&mut screen), expected);
    // In its own chat it is a message.
    screen.enter("/query luis");
    assert_eq!(lines(&mut screen)[0], "14:35 ana: una cosa ✓✓ read");
}

#[test]
fn an_automatic_answer_leaves_no_line_elsewhere() {
    let mut screen = lobby();
    screen.enter("/away en clase");
    screen.enter("/clear");
    screen.arrive("luis", "ana", "hola");
    screen.answer();
    assert_eq!(lines(&mut screen), [""; 0]);
}

#[test]
fn a_line_of_a_direct_chat_is_shown_at_once_and_gets_its_tick() {
    let mut screen = chat_with_luis();
    screen.enter("/p2p luis");
    let request = screen.sending.take().unwrap();
    assert!(matches!(request, LinkRequest::Peer(_)), "{request:?}");
    let at = Peer {
        address: "127.0.0.1".parse().unwrap(),
        port: 9000,
        token: Token::parse("0123456789abcdef0123456789abcdef").unwrap(),
        fingerprint: None,
    };
    screen.handle(Event::Link(LinkEvent::Answered(request, Ok(Answer::Peer(at)))));
    screen.handle(Event::Direct(DirectEvent::Connected { number: 7, peer: user("luis") }));
    screen.enter("/clear");
    screen.enter("hola");
    screen.enter("¿estás?");
    let both = ["14:35 ana (direct): hola …", "14:35 ana (direct): ¿estás? …"];
    assert_eq!(lines(&mut screen)[..2], both);
    let said = |action: &Action| if let Action::Say { id, .. } = action { Some(id.clone()) } else { None };
    let first = screen.direct.iter().find_map(said).unwrap();
    screen.handle(Event::Direct(DirectEvent::Confirmed { number: 7, id: first }));
    assert_eq!(lines(&mut screen)[..2], ["14:35 ana (direct): hola ✓✓", "14:35 ana (direct): ¿estás? …"]);
    let second = screen.direct.iter().filter_map(said).next_back().unwrap();
    screen.handle(Event::Direct(DirectEvent::Confirmed { number: 7, id: second }));
    assert_eq!(lines(&mut screen)[..2], ["14:35 ana (direct): hola ✓✓", "14:35 ana (direct): ¿estás? ✓✓"]);
    screen.enter("adiós");
    screen.handle(Event::Direct(DirectEvent::Closed { number: 7, why: String::new() }));
    let lost = "14:35 ana (direct): adiós ✗ not confirmed; /resend sends it through the server";
    assert!(lines(&mut screen).contains(&lost.to_owned()), "{:?}", lines(&mut screen));
    // A later message stands after it.
    screen.pass(std::time::Duration::from_secs(60));
    screen.arrive("luis", "ana", "más tarde");
    let last = lines(&mut screen).pop();
    assert_eq!(last.as_deref(), Some("14:36 luis: más tarde"), "{:?}", lines(&mut screen));
    screen.enter("/resend");
    screen.answer();
    assert!(lines(&mut screen).contains(&"14:35 ana: adiós ✓".to_owned()), "{:?}", lines(&mut screen));
    assert!(lines(&mut screen).iter().all(|line| !line.contains('…')), "{:?}", lines(&mut screen));
}
