//! The editor in rows: Up and Down, and the keys that are none of its own.

use terminput::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use wachat::client::terminal::editor::{Edit, Editor};

use crate::support::random::Random;

fn press(editor: &mut Editor, code: KeyCode, modifiers: KeyModifiers) -> Edit {
    editor.input(KeyEvent::new(code).modifiers(modifiers))
}

/// The places at which the characters of a text stand in rows of this width, and the place after the last one. No word
/// is longer than a row.
fn places(text: &str, width: usize) -> Vec<(usize, usize)> {
    let mut places = Vec::new();
    let mut row = 0;
    for (number, line) in text.split('\n').enumerate() {
        row += usize::from(number > 0);
        let mut column = 0;
        for (word, name) in line.split(' ').enumerate() {
            if word > 0 {
                places.push((row, column));
                column = (column + 1).min(width);
            }
            if column + name.len() > width {
                (row, column) = (row + 1, 0);
            }
            places.extend((0..name.len()).map(|at| (row, column + at)));
            column += name.len();
        }
        places.push((row, column));
    }
    places
}

/// Up and Down go by rows to the same column, or to the last character of a shorter row.
#[test]
fn up_and_down_keep_the_column_in_wrapped_rows() {
    let words = ["uno", "dos", "tres", "cuatro", "y", "catorce"];
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let mut below = |end: usize| usize::try_from(random.below(end as u64)).unwrap();
        let count = below(12) + 1;
        let text: Vec<_> = (0..count).map(|_| words[below(6)]).collect();
        let breaks: Vec<_> = (0..count).map(|_| if below(5) == 0 { "\n" } else { " " }).collect();
        let text: String = text.iter().zip(breaks).map(|(word, end)| format!("{word}{end}")).collect();
        let text = text.trim_end();
        let width = below(20) + 8;
        let places = places(text, width);
        let mut editor = Editor::default();
        editor.set_text(text);
        assert_eq!(editor.draw(width, width).cursor, *places.last().unwrap(), "{text:?} in {width}");
        let mut at = places.len() - 1;
        for _ in 0..below(places.len()) {
            editor.input(KeyCode::Left.into());
            at -= 1;
            assert_eq!(editor.draw(width, width).cursor, places[at], "{text:?} in {width}");
        }
        for _ in 0..12 {
            let up = below(2) == 0;
            let (row, column) = places[at];
            let to = if up { row.checked_sub(1) } else { Some(row + 1) };
            let next = to.and_then(|to| places.iter().rposition(|place| place.0 == to && place.1 <= column));
            let code = if up { KeyCode::Up } else { KeyCode::Down };
            assert_eq!(editor.input(code.into()), Edit::None);
            at = next.unwrap_or(at);
            assert_eq!(
                editor.draw(width, width).cursor,
                places[at],
                "{code:?} from {row}, {column} in {text:?}, {width}"
            );
        }
    }
}

/// A key that the editor does not know leaves the text alone, and so does a key that is let go.
#[test]
fn other_keys_are_left_to_the_front_end() {
    let mut editor = Editor::default();
    editor.set_text("one two");
    let others = "gilmoqrstvxz0123456890";
    for c in others.chars() {
        assert_eq!(press(&mut editor, KeyCode::Char(c), KeyModifiers::CTRL), Edit::Unhandled, "Ctrl-{c}");
    }
    for c in "acehklnpuwxyz0".chars() {
        assert_eq!(press(&mut editor, KeyCode::Char(c), KeyModifiers::ALT), Edit::Unhandled, "Alt-{c}");
    }
    for code in [KeyCode::Up, KeyCode::Down, KeyCode::Home, KeyCode::End] {
        for modifiers in [KeyModifiers::ALT, KeyModifiers::CTRL] {
            assert_eq!(press(&mut editor, code, modifiers), Edit::Unhandled, "{code:?} {modifiers:?}");
        }
    }
    for code in [KeyCode::Esc, KeyCode::Tab, KeyCode::PageUp, KeyCode::PageDown, KeyCode::Insert, KeyCode::F(1)] {
        assert_eq!(press(&mut editor, code, KeyModifiers::NONE), Edit::Unhandled, "{code:?}");
    }
    for code in [KeyCode::Char('x'), KeyCode::Enter, KeyCode::Backspace] {
        let released = KeyEvent::new(code).kind(KeyEventKind::Release);
        assert_eq!(editor.input(released), Edit::None, "{code:?}");
    }
    assert_eq!(editor.text(), "one two");
}
