//! Choosing a chat of the full screen: the one that opens is the one that was drawn where the user chose, also in a list that
//! is filtered or longer than the screen.

use std::collections::BTreeSet;

use terminput::{Event as TerminalEvent, KeyCode, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use wachat::client::screen::theme::Theme;

use crate::client::screen_app::ScreenApp;
use crate::support::random::Random;

/// Rooms, far more than the list has rows.
const ROOMS: usize = 40;

fn name(number: usize) -> String {
    format!("#r{number:02}{}", ["ab", "bc", "ca"][number % 3])
}

/// Returns a screen with many rooms, of which each has said something.
fn many_rooms() -> ScreenApp {
    let mut screen = ScreenApp::new(Theme::Dark);
    for number in 0..ROOMS {
        screen.arrive("luis", &name(number), "hola");
    }
    screen
}

/// Returns the number of each row that shows a room of the list, and the room.
fn list(screen: &mut ScreenApp, height: u16) -> Vec<(u16, String)> {
    let rows = screen.draw(80, height);
    let name = |row: &String| row.split(['│', ' ']).find(|word| word.starts_with("#r")).map(str::to_owned);
    (0..).zip(&rows).filter_map(|(at, row)| Some((at, name(row)?))).collect()
}

/// Returns the chats whose names fit, in the order in which a high screen shows them.
fn fitting(screen: &mut ScreenApp, filter: &str) -> Vec<String> {
    let shown: Vec<_> = list(screen, 100).into_iter().map(|(_, name)| name).collect();
    assert!(shown.iter().all(|name| name.contains(filter)) && !shown.is_empty(), "{filter:?}: {shown:?}");
    shown
}

fn open(screen: &ScreenApp) -> String {
    screen.model.open().expect("an open chat").to_string()
}

fn index(random: &mut Random, end: usize) -> usize {
    random.below(end as u64) as usize
}

/// Opens a room by the key for names.
fn jump(screen: &mut ScreenApp, name: &str) {
    screen.control('k');
    screen.type_text(name);
    screen.press(KeyCode::Enter);
    assert_eq!(open(screen), name);
}

#[test]
fn a_click_opens_the_chat_of_its_row_wherever_the_list_stands() {
    let mut screen = many_rooms();
    let mut random = Random::new(7);
    let mut begins = BTreeSet::new();
    for _ in 0..60 {
        let height = [8, 15, 24][index(&mut random, 3)];
        let target = name(index(&mut random, ROOMS));
        jump(&mut screen, &target);
        let shown = list(&mut screen, height);
        assert!(shown.iter().any(|(_, name)| *name == target), "{target}: {shown:?}");
        begins.insert(shown[0].1.clone());
        let (row, name) = &shown[index(&mut random, shown.len())];
        let kind = MouseEventKind::Down(MouseButton::Left);
        let modifiers = KeyModifiers::NONE;
        screen.terminal(TerminalEvent::Mouse(MouseEvent { kind, column: 2, row: *row, modifiers }));
        assert_eq!(open(&screen), *name, "row {row} of {shown:?}");
    }
    assert!(begins.len() > 5, "the list is scrolled: {begins:?}");
}

#[test]
fn enter_opens_the_chat_that_is_marked_whatever_the_filter() {
    let mut screen = many_rooms();
    let mut random = Random::new(8);
    for _ in 0..60 {
        let filter = ["", "a", "bc", "r1", "ca", "r"][index(&mut random, 6)];
        screen.press(KeyCode::Esc);
        screen.press(KeyCode::Char('/'));
        screen.type_text(filter);
        let fitting = fitting(&mut screen, filter);
        let down = index(&mut random, 7);
        (0..down).for_each(|_| screen.press(KeyCode::Down));
        screen.press(KeyCode::Enter);
        // The first step down marks the first one.
        let chosen = down.saturating_sub(1).min(fitting.len() - 1);
        assert_eq!(open(&screen), fitting[chosen], "{filter:?}, {down} times down: {fitting:?}");
    }
}
