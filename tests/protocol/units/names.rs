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
