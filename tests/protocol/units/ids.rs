//! Message ids and sequence numbers.

use wachat::limits;
use wachat::model::{MessageId, Seq};

#[test]
fn ids_are_one_to_sixty_four_plain_characters() {
    assert!(MessageId::new("A-z_09").is_some());
    assert!(MessageId::new(&"x".repeat(64)).is_some());
    for wrong in ["", "a b", "ñ", "a;b", &"x".repeat(65)] {
        assert!(MessageId::new(wrong).is_none(), "{wrong:?}");
    }
}

#[test]
fn numbers_are_digits_below_two_to_the_fifty_third() {
    assert_eq!(Seq::parse("007").map(Seq::get), Some(7));
    assert_eq!(Seq::parse("9007199254740991").map(Seq::get), Some(limits::SEQ_END - 1));
    for wrong in ["", "+1", "-1", "1 ", "0x1", "9007199254740992", "99999999999999999999999"] {
        assert_eq!(Seq::parse(wrong), None, "{wrong:?}");
    }
}

/// Characters of every block that could be taken for one of those, at each place of an id.
#[test]
fn each_character_is_taken_or_refused_wherever_it_stands() {
    for c in ('\0'..='\u{24ff}').chain('\u{ff00}'..='\u{ffef}') {
        let is_plain = matches!(c, 'A'..='Z' | 'a'..='z' | '0'..='9' | '-' | '_');
        for text in [format!("{c}"), format!("{c}ab"), format!("a{c}b"), format!("ab{c}")] {
            assert_eq!(MessageId::new(&text).is_some(), is_plain, "{text:?}");
        }
        for text in [format!("{c}"), format!("{c}77"), format!("7{c}7"), format!("77{c}")] {
            assert_eq!(Seq::parse(&text).is_some(), c.is_ascii_digit(), "{text:?}");
        }
    }
    for length in 0..=130 {
        assert_eq!(MessageId::new(&"x".repeat(length)).is_some(), (1..=64).contains(&length), "{length}");
    }
}
