//! Text of other users, as it is shown.

use wachat::model::safe::{indented, safe};

#[test]
fn control_characters_are_shown_and_not_sent_to_the_terminal() {
    for (text, shown) in [
        ("hola ñandú 👩‍🚀 ❤\u{fe0f} 1\u{fe0f}\u{20e3}", "hola ñandú 👩‍🚀 ❤\u{fe0f} 1\u{fe0f}\u{20e3}"),
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

/// Lists what a terminal obeys, what changes the reading order (Unicode: Bidi_Control), what breaks a line, and what is not
/// seen.
#[test]
fn no_character_of_these_ranges_is_shown_as_it_is() {
    let ranges = [
        '\0'..='\u{8}',
        '\n'..='\u{1f}',
        '\u{7f}'..='\u{9f}',
        '\u{61c}'..='\u{61c}',
        '\u{200b}'..='\u{200b}',
        '\u{200e}'..='\u{200f}',
        '\u{2028}'..='\u{2029}',
        '\u{202a}'..='\u{202e}',
        '\u{feff}'..='\u{feff}',
        '\u{fff9}'..='\u{fffb}',
        // Unicode: Default_Ignorable_Code_Point, but for U+200C, U+200D, U+FE0E and U+FE0F.
        '\u{ad}'..='\u{ad}',
        '\u{34f}'..='\u{34f}',
        '\u{115f}'..='\u{1160}',
        '\u{17b4}'..='\u{17b5}',
        '\u{180b}'..='\u{180f}',
        '\u{2060}'..='\u{206f}',
        '\u{3164}'..='\u{3164}',
        '\u{fe00}'..='\u{fe0d}',
        '\u{ffa0}'..='\u{ffa0}',
        '\u{fff0}'..='\u{fff8}',
        '\u{1bca0}'..='\u{1bca3}',
        '\u{1d173}'..='\u{1d17a}',
        '\u{e0000}'..='\u{e0fff}',
    ];
    for c in ranges.map(Vec::from_iter).concat() {
        let text = format!("a{c}b");
        let shown = safe(&text);
        assert!(!shown.contains(c) && shown.starts_with('a') && shown.ends_with('b'), "{c:?} is shown as {shown:?}");
    }
    // Their neighbours are letters and signs.
    for c in ['\t', ' ', '~', '\u{a0}', '\u{2010}', '\u{2027}', '\u{202f}', '\u{2070}'] {
        assert_eq!(safe(&format!("a{c}b")), format!("a{c}b"));
    }
}

/// The joiners and the selectors of emoji are Default_Ignorable_Code_Points, too: they hide nothing only where they change
/// what is seen.
#[test]
fn a_joiner_or_selector_that_does_nothing_is_shown() {
    for c in ['\u{200c}', '\u{200d}', '\u{fe0e}', '\u{fe0f}'] {
        let code = format!("\\u{{{:x}}}", u32::from(c));
        for (before, after) in
            [("", "ana"), ("an", "a"), ("ana", ""), ("7", "7"), ("ñ ", " x"), ("-", "\u{20e3}"), ("漢", "字")]
        {
            assert_eq!(safe(&format!("{before}{c}{after}")), format!("{before}{code}{after}"));
        }
        // Of several in a row one at most has an effect.
        let row: String = std::iter::repeat_n(c, 1_000).collect();
        for before in ["❤", "ن", "a"] {
            let shown = safe(&format!("{before}{row}x")).into_owned();
            assert!(shown.chars().filter(|shown| *shown == c).count() <= 1, "{before}: {shown:?}");
        }
    }
    for text in [
        "❤\u{fe0f}",
        "⭐\u{fe0f} ☺\u{fe0e}",
        "#\u{fe0f}\u{20e3}",
        "👩\u{200d}🚀",
        "👩🏽\u{200d}🚀",
        "❤\u{fe0f}\u{200d}🔥",
        "🏳\u{fe0f}\u{200d}🌈",
        "می\u{200c}خواهم",
        "क्\u{200d}ष क्\u{200c}ष",
        "ශ්\u{200d}රී",
    ] {
        assert_eq!(safe(text), text);
    }
}
