//! Names of users and rooms.

use std::time::Duration;

use precis_core::profile::PrecisFastInvocation;
use precis_profiles::UsernameCaseMapped;
use unicode_security::MixedScript;
use wachat::model::{RoomName, UserName};

use crate::support::cpu_time;

#[test]
fn case_and_width_do_not_make_another_user_but_accents_do() {
    let maria = UserName::new("María").unwrap();
    for same in ["maría", "MARÍA", "Mari\u{301}a", "Ｍaría"] {
        assert_eq!(UserName::new(same).unwrap(), maria, "{same}");
    }
    assert_ne!(UserName::new("maria").unwrap(), maria);
    assert_eq!(maria.to_string(), "María");
}

#[test]
fn what_is_shown_can_be_read_back() {
    // Each composes into one that RFC 8264 disallows.
    for wrong in ["\u{391}\u{345}", "\u{397}\u{345}", "\u{3a9}\u{345}"] {
        assert!(UserName::new(wrong).is_err(), "{wrong:?}");
    }
    for c in '\u{80}'..='\u{1ffff}' {
        for text in [format!("{c}"), format!("a{c}"), format!("{c}\u{301}"), format!("{c}\u{345}")] {
            let Ok(name) = UserName::new(&text) else { continue };
            let again = UserName::new(name.shown());
            assert!(again.is_ok_and(|again| again == name && again.shown() == name.shown()), "{text:?}");
        }
    }
}

#[test]
fn a_long_text_is_refused_at_once() {
    let start = cpu_time();
    assert!(UserName::new(&("\u{30fb}".repeat(21_000) + "\u{30a2}")).is_err());
    let time = cpu_time() - start;
    assert!(time < Duration::from_millis(500), "{time:?}");
}

#[test]
fn names_that_are_none() {
    let long = "x".repeat(33);
    for wrong in [
        "",
        " ",
        "a b",
        "..",
        ".a",
        "-a",
        "a/b",
        "a\\b",
        "a:b",
        "a;b",
        "#a",
        "a@b",
        "a\"b",
        "a\0",
        "\u{202e}ana",
        "раypal",
        &long,
    ] {
        assert!(UserName::new(wrong).is_err(), "{wrong:?}");
    }
    assert!(UserName::new(&"ñ".repeat(32)).is_ok());
    assert!(RoomName::new("sala").is_err());
    assert_eq!(RoomName::new("#Sala").unwrap().to_string(), "#Sala");
}

#[test]
fn the_short_cut_for_plain_names_agrees_with_the_long_way() {
    for name in ["ana", "bs0x1f", "7", "zz9plural"] {
        let user = UserName::new(name).unwrap();
        assert_eq!((user.mapped(), user.shown()), (name, name));
        assert_eq!(UsernameCaseMapped::enforce(name).unwrap(), name);
        assert!(name.is_single_script());
    }
}

/// The rule `name` of section 3, for characters of ASCII: each of them at each place.
#[test]
fn each_character_of_ascii_is_taken_or_refused_where_it_stands() {
    let is_first =
        |c: char| matches!(c, '!' | '\u{24}'..='\u{2c}' | '0'..='9' | '\u{3c}'..='\u{3f}' | 'A'..='[' | ']'..='~');
    for c in '\0'..='\u{7f}' {
        let is_later = is_first(c) || c == '.' || c == '-';
        for (text, wanted) in [
            (format!("{c}"), is_first(c)),
            (format!("{c}ab"), is_first(c)),
            (format!("a{c}b"), is_later),
            (format!("ab{c}"), is_later),
        ] {
            assert_eq!(UserName::new(&text).is_ok(), wanted, "{text:?}");
            assert_eq!(RoomName::new(&format!("#{text}")).is_ok(), wanted, "{text:?}");
        }
    }
    for sign in ["", "##", "@", " #"] {
        assert!(RoomName::new(&format!("{sign}sala")).is_err(), "{sign:?}");
    }
}

#[test]
fn a_name_has_32_code_points_after_mapping() {
    for letter in ["x", "X", "ñ", "n\u{303}", "Ｎ", "七"] {
        for count in 0..40 {
            let text = letter.repeat(count);
            assert_eq!(UserName::new(&text).is_ok(), (1..=32).contains(&count), "{count} of {letter}");
        }
    }
}

#[test]
fn a_name_in_a_file_is_both_of_its_forms() {
    for (text, stored) in [("ana", "ana"), ("María", "María/maría"), ("ZOË", "ZOË/zoë"), ("x.y-z_0", "x.y-z_0")] {
        let name = UserName::new(text).expect("a name");
        assert_eq!(name.stored().to_string(), stored);
        let read = UserName::from_stored(stored).expect("a name");
        assert_eq!((read.shown(), read.mapped()), (name.shown(), name.mapped()));
        let room = RoomName::new(&format!("#{text}")).expect("a room");
        assert_eq!(room.stored().to_string(), format!("#{stored}"));
        assert_eq!(RoomName::from_stored(&format!("#{stored}")).map(|room| room.to_string()), Some(room.to_string()));
        assert!(RoomName::from_stored(stored).is_none(), "{stored} is no room");
    }
    // A later version may map in another way: what a file says counts.
    let later = UserName::from_stored("Ana/otra").expect("a name");
    assert_eq!((later.shown(), later.mapped()), ("Ana", "otra"));
    for wrong in [
        "", "/", "/ana", "Ana/", "a/b/c", "a;b", "a b;", "A\n/a", "A/a\n", "a:b", "#ana", "@ana", "A@/a", "a\"b",
        "a\\b",
    ] {
        assert!(UserName::from_stored(wrong).is_none(), "{wrong:?}");
        assert!(RoomName::from_stored(&format!("#{wrong}")).is_none(), "{wrong:?}");
    }
    let long = "x".repeat(2_000);
    for wrong in [long.clone(), format!("{long}/x"), format!("x/{long}")] {
        assert!(UserName::from_stored(&wrong).is_none());
    }
}
