//! The part of the full screen that has the keys: what is typed and pasted goes there, and the user sees which it is.

use terminput::{Event as TerminalEvent, KeyCode, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use wachat::client::app::event::Event;
use wachat::client::screen::model::{Mode, Request};
use wachat::client::screen::theme::Theme;
use wachat::model::Target;

use crate::client::screen_app::{ScreenApp, chat_with_luis, shown, target};

/// The input line of a screen of 24 rows.
fn input(screen: &mut ScreenApp) -> String {
    let rows = screen.draw(100, 24);
    rows[22].rsplit(['│', '┃']).next().unwrap().to_owned()
}

/// The rows in which every cell of a text is drawn in reverse.
fn reversed(screen: &mut ScreenApp, width: u16) -> Vec<String> {
    let rows = screen.draw(width, 24);
    let is_reversed = |row: &usize| {
        let y = u16::try_from(*row).unwrap();
        let cells = (0..width).map(|x| &screen.cells[(x, y)]);
        let is_text = |cell: &&ratatui_core::buffer::Cell| cell.symbol() != " ";
        let right = cells.skip_while(|cell| cell.symbol() != "│" && cell.symbol() != "┃").skip(1).filter(is_text);
        let styles: Vec<_> =
            right.map(|cell| cell.modifier.contains(ratatui_core::style::Modifier::REVERSED)).collect();
        !styles.is_empty() && styles.iter().all(|is| *is)
    };
    (0..22).filter(is_reversed).map(|row| rows[row].rsplit(['│', '┃']).next().unwrap().to_owned()).collect()
}

/// Says seventeen messages with a word, and others between them.
fn seventeen() -> ScreenApp {
    let mut screen = chat_with_luis();
    for number in 1..=17 {
        screen.arrive("luis", "ana", &format!("pera {number}"));
        screen.arrive("luis", "ana", "otra cosa");
    }
    screen
}

#[test]
fn a_search_says_which_hit_of_how_many_it_shows_and_marks_its_message() {
    let mut screen = seventeen();
    screen.control('f');
    screen.type_text("pera");
    assert_eq!(input(&mut screen), "search here: pera");
    assert_eq!(reversed(&mut screen, 100), [""; 0]);
    for (key, number) in [(KeyCode::Enter, 17), (KeyCode::Up, 16), (KeyCode::Enter, 15), (KeyCode::Down, 16)] {
        screen.press(key);
        assert_eq!(input(&mut screen), format!("search here, {number} of 17: pera"));
        assert_eq!(reversed(&mut screen, 100), [format!("14:35 luis: pera {number}")]);
    }
    (0..2).for_each(|_| screen.press(KeyCode::Down));
    assert_eq!(input(&mut screen), "search here, 1 of 17: pera");
    // Other words are not found before they are looked for.
    screen.type_text("s");
    assert_eq!(input(&mut screen), "search here: peras");
    assert_eq!(reversed(&mut screen, 100), [""; 0]);
    screen.press(KeyCode::Enter);
    assert_eq!(input(&mut screen), "search here, nothing found: peras");
    screen.press(KeyCode::Esc);
    assert_eq!(reversed(&mut screen, 100), [""; 0]);
}

#[test]
fn the_help_has_the_keys_of_the_search_and_of_the_list() {
    let mut screen = chat_with_luis();
    screen.press(KeyCode::F(1));
    let help = screen.draw(100, 60).join("\n");
    for part in ["in the search: go to the hit before", "in the list: open the chat", "Alt-M"] {
        assert!(help.contains(part), "{part}: {help}");
    }
}

#[test]
fn the_list_shows_that_it_has_the_keys() {
    let mut screen = chat_with_luis();
    screen.arrive("eva", "#lobby", "hola");
    let before = screen.draw(100, 24);
    assert!(before.iter().all(|row| row.contains('│')) && before[22].ends_with("│>"), "{before:#?}");
    screen.press(KeyCode::Esc);
    let list = screen.draw(100, 24);
    assert!(list.iter().all(|row| row.contains('┃')), "{list:#?}");
    assert!(list[22].ends_with("list: Enter opens, Esc back, / filters, Del takes an empty chat off"), "{list:#?}");
    let cursor = screen.drawn.cursor.unwrap();
    assert!(cursor.x == 0 && list[usize::from(cursor.y)].starts_with("○ luis"), "{cursor:?}: {list:#?}");
    screen.press(KeyCode::Esc);
    assert_eq!(screen.draw(100, 24), before);
}

#[test]
fn a_window_that_is_too_narrow_for_the_list_shows_it_while_it_has_the_keys() {
    let mut screen = chat_with_luis();
    screen.arrive("eva", "#lobby", "hola");
    assert!(!screen.draw(50, 12).concat().contains("#lobby"));
    screen.press(KeyCode::Esc);
    let list = screen.draw(50, 12);
    assert!(list[1].contains("#lobby") && list[2].contains("luis"), "{list:#?}");
    assert_eq!(screen.drawn.cursor.unwrap().y, 2, "at the chat that is open");
    // A message that the list covers is not seen.
    screen.seen.clear();
    screen.arrive("luis", "ana", "covered");
    screen.draw(50, 12);
    assert_eq!(screen.seen, []);
    screen.press(KeyCode::Esc);
    screen.draw(50, 12);
    assert_eq!(screen.seen.len(), 1);
}

#[test]
fn a_letter_in_the_list_goes_back_to_the_input() {
    for (typed, expected) in [("h", "yah"), ("ñ", "yañ"), ("?", "ya?"), (" ", "ya ")] {
        let mut screen = chat_with_luis();
        screen.type_text("ya");
        screen.press(KeyCode::Esc);
        screen.type_text(typed);
        assert_eq!(screen.model.writing.editor.text(), expected);
        assert!(matches!(screen.model.mode, Mode::Typing), "{:?}", screen.model.mode);
    }
}

#[test]
fn keys_of_other_actions_work_in_the_list() {
    let mut screen = seventeen();
    screen.press(KeyCode::Esc);
    screen.control('f');
    screen.type_text("pera 14");
    screen.press(KeyCode::Enter);
    assert_eq!(input(&mut screen), "search here, 1 of 1: pera 14");
    screen.press(KeyCode::Esc);
    screen.press(KeyCode::Esc);
    screen.press(KeyCode::F(1));
    assert!(matches!(screen.model.mode, Mode::Help { .. }), "{:?}", screen.model.mode);
}

#[test]
fn control_d_quits_from_the_list() {
    let mut screen = chat_with_luis();
    screen.press(KeyCode::Esc);
    screen.control('d');
    screen.handle(Event::Tick);
    assert!(screen.app.end().is_some());
}

#[test]
fn pasted_text_goes_into_the_field_that_has_the_keys() {
    let paste = |screen: &mut ScreenApp, text: &str| screen.terminal(TerminalEvent::Paste(text.to_owned()));
    let mut screen = seventeen();
    screen.control('f');
    paste(&mut screen, "pera\n12");
    assert_eq!(input(&mut screen), "search here: pera 12");
    screen.press(KeyCode::Enter);
    assert_eq!(input(&mut screen), "search here, 1 of 1: pera 12");
    screen.press(KeyCode::Esc);
    screen.control('k');
    paste(&mut screen, "lob");
    assert_eq!(input(&mut screen), "go to: lob");
    screen.press(KeyCode::Enter);
    assert_eq!(screen.model.open(), Some(&target("#lobby")));
    screen.press(KeyCode::Esc);
    screen.press(KeyCode::Char('/'));
    paste(&mut screen, "lui");
    assert_eq!(input(&mut screen), "/lui");
    screen.press(KeyCode::Enter);
    assert_eq!(screen.model.open(), Some(&target("luis")));
    assert_eq!(screen.model.writing.editor.text(), "", "nothing of it is a message");
    screen.press(KeyCode::Esc);
    paste(&mut screen, "a message");
    assert_eq!(screen.model.writing.editor.text(), "a message");
    // As long as a name may be.
    screen.control('k');
    paste(&mut screen, &"x".repeat(10_000));
    assert!(matches!(&screen.model.mode, Mode::Jump { name, .. } if name.len() == 128), "{:?}", screen.model.mode);
}

#[test]
fn the_preview_of_a_pasted_text_has_its_tabs() {
    let mut screen = chat_with_luis();
    screen.terminal(TerminalEvent::Paste("a\tb\tc\n".repeat(21)));
    assert!(shown(&mut screen).contains("│a   b   c"), "{}", shown(&mut screen));
}

#[test]
fn the_mouse_is_given_to_the_terminal_and_taken_back() {
    let mut screen = chat_with_luis();
    for (given, how) in [(false, "selects text to copy; Alt-M"), (true, "hold Shift while you select, or press Alt-M")]
    {
        screen.asked.clear();
        screen.alt(KeyCode::Char('m'));
        assert!(matches!(screen.asked[..], [Request::Mouse(mouse)] if mouse == given), "{:?}", screen.asked);
        assert!(shown(&mut screen).replace('\n', "").contains(how) || screen.draw(120, 24).join("").contains(how));
    }
}

/// The names in the list.
fn listed(screen: &mut ScreenApp) -> Vec<Target> {
    screen.draw(100, 24);
    screen.model.chats(&screen.app).into_iter().map(|chat| chat.target).collect()
}

#[test]
fn an_empty_chat_is_taken_off_the_list_and_another_is_not() {
    let mut screen = ScreenApp::new(Theme::Dark);
    screen.arrive("luis", "ana", "hola");
    screen.enter("/query eva");
    assert_eq!(listed(&mut screen), ["luis", "eva", "#lobby"].map(target));
    screen.press(KeyCode::Esc);
    screen.press(KeyCode::Delete);
    assert_eq!(listed(&mut screen), ["luis", "#lobby"].map(target));
    assert_eq!(screen.model.open(), None, "no chat is open");
    assert!(matches!(screen.model.mode, Mode::List(1)), "the list still has the keys: {:?}", screen.model.mode);
    (0..3).for_each(|_| screen.press(KeyCode::Up));
    screen.press(KeyCode::Delete);
    assert_eq!(listed(&mut screen), ["luis", "#lobby"].map(target));
    let note = screen.model.notes.iter().next_back().unwrap();
    assert!(note.text.contains("luis stays in the list"), "{note:?}");
    // It is there again when something is said.
    screen.arrive("eva", "ana", "hola");
    assert!(listed(&mut screen).contains(&target("eva")));
}

#[test]
fn an_empty_chat_with_a_draft_stays() {
    let mut screen = chat_with_luis();
    screen.arrive("eva", "ana", "hola");
    screen.type_text("a draft");
    for is_open in [true, false] {
        if !is_open {
            screen.handle(Event::Selected(target("eva")));
        }
        screen.press(KeyCode::Esc);
        let chats = listed(&mut screen);
        let luis = chats.iter().position(|chat| *chat == target("luis")).unwrap();
        (0..9).for_each(|_| screen.press(KeyCode::Up));
        (0..luis).for_each(|_| screen.press(KeyCode::Down));
        screen.press(KeyCode::Delete);
        assert_eq!(listed(&mut screen), chats);
        let note = screen.model.notes.iter().next_back().unwrap();
        assert!(note.text.contains("luis stays in the list"), "open: {is_open}, {note:?}");
        screen.press(KeyCode::Esc);
    }
    screen.handle(Event::Selected(target("luis")));
    assert_eq!(screen.model.writing.editor.text(), "a draft");
}

#[test]
fn the_keys_of_the_other_actions_and_the_mouse_choose_what_the_filtered_list_shows() {
    let filtered = || {
        let mut screen = chat_with_luis();
        screen.arrive("luis", "ana", "hola");
        screen.arrive("eva", "ana", "hola");
        screen.press(KeyCode::Esc);
        screen.type_text("/lobby");
        screen
    };
    let mut screen = filtered();
    assert_eq!(listed(&mut screen), [target("#lobby")]);
    screen.alt(KeyCode::Char('1'));
    assert_eq!(screen.model.open(), Some(&target("#lobby")));
    assert_eq!(listed(&mut screen).len(), 3, "the filter is gone");
    let mut screen = filtered();
    screen.control('f');
    assert!(matches!(screen.model.mode, Mode::Search(_)), "{:?}", screen.model.mode);
    let mut screen = filtered();
    screen.control('d');
    screen.handle(Event::Tick);
    assert!(screen.app.end().is_some());
    // In a narrow window the list stands where the conversation was.
    let mut screen = filtered();
    screen.draw(50, 12);
    let kind = MouseEventKind::Down(MouseButton::Left);
    screen.terminal(TerminalEvent::Mouse(MouseEvent { kind, column: 3, row: 1, modifiers: KeyModifiers::NONE }));
    assert_eq!(screen.model.open(), Some(&target("#lobby")));
}

#[test]
fn a_room_stays_in_the_list_while_the_user_is_a_member() {
    let mut screen = ScreenApp::new(Theme::Dark);
    screen.arrive("eva", "#lobby", "hola");
    for width in [100, 50] {
        screen.draw(width, 12);
        screen.press(KeyCode::Esc);
        screen.press(KeyCode::Delete);
        assert_eq!(matches!(screen.model.mode, Mode::Typing), width == 50, "a narrow list would cover the reason");
        let rows = screen.draw(width, 12).join("");
        assert!(rows.contains("#lobby stays in the list while"), "{rows}");
        screen.press(KeyCode::Esc);
    }
}

#[test]
fn a_search_marks_nothing_as_read_that_was_not_on_the_screen() {
    let mut screen = ScreenApp::new(Theme::Dark);
    for number in 1..=60 {
        let word = if number % 20 == 0 { "lobo" } else { "otro" };
        screen.arrive("luis", "ana", &format!("{word} {number}"));
    }
    screen.handle(Event::Selected(target("luis")));
    screen.draw(80, 24);
    let seen = screen.app.state().find_conversation(&target("luis")).unwrap().seen().get();
    assert!((10..30).contains(&seen), "{seen}");
    screen.control('f');
    screen.type_text("lobo");
    screen.press(KeyCode::Enter);
    assert!(screen.draw(80, 24).join("").contains("lobo 60"));
    screen.press(KeyCode::Esc);
    screen.draw(80, 24);
    assert_eq!(screen.app.state().find_conversation(&target("luis")).unwrap().seen().get(), seen);
    // The key for the newest message marks all as read.
    screen.alt(KeyCode::End);
    screen.draw(80, 24);
    assert_eq!(screen.app.state().find_conversation(&target("luis")).unwrap().seen().get(), screen.last);
}

#[test]
fn esc_and_the_next_key_may_come_as_one() {
    let mut screen = chat_with_luis();
    screen.alt(KeyCode::Char('/'));
    screen.type_text("lob");
    assert_eq!(input(&mut screen), "/lob");
    let mut screen = chat_with_luis();
    screen.type_text("ya");
    screen.alt(KeyCode::Char('x'));
    assert_eq!(screen.model.writing.editor.text(), "yax");
}
