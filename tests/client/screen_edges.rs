//! The edges of the full screen: no chat is open, nothing fits, a user is hidden.

use terminput::{
    Event as TerminalEvent, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};
use wachat::client::app::event::Event;
use wachat::client::link::request::{Answer, LinkEvent};
use wachat::client::screen::item::NoteKind;
use wachat::client::screen::model::{Mode, Request};
use wachat::client::screen::theme::Theme;
use wachat::limits;
use wachat::protocol::Code;

use crate::client::screen_app::{ScreenApp, chat_with_luis, shown, target};

/// The rows in which a text stands, from the top.
#[track_caller]
fn place(screen: &mut ScreenApp, text: &str) -> usize {
    let rows = screen.draw(78, 24);
    rows.iter().position(|row| row.contains(text)).unwrap_or_else(|| panic!("no {text:?}: {rows:#?}"))
}

#[test]
fn what_was_said_before_a_chat_was_open_stands_above_its_next_message_and_in_no_other_chat() {
    let mut screen = ScreenApp::disconnected(Theme::Dark);
    screen.handle(Event::Started(Err("refused".to_owned())));
    screen.enter("/nothing");
    assert!(shown(&mut screen).contains("! there is no command /nothing"));
    screen.enter("/query luis");
    assert!(shown(&mut screen).contains("! there is no command /nothing"));
    screen.enter("hola");
    assert!(place(&mut screen, "/nothing") < place(&mut screen, "ana: hola"));
    screen.enter("/query eva");
    assert!(!shown(&mut screen).contains("/nothing"), "it belongs to the first one");
    screen.enter("/query luis");
    assert!(place(&mut screen, "/nothing") < place(&mut screen, "ana: hola"));
}

#[test]
fn without_a_chat_a_blank_line_is_no_mistake_and_a_text_is() {
    let mut screen = ScreenApp::disconnected(Theme::Dark);
    screen.handle(Event::Started(Err("refused".to_owned())));
    screen.enter("/clear");
    screen.enter("");
    assert_eq!(screen.model.notes.iter().len(), 0, "{:?}", screen.model.notes);
    screen.enter("  ");
    assert!(shown(&mut screen).contains("! an empty message is not sent") && screen.model.writing.editor.is_empty());
    screen.enter("/clear");
    screen.enter("hola");
    assert!(shown(&mut screen).contains("! there is no current chat"));
    assert_eq!(screen.model.writing.editor.text(), "hola");
}

#[test]
fn a_paste_for_which_there_is_no_room_is_refused_whole() {
    let mut screen = chat_with_luis();
    screen.type_text("before");
    screen.terminal(TerminalEvent::Paste("x".repeat(limits::TYPED_BYTES)));
    assert_eq!(screen.model.writing.editor.text(), "before");
    let note = screen.model.notes.iter().next_back().unwrap();
    assert_eq!(note.kind, NoteKind::Problem, "{note:?}");
    screen.model.notes.clear();
    let long = format!("{}\n", "x".repeat(4_000)).repeat(limits::PASTE_LINES + 1);
    screen.terminal(TerminalEvent::Paste(long));
    assert!(shown(&mut screen).contains("insert 21 lines?"));
    screen.press(KeyCode::Enter);
    assert_eq!((screen.model.writing.editor.text().as_str(), screen.model.notes.iter().len()), ("before", 1));
    // A key does the same.
    screen.model.writing.editor.set_text(&"x".repeat(limits::TYPED_BYTES));
    screen.press(KeyCode::Char('y'));
    assert_eq!((screen.model.writing.editor.text().len(), screen.model.notes.iter().len()), (limits::TYPED_BYTES, 2));
}

#[test]
fn twenty_lines_are_inserted_and_twenty_one_are_asked_about_whatever_ends_them() {
    for (lines, asks) in [(limits::PASTE_LINES, false), (limits::PASTE_LINES + 1, true)] {
        for end in ["\n", "\r", "\r\n"] {
            let mut screen = chat_with_luis();
            screen.terminal(TerminalEvent::Paste(format!("line{end}").repeat(lines)));
            assert_eq!(matches!(screen.model.mode, Mode::Paste(_)), asks, "{lines} {end:?}");
            screen.press(KeyCode::Char('Y'));
            let text = screen.model.writing.editor.text();
            assert_eq!(text, format!("{}{}", "line\n".repeat(lines), if asks { "" } else { "Y" }), "{lines} {end:?}");
        }
    }
}

#[test]
fn a_hidden_user_is_in_no_list_says_nothing_and_the_next_chat_is_the_first() {
    let mut screen = chat_with_luis();
    screen.arrive("luis", "ana", "from luis");
    screen.arrive("eva", "#lobby", "ana, from eva");
    screen.arrive("luis", "#lobby", "ana, from luis");
    screen.enter("/ignore luis");
    screen.enter("/clear");
    let rows = screen.draw(78, 12);
    assert!(!rows.concat().contains("○ luis") && !rows.concat().contains("from luis"), "{rows:#?}");
    assert!(
        rows[0].starts_with("  #lobby ") && rows[0].contains(" @1 1│"),
        "what luis says there is not counted: {rows:#?}"
    );
    screen.asked.clear();
    screen.arrive("luis", "#lobby", "ana, again");
    assert!(screen.asked.is_empty(), "{:?}", screen.asked);
    for key in ['n', 'p'] {
        screen.handle(Event::Selected(target("luis")));
        screen.control(key);
        assert_eq!(screen.app.destination().target(), Some(target("#lobby")), "Ctrl-{key}");
    }
    assert!(!shown(&mut screen).contains("from luis") && shown(&mut screen).contains("from eva"));
}

#[test]
fn where_no_row_of_the_chat_is_on_the_screen_nothing_is_seen() {
    let mut screen = chat_with_luis();
    screen.arrive("luis", "ana", "hola");
    for (width, height) in [(40, 1), (40, 2), (80, 2)] {
        screen.draw(width, height);
        assert_eq!(screen.seen, [], "{width} x {height}");
    }
    screen.draw(40, 3);
    assert_eq!(screen.seen.len(), 1);
}

#[test]
fn of_many_notes_the_oldest_go_and_those_of_a_cleared_screen_all() {
    let mut screen = chat_with_luis();
    for number in 0..510 {
        screen.model.add_note(&screen.app, NoteKind::Notice, &format!("note {number}"));
    }
    let numbers: Vec<_> = screen.model.notes.iter().map(|note| note.text.clone()).collect();
    assert_eq!(numbers, (10..510).map(|number| format!("note {number}")).collect::<Vec<_>>());
    screen.enter("/clear");
    assert!(screen.model.notes.iter().next().is_none());
}

#[test]
fn a_refused_message_says_why_and_the_last_error_is_said_when_the_screen_is_left() {
    let mut screen = chat_with_luis();
    screen.enter("one");
    screen.enter("two");
    let request = screen.sending.take().unwrap();
    let refused = Answer::Refused(Code::NoUser.into());
    screen.handle(Event::Link(LinkEvent::Answered(request, Ok(refused))));
    let row = place(&mut screen, "ana: one");
    let rows = screen.draw(78, 24);
    assert!(rows[row].contains("ana: one ✗ NO_USER") && rows[row + 1].contains("ana: two …"), "{rows:#?}");
    assert_eq!(screen.model.notes.last_problem(), None);
    screen.enter("/nothing");
    assert_eq!(
        screen.model.notes.last_problem().unwrap(),
        format!("! {}", screen.model.notes.iter().next_back().unwrap().text)
    );
    screen.enter("/mute");
    assert_eq!(screen.model.notes.last_problem(), None, "something else was said since");
}

fn requests(screen: &mut ScreenApp) -> Vec<&'static str> {
    let name = |request: Request| match request {
        Request::Redraw => "redraw",
        Request::Suspend => "suspend",
        _ => "another",
    };
    screen.asked.drain(..).map(name).collect()
}

#[test]
fn the_screen_can_be_drawn_again_and_left_whatever_lies_over_it() {
    let lay: [fn(&mut ScreenApp); 6] = [
        |_| {},
        |screen| screen.press(KeyCode::Esc),
        |screen| screen.control('k'),
        |screen| screen.control('f'),
        |screen| screen.press(KeyCode::F(1)),
        |screen| {
            screen.press(KeyCode::Esc);
            screen.press(KeyCode::Char('/'));
        },
    ];
    for (number, lay) in lay.into_iter().enumerate() {
        let mut screen = chat_with_luis();
        lay(&mut screen);
        let before = shown(&mut screen);
        screen.control('l');
        screen.control('z');
        screen.terminal(TerminalEvent::Resize { rows: 24, cols: 78 });
        assert_eq!(requests(&mut screen), ["redraw", "suspend", "redraw"], "{number}");
        assert_eq!(shown(&mut screen), before, "{number}: it stays");
        // Keys that are let go, and moves of the mouse, do nothing.
        let released = KeyEvent::new(KeyCode::Char('x')).kind(KeyEventKind::Release);
        screen.terminal(TerminalEvent::Key(released));
        for kind in [MouseEventKind::Up(MouseButton::Left), MouseEventKind::Moved] {
            screen.terminal(TerminalEvent::Mouse(MouseEvent {
                kind,
                column: 1,
                row: 1,
                modifiers: KeyModifiers::NONE,
            }));
        }
        assert_eq!((requests(&mut screen).len(), shown(&mut screen)), (0, before), "{number}");
    }
}

#[test]
fn a_name_that_is_in_no_list_begins_a_chat_and_words_are_looked_for_everywhere() {
    let mut screen = chat_with_luis();
    screen.control('k');
    screen.type_text("mario");
    screen.press(KeyCode::Enter);
    assert_eq!(screen.entered.last().unwrap(), "/query mario");
    assert_eq!(screen.app.destination().target(), Some(target("mario")));
    screen.control('f');
    screen.press(KeyCode::Tab);
    let before = screen.entered.len();
    screen.type_text("  ");
    screen.press(KeyCode::Enter);
    assert_eq!(screen.entered.len(), before, "blanks are no words");
    assert!(matches!(screen.model.mode, Mode::Search { .. }));
    screen.type_text("dos palabras");
    screen.press(KeyCode::Enter);
    assert_eq!(screen.entered.last().unwrap(), "/search   dos palabras");
    assert!(matches!(screen.model.mode, Mode::Typing));
}

/// The short texts of the filter, the jump and the search.
#[test]
fn short_texts_are_edited_and_bounded() {
    let mut screen = chat_with_luis();
    screen.control('k');
    screen.type_text("abñ");
    screen.press(KeyCode::Backspace);
    screen.press(KeyCode::Backspace);
    screen.alt(KeyCode::Char('x'));
    screen.control('x');
    assert!(shown(&mut screen).contains("│go to: a\n"));
    screen.control('u');
    assert!(shown(&mut screen).contains("│go to:\n"));
    screen.type_text(&"x".repeat(limits::NAME_CHARS * 5));
    let Mode::Jump { name, .. } = &screen.model.mode else { panic!("{:?}", screen.model.mode) };
    assert_eq!(name.len(), limits::NAME_CHARS * 4);
    screen.control('c');
    assert!(matches!(screen.model.mode, Mode::Typing), "as Esc does");
}

#[test]
fn tab_completes_and_shift_tab_goes_back() {
    let mut screen = chat_with_luis();
    screen.arrive("lucas", "ana", "hola");
    screen.arrive("luis", "ana", "hola");
    screen.type_text("@lu");
    let mut texts = Vec::new();
    for modifiers in [KeyModifiers::NONE, KeyModifiers::NONE, KeyModifiers::SHIFT] {
        screen.key(KeyCode::Tab, modifiers);
        texts.push(screen.model.writing.editor.text());
    }
    assert!(texts[0] != texts[1] && texts[0] == texts[2], "{texts:?}");
    assert!(texts.iter().all(|text| text == "@luis: " || text == "@lucas: "), "{texts:?}");
}
