//! The processor time of the full screen: a drawing costs what is on the screen, whatever a message or the history holds.

use std::time::Duration;

use terminput::KeyCode;
use wachat::client::screen::item::NoteKind;
use wachat::client::screen::theme::Theme;

use crate::client::screen_app::ScreenApp;
use crate::support::cpu_time;

/// Keys that are pressed, each with a drawing.
const KEYS: u32 = 10;

/// Returns the processor time of one key and its drawing, after the first.
fn cost_of_a_key(screen: &mut ScreenApp) -> Duration {
    screen.draw(80, 24);
    let begun = cpu_time();
    for _ in 0..KEYS {
        screen.press(KeyCode::Char('x'));
        screen.draw(80, 24);
    }
    (cpu_time() - begun) / KEYS
}

/// Ana's screen with the chat with luis open.
fn chat() -> ScreenApp {
    let mut screen = ScreenApp::new(Theme::Dark);
    screen.enter("/query luis");
    screen
}

/// Texts of the greatest length, each the worst of its kind.
fn worst_texts() -> Vec<(&'static str, String)> {
    let most = wachat::limits::TEXT_BYTES;
    let filled = |piece: &str| piece.repeat(most / piece.len());
    vec![
        ("a name again and again", filled("ana ")),
        ("links", filled("http://a.b ")),
        ("links and names", filled("http://a.b ana ")),
        ("one word", filled("x")),
        ("one link", format!("http://a.b/{}", "x".repeat(most - 11))),
        ("line feeds", "\n".repeat(most / 2)),
        ("characters of four bytes", filled("\u{1F600}")),
        ("joined emoji", filled("\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}")),
        ("combining marks", filled("e\u{301}\u{301}\u{301}")),
        ("one character of combining marks", format!("e{}", "\u{301}".repeat(most / 2 - 1))),
        ("invisible characters", filled("\u{202E}")),
        ("spaces", filled(" ")),
        ("tabs", filled("\t")),
    ]
}

#[test]
fn a_key_costs_as_much_below_the_worst_text_as_below_a_short_one() {
    let mut short = chat();
    short.arrive("luis", "ana", "hola");
    let usual = cost_of_a_key(&mut short);
    for (what, text) in worst_texts() {
        let mut screen = chat();
        screen.arrive("luis", "ana", &text);
        let first = cpu_time();
        screen.draw(80, 24);
        let first = cpu_time() - first;
        let cost = cost_of_a_key(&mut screen);
        println!("{what}: {cost:?} a key, {first:?} the first drawing; below a short text {usual:?}");
        assert!(cost < Duration::from_millis(10), "{what}: {cost:?} a key");
        assert!(first < Duration::from_millis(500), "{what}: {first:?} for the first drawing");
    }
}

#[test]
fn a_key_costs_as_much_whatever_the_history_holds() {
    let mut screen = chat();
    let most = wachat::limits::TEXT_BYTES;
    for number in 0..100 {
        screen.arrive("eva", "ana", &"ana ".repeat(most / 4));
        screen.arrive("luis", "#lobby", &format!("{number} {}", "ana ".repeat(most / 8)));
    }
    for number in 0..2_000 {
        screen.arrive("luis", "ana", &format!("{number}"));
    }
    let cost = cost_of_a_key(&mut screen);
    println!("{cost:?} a key");
    assert!(cost < Duration::from_millis(10), "{cost:?} a key");
}

#[test]
fn a_text_of_5_000_characters_is_typed_in_50_milliseconds() {
    let mut screen = chat();
    screen.draw(80, 24);
    let begun = cpu_time();
    screen.type_text(&"palabra ".repeat(625));
    screen.draw(80, 24);
    let cost = cpu_time() - begun;
    println!("{cost:?}");
    // Little of the tests is optimised, and other programs share the caches.
    assert!(cost < Duration::from_millis(if cfg!(debug_assertions) { 1_000 } else { 50 }), "{cost:?}");
}

/// As many of the worst texts as there are rows: a text of zero-width characters takes one row.
#[test]
fn a_key_costs_as_much_below_a_screen_full_of_worst_texts() {
    for (what, text) in worst_texts() {
        let mut screen = chat();
        for _ in 0..30 {
            screen.arrive("luis", "ana", &text);
        }
        let cost = cost_of_a_key(&mut screen);
        println!("{what}: {cost:?} a key");
        assert!(cost < Duration::from_millis(10), "{what}: {cost:?} a key");
    }
}

/// Answers of commands, such as found messages, cost no more.
#[test]
fn a_key_costs_as_much_below_notes_of_the_worst_texts() {
    for (what, text) in worst_texts() {
        let mut screen = chat();
        for _ in 0..30 {
            screen.model.add_note(&screen.app, NoteKind::Answer, &text);
        }
        let cost = cost_of_a_key(&mut screen);
        println!("{what}: {cost:?} a key");
        assert!(cost < Duration::from_millis(10), "{what}: {cost:?} a key");
    }
}
