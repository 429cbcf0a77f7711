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
