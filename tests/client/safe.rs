//! Text of other users, as it is shown.

use wachat::client::texts::safe::{indented, safe};

#[test]
fn control_characters_are_shown_and_not_sent_to_the_terminal() {
    for (text, shown) in [
        ("hola ñandú 👩‍🚀", "hola ñandú 👩‍🚀"),
        ("a\tb", "a\tb"),
        ("\u{1b}[2J", "␛[2J"),
        ("a\rb\u{7}\0\u{7f}", "a␍b␇␀␡"),
        ("\u{9b}31m", "\\u{9b}31m"),
        ("ab\u{202e}cd", "ab\\u{202e}cd"),
        ("a\u{2028}b", "a\\u{2028}b"),
    ] {
        assert_eq!(safe(text), shown, "{text:?}");
    }
}

#[test]
fn no_line_of_a_message_passes_for_another_message() {
    assert_eq!(indented("one\n[14:35] luis: two"), "one\n        [14:35] luis: two");
}
