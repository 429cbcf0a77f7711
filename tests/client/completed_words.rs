//! The Tab key over all its candidates: forward and back, round at the ends; the names that a client knows; emoji.

use std::cell::Cell;

use wachat::client::screen::theme::Theme;
use wachat::client::terminal::complete::Names;
use wachat::client::terminal::editor::Editor;
use wachat::limits;

use crate::client::screen_app::ScreenApp;
use crate::support::random::Random;

/// Makes the names of these users, and of two rooms.
fn names_of(users: Vec<String>) -> Names {
    Names { users, rooms: vec!["#Sala".to_owned(), "#lobby".to_owned()] }
}

fn editor(text: &str) -> Editor {
    let mut editor = Editor::default();
    editor.set_text(text);
    editor
}

#[test]
fn candidates_come_forward_and_back_and_round_at_the_ends() {
    for count in 1..7_usize {
        let names: Vec<_> = (0..count).map(|number| format!("Lu{number}")).collect();
        let chats = names_of([vec!["eva".to_owned()], names.clone(), vec!["iris".to_owned()]].concat());
        for seed in 0..20 {
            let mut random = Random::new(seed);
            let mut editor = editor("hola lU");
            let mut at: Option<usize> = None;
            for _ in 0..20 {
                let backwards = random.chance(40);
                assert!(editor.complete(|| chats.clone(), backwards));
                let next = match (at, backwards) {
                    (None, false) => 0,
                    (None, true) => count - 1,
                    (Some(at), false) => (at + 1) % count,
                    (Some(at), true) => (at + count - 1) % count,
                };
                at = Some(next);
                assert_eq!(editor.text(), format!("hola {} ", names[next]), "{count}, seed {seed}");
            }
        }
    }
}

#[test]
fn no_candidate_and_no_room_leave_the_text_alone() {
    let chats = names_of(vec!["luis".to_owned()]);
    for text in ["x", "hola x", "@x", "#x", ":x", ":t", ":", "hola ", "/xyz", "a\n/he", "x:tada"] {
        for backwards in [false, true] {
            let mut editor = editor(text);
            assert!(!editor.complete(|| chats.clone(), backwards), "{text:?}");
            assert_eq!(editor.text(), text);
        }
    }
    let full = format!("{} lu", "x".repeat(limits::TYPED_BYTES - 5));
    let mut editor = editor(&full);
    assert!(!editor.complete(|| chats.clone(), false));
    assert_eq!(editor.text(), full);
}

/// Wherever a user or a room is named: small letters or capitals, at the beginning of a line or in it.
#[test]
fn a_name_is_completed_in_its_form_wherever_it_stands() {
    let chats = names_of(vec!["Luis".to_owned()]);
    for (text, completed) in [
        ("lu", "Luis "),
        ("LU", "Luis "),
        ("@lu", "@Luis: "),
        ("hola @LU", "hola @Luis "),
        ("one\n@lu", "one\n@Luis "),
        ("one\nlu", "one\nLuis "),
        ("#sa", "#Sala "),
        ("one\n#LO", "one\n#lobby "),
        ("/query lu", "/query Luis "),
        ("/join sa", "/join #Sala "),
        ("/join #sa", "/join #Sala "),
        ("one\n/query lu", "one\n/query Luis "),
    ] {
        let mut editor = editor(text);
        assert!(editor.complete(|| chats.clone(), false), "{text:?}");
        assert_eq!(editor.text(), completed);
    }
    // A room needs its sign outside a command, also in a later line that begins like one.
    assert!(!editor("sa").complete(|| chats.clone(), false));
    assert!(!editor("one\n/join sa").complete(|| chats.clone(), false));
}

#[test]
fn the_names_are_gathered_for_a_new_word_and_not_for_its_next_candidate() {
    let chats = names_of(vec!["luis".to_owned(), "lucas".to_owned(), "lola".to_owned()]);
    let mut editor = editor("hola l");
    let gathered = Cell::new(0);
    for _ in 0..3 {
        let names = || {
            gathered.set(gathered.get() + 1);
            chats.clone()
        };
        assert!(editor.complete(names, false));
    }
    assert_eq!((editor.text(), gathered.get()), ("hola lola ".to_owned(), 1));
}

/// The emoji and their names.
const EMOJI: &str = include_str!("../../src/client/terminal/emoji.txt");

#[test]
fn emoji_have_names_of_two_letters_and_more_the_shortest_first() {
    let nobody = names_of(Vec::new());
    for (text, emoji) in [("hola :tad", "hola 🎉"), (":tada:", "🎉"), (":TADA", "🎉"), (":dog", "🐶"), (":cat", "🐱")]
    {
        let mut editor = editor(text);
        assert!(editor.complete(|| nobody.clone(), false), "{text}");
        assert_eq!(editor.text(), emoji, "{text}");
    }
    let mut editor = editor(":ca");
    let mut lengths = Vec::new();
    for _ in 0..12 {
        assert!(editor.complete(|| nobody.clone(), false));
        let text = editor.text();
        let line = EMOJI.lines().find(|line| line.split(' ').next() == Some(&text));
        let names = line.unwrap_or_else(|| panic!("{text:?}")).split(' ').skip(1);
        lengths.push(names.filter(|name| name.starts_with("ca")).map(str::len).min().unwrap());
    }
    assert!(lengths.is_sorted(), "{lengths:?}");
}

#[test]
fn a_client_knows_those_with_whom_it_has_to_do_the_latest_first_and_not_itself() {
    let mut screen = ScreenApp::new(Theme::Dark);
    screen.arrive("luis", "ana", "hola");
    screen.arrive("eva", "#sala", "hola");
    screen.arrive("iris", "#sala", "hola");
    screen.arrive("luis", "#sala", "hola");
    screen.arrive("mario", "ana", "hola");
    screen.arrive("ana", "#sala", "hola");
    screen.arrive("zoe", "#lobby", "hola");
    let state = screen.app.state();
    let names = Names::of(state);
    assert_eq!(names.users, ["zoe", "luis", "iris", "eva", "mario"]);
    assert_eq!(names.rooms, ["#lobby", "#sala"]);
}
