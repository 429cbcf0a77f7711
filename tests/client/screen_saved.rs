//! State that survives a restart of the full screen: whatever is written is read again, and a damaged file costs no
//! more than what is damaged.

use std::collections::HashMap;
use std::path::Path;

use terminput::KeyCode;
use wachat::client::app::event::Event;
use wachat::client::link::request::{Answer, LinkEvent};
use wachat::client::screen::item::Key;
use wachat::client::screen::rows::Place;
use wachat::client::screen::saved::Saved;
use wachat::client::screen::theme::Theme;
use wachat::limits;
use wachat::model::{MessageId, Target};
use wachat::protocol::Code;

use crate::client::screen_app::{ScreenApp, chat_with_luis, seq, target, user};
use crate::support::random::Random;

/// Most drafts, and most places.
const ENTRIES: usize = 200;

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// Writes and reads again, as a restart does.
fn restarted(saved: &Saved) -> Saved {
    let directory = directory();
    saved.write(directory.path()).unwrap();
    Saved::read(directory.path())
}

fn any_target(random: &mut Random) -> Target {
    let sign = if random.chance(50) { "#" } else { "" };
    target(&format!("{sign}name{}", random.below(1_000)))
}

/// A text with all that has a meaning in a record.
fn any_text(random: &mut Random) -> String {
    let pieces = [";", "\"", "\\", "\n", "\r", "\t", "ñ", "日本", "🎉", " ", "a", "\\n", "%", "OPEN;"];
    let count = random.below(12) + 1;
    (0..count).map(|_| pieces[usize::try_from(random.below(pieces.len() as u64)).unwrap()]).collect()
}

fn any_place(random: &mut Random) -> Place {
    let number = random.below(1_000_000);
    let key = match random.below(2) {
        0 => Key::Message(user(&format!("u{}", number % 50)), MessageId::new(&format!("id-{number}")).unwrap()),
        _ => Key::Gap(seq(number + 1)),
    };
    Place { key, from_last: usize::try_from(random.below(100)).unwrap() }
}

#[test]
fn drafts_places_and_the_open_chat_are_the_same_after_a_restart() {
    for seed in 0..300 {
        let mut random = Random::new(seed);
        let mut saved = Saved::default();
        if random.chance(80) {
            saved.open = Some(any_target(&mut random));
        }
        for _ in 0..random.below(6) {
            saved.drafts.insert(any_target(&mut random), any_text(&mut random));
        }
        for _ in 0..random.below(6) {
            saved.places.insert(any_target(&mut random), any_place(&mut random));
        }
        for number in 0..random.below(6) {
            saved.said.insert(any_target(&mut random), MessageId::new(&format!("id-{number}")).unwrap());
        }
        assert!(restarted(&saved) == saved, "seed {seed}: {saved:?}");
    }
}

#[test]
fn the_longest_draft_and_as_many_as_are_kept_survive_beside_as_many_places() {
    let mut random = Random::new(1);
    let longest = "ñx".repeat(limits::TYPED_BYTES / 3);
    let mut saved = Saved { open: Some(target("luis")), ..Saved::default() };
    saved.drafts.insert(target("luis"), longest);
    for number in 1..ENTRIES {
        saved.drafts.insert(target(&format!("d{number}")), format!("draft {number}"));
    }
    for number in 0..ENTRIES {
        saved.places.insert(target(&format!("p{number}")), any_place(&mut random));
    }
    assert!(restarted(&saved) == saved);
    // Of more than that this many are kept, each as it was, and nothing else is lost.
    for number in 0..50 {
        saved.drafts.insert(target(&format!("more{number}")), format!("draft {number}"));
    }
    let read = restarted(&saved);
    assert!((read.drafts.len(), &read.places, &read.open) == (ENTRIES, &saved.places, &saved.open));
    assert!(read.drafts.iter().all(|(to, draft)| saved.drafts.get(to) == Some(draft)));
}

/// A pasted text may have control characters, and is kept with them.
#[test]
fn a_draft_with_control_characters_survives_too() {
    let all: String = (0..=0x9f).filter_map(char::from_u32).collect();
    for draft in ["\u{1b}[31mred", "a\0b", "tab\tand \u{7f}", "\u{9b}é\n;\"\\", &all] {
        let saved = Saved { drafts: HashMap::from([(target("luis"), draft.to_owned())]), ..Saved::default() };
        assert!(restarted(&saved) == saved, "{draft:?}");
    }
    let lines = "BYTES;luis;1b5b\nBYTES;eva;1b5\nBYTES;#a;xx\nBYTES;#b;ff\nDRAFT;#c;kept\n";
    let kept = read(format!("wachat-screen;1\n{lines}").as_bytes()).drafts;
    let expected = [("luis", "\u{1b}["), ("#c", "kept")].map(|(to, draft)| (target(to), draft.to_owned()));
    assert_eq!(kept, HashMap::from(expected), "digits that are none cost their own line");
}

/// A note is gone with the program that made it.
#[test]
fn a_place_at_a_note_is_none_and_takes_nothing_with_it() {
    let mut saved = Saved::default();
    saved.places.insert(target("luis"), Place { key: Key::Note(7), from_last: 2 });
    saved.places.insert(target("eva"), Place { key: Key::Gap(seq(9)), from_last: 0 });
    saved.drafts.insert(target("luis"), "a draft".to_owned());
    let read = restarted(&saved);
    saved.places.remove(&target("luis"));
    assert_eq!(read, saved);
}

fn read(content: &[u8]) -> Saved {
    let directory = directory();
    write(directory.path(), content);
    Saved::read(directory.path())
}

fn write(directory: &Path, content: &[u8]) {
    std::fs::write(directory.join("screen.csv"), content).unwrap();
}

#[test]
fn a_file_of_this_form_is_read_line_by_line_and_any_other_is_as_good_as_none() {
    let lines = "OPEN;luis\nDRAFT;luis;half a \\n draft\nDRAFT;#sala;\"a;b\"\nPLACE;luis;3;MESSAGE;eva;id-7\nPLACE;#sala;0;GAP;12\nSAID;eva;id-9\n";
    let whole = read(format!("wachat-screen;1\n{lines}").as_bytes());
    let drafts = [("luis", "half a \n draft"), ("#sala", "a;b")];
    let message = Key::Message(user("eva"), MessageId::new("id-7").unwrap());
    let places = [("luis", message, 3), ("#sala", Key::Gap(seq(12)), 0)];
    let expected = Saved {
        open: Some(target("luis")),
        drafts: drafts.map(|(to, draft)| (target(to), draft.to_owned())).into(),
        places: places.map(|(to, key, from_last)| (target(to), Place { key, from_last })).into(),
        said: HashMap::from([(target("eva"), MessageId::new("id-9").unwrap())]),
    };
    assert_eq!(whole, expected);
    // A line that this version does not know or cannot read costs itself alone.
    for strange in [
        "LATER;luis;x",
        "OPEN",
        "OPEN;not a name",
        "DRAFT;eva",
        "DRAFT;eva;\"open",
        "SAID;eva",
        "SAID;eva;",
        "PLACE;eva;x;GAP;1",
        "PLACE;eva;1",
        "PLACE;eva;1;MESSAGE;eva",
        "",
        "\u{1}",
    ] {
        assert_eq!(read(format!("wachat-screen;1\n{strange}\n{lines}").as_bytes()), expected, "{strange:?}");
    }
    for other in ["", "wachat-screen;2\n", "wachat-screen\n", "x\nwachat-screen;1\n"] {
        assert_eq!(read(format!("{other}{lines}").as_bytes()), Saved::default(), "{other:?}");
    }
    assert_eq!(Saved::read(Path::new("/no/such/directory")), Saved::default());
}

#[test]
fn a_new_file_takes_the_place_of_the_old_one_whole() {
    let directory = directory();
    let first = Saved {
        open: Some(target("luis")),
        drafts: HashMap::from([(target("luis"), "x".repeat(5_000))]),
        ..Saved::default()
    };
    first.write(directory.path()).unwrap();
    let second = Saved { open: Some(target("#sala")), ..Saved::default() };
    second.write(directory.path()).unwrap();
    assert_eq!(Saved::read(directory.path()), second);
    let names: Vec<_> = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["screen.csv"], "nothing is left beside it");
}

/// The drafts that a start shows which finds this one in the file that was written at some time.
fn left(written: &Saved, screen: &ScreenApp) -> usize {
    restarted(written).without_sent(screen.app.state()).drafts.len()
}

#[test]
fn a_draft_that_was_sent_after_the_file_was_written_is_none_any_more() {
    for (chat, draft) in
        [("luis", "hola"), ("#lobby", "@luis: hola"), ("#lobby", "/msg luis hola"), ("#lobby", "/reply hola")]
    {
        let mut screen = chat_with_luis();
        screen.arrive("luis", "ana", "¿hola?");
        screen.enter(&format!("/query {chat}"));
        for _ in 0..2 {
            screen.type_text(draft);
            screen.draw(80, 24);
            let written = screen.model.saved(&screen.app);
            assert_eq!(left(&written, &screen), 1, "{draft} was not sent, or only before");
            screen.press(KeyCode::Enter);
            assert_eq!(left(&written, &screen), 0, "{draft} is in the outbox");
            screen.answer();
            assert_eq!(left(&written, &screen), 0, "{draft} is on the server");
        }
    }
}

#[test]
fn a_draft_of_a_message_that_was_refused_meanwhile_is_none_any_more() {
    let mut screen = chat_with_luis();
    screen.type_text("nunca");
    screen.draw(80, 24);
    let written = screen.model.saved(&screen.app);
    screen.press(KeyCode::Enter);
    let request = screen.sending.take().unwrap();
    screen.handle(Event::Link(LinkEvent::Answered(request, Ok(Answer::Refused(Code::NoUser.into())))));
    assert_eq!(left(&written, &screen), 0);
}

#[test]
fn a_command_that_was_begun_is_no_draft_in_another_chat_or_after_a_restart() {
    for (typed, is_kept) in [
        ("/", false),
        ("/us", false),
        ("/users ", false),
        ("/msg luis ", false),
        ("/me ", false),
        ("@luis:", false),
        ("@luis: ", false),
        ("//", true),
        ("/msg luis hola", true),
        ("/me waves", true),
        ("/reply hola", true),
        ("@luis: hola", true),
        ("@all of you here", true),
        ("a/b", true),
    ] {
        let mut screen = chat_with_luis();
        screen.type_text(typed);
        screen.draw(80, 24);
        assert_eq!(screen.model.saved(&screen.app).drafts.contains_key(&target("luis")), is_kept, "{typed:?}");
        screen.handle(Event::Selected(target("#lobby")));
        assert_eq!(screen.model.writing.editor.text(), "", "{typed:?}");
        screen.handle(Event::Selected(target("luis")));
        assert_eq!(screen.model.writing.editor.text(), if is_kept { typed } else { "" }, "{typed:?}");
    }
    // The file of an earlier version may have one.
    assert_eq!(read(b"wachat-screen;1\nDRAFT;luis;/\n"), Saved::default());
}

#[test]
fn a_command_that_was_begun_while_no_chat_was_open_stays_when_one_opens() {
    let mut screen = ScreenApp::disconnected(Theme::Dark);
    screen.handle(Event::Started(Ok(())));
    screen.type_text("/us");
    screen.handle(Event::Selected(target("luis")));
    assert_eq!(screen.model.writing.editor.text(), "/us");
}
