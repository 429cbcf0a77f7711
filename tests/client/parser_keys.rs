//! Everything that a terminal sends for keys, with every modifier, and any sequence of such inputs however it is split.

use terminput::{Event, KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind, ScrollDirection};
use wachat::client::terminal::parser::{InputEvent, Parser};
use wachat::limits;

use crate::support::random::Random;

/// Longest control sequence, and longest report, behind their first two bytes: what is longer is none.
const SEQUENCE_BYTES: usize = 64;
const REPORT_BYTES: usize = 4_096;

fn key(code: KeyCode, modifiers: KeyModifiers) -> InputEvent {
    InputEvent::Terminal(Event::Key(KeyEvent::new(code).modifiers(modifiers)))
}

fn plain(code: KeyCode) -> InputEvent {
    key(code, KeyModifiers::NONE)
}

fn pasted(text: &str) -> InputEvent {
    InputEvent::Terminal(Event::Paste(text.to_owned()))
}

fn replacement() -> InputEvent {
    plain(KeyCode::Char('\u{fffd}'))
}

fn mouse(kind: MouseEventKind, column: u16, row: u16) -> InputEvent {
    InputEvent::Terminal(Event::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }))
}

/// The events of parts that come one after another, and of the pause after them.
fn parse(parts: &[&[u8]]) -> Vec<InputEvent> {
    let mut parser = Parser::default();
    let mut events: Vec<_> = parts.iter().flat_map(|part| parser.feed(part)).collect();
    events.extend(parser.pause());
    events
}

/// The modifiers of xterm, by the number that stands for them.
fn modifiers() -> Vec<(String, KeyModifiers)> {
    let of = |number: u8| {
        let bits = [(1, KeyModifiers::SHIFT), (2, KeyModifiers::ALT), (4, KeyModifiers::CTRL)];
        let set = bits.iter().filter(|(bit, _)| (number - 1) & bit != 0);
        set.fold(KeyModifiers::NONE, |all, (_, modifier)| all | *modifier)
    };
    (1..=8).map(|number| (number.to_string(), of(number))).collect()
}

/// Inputs, and the events that each is.
fn inputs() -> Vec<(Vec<u8>, Vec<InputEvent>)> {
    let mut all: Vec<(String, Vec<InputEvent>)> = Vec::new();
    let letters = [
        ('A', KeyCode::Up),
        ('B', KeyCode::Down),
        ('C', KeyCode::Right),
        ('D', KeyCode::Left),
        ('H', KeyCode::Home),
        ('F', KeyCode::End),
    ];
    let numbers = [(2, KeyCode::Insert), (3, KeyCode::Delete), (5, KeyCode::PageUp), (6, KeyCode::PageDown)];
    for (letter, code) in letters {
        all.push((format!("\u{1b}[{letter}"), vec![plain(code)]));
        all.push((format!("\u{1b}O{letter}"), vec![plain(code)]));
        all.push((format!("\u{1b}\u{1b}[{letter}"), vec![key(code, KeyModifiers::ALT)]));
        all.push((format!("\u{1b}\u{1b}O{letter}"), vec![key(code, KeyModifiers::ALT)]));
    }
    for (number, code) in numbers {
        all.push((format!("\u{1b}[{number}~"), vec![plain(code)]));
    }
    for (digit, modifiers) in modifiers() {
        all.extend(letters.map(|(letter, code)| (format!("\u{1b}[1;{digit}{letter}"), vec![key(code, modifiers)])));
        all.extend(numbers.map(|(number, code)| (format!("\u{1b}[{number};{digit}~"), vec![key(code, modifiers)])));
    }
    for (number, letter) in ["P", "Q", "R", "S"].into_iter().enumerate() {
        all.push((format!("\u{1b}O{letter}"), vec![plain(KeyCode::F(u8::try_from(number).unwrap() + 1))]));
    }
    for (number, code) in [15, 17, 18, 19, 20, 21, 23, 24].into_iter().zip(5..) {
        all.push((format!("\u{1b}[{number}~"), vec![plain(KeyCode::F(code))]));
    }
    for c in ('a'..='z').chain('0'..='9').chain("ñé漢🎉 .,;:-_/\\'\"".chars()) {
        all.push((c.to_string(), vec![plain(KeyCode::Char(c))]));
        // ESC and this one begin a report.
        if c != '_' {
            all.push((format!("\u{1b}{c}"), vec![key(KeyCode::Char(c), KeyModifiers::ALT)]));
        }
    }
    for c in ('a'..='z').filter(|c| !"hijm".contains(*c)) {
        let control = char::from(c as u8 - b'a' + 1);
        all.push((control.to_string(), vec![key(KeyCode::Char(c), KeyModifiers::CTRL)]));
    }
    all.extend([
        ("\r".to_owned(), vec![plain(KeyCode::Enter)]),
        ("\t".to_owned(), vec![plain(KeyCode::Tab)]),
        ("\u{7f}".to_owned(), vec![plain(KeyCode::Backspace)]),
        ("\u{1b}\r".to_owned(), vec![key(KeyCode::Enter, KeyModifiers::ALT)]),
        ("\u{1b}\u{7f}".to_owned(), vec![key(KeyCode::Backspace, KeyModifiers::ALT)]),
        ("\u{1b}[Z".to_owned(), vec![key(KeyCode::Tab, KeyModifiers::SHIFT)]),
        ("\u{1b}[I".to_owned(), vec![InputEvent::Terminal(Event::FocusGained)]),
        ("\u{1b}[O".to_owned(), vec![InputEvent::Terminal(Event::FocusLost)]),
        ("\u{1b}[<0;7;3M".to_owned(), vec![mouse(MouseEventKind::Down(MouseButton::Left), 6, 2)]),
        ("\u{1b}[<0;10;20M".to_owned(), vec![mouse(MouseEventKind::Down(MouseButton::Left), 9, 19)]),
        ("\u{1b}[<64;1;1M".to_owned(), vec![mouse(MouseEventKind::Scroll(ScrollDirection::Up), 0, 0)]),
        ("\u{1b}[<65;1;1M".to_owned(), vec![mouse(MouseEventKind::Scroll(ScrollDirection::Down), 0, 0)]),
        // No column and no row is 0.
        ("\u{1b}[<0;0;3M".to_owned(), vec![]),
        ("\u{1b}[<0;3;0M".to_owned(), vec![]),
        ("\u{1b}[<0;0;3m".to_owned(), vec![]),
        ("\u{1b}[200~\u{1b}[201~".to_owned(), vec![pasted("")]),
        (
            "\u{1b}[200~one\rtwo\u{1b}[A\u{3}\u{1b}[200~\u{1b}[201\u{1b}[201~".to_owned(),
            vec![pasted("one\rtwo\u{1b}[A\u{3}\u{1b}[200~\u{1b}[201")],
        ),
        // Reports are no keys, whichever way they end.
        ("\u{1b}]11;rgb:0000/0000/0000\u{1b}\\".to_owned(), vec![]),
        ("\u{1b}]11;rgb:0000/0000/0000\u{7}".to_owned(), vec![]),
        ("\u{1b}P1$r0m\u{1b}\\".to_owned(), vec![]),
        ("\u{1b}_a\u{7}".to_owned(), vec![]),
        ("\u{1b}^a\u{1b}\\".to_owned(), vec![]),
        ("\u{1b}Xa\u{1b}\\".to_owned(), vec![]),
        ("\u{1b}[?62;22c".to_owned(), vec![]),
        ("\u{1b}[[A".to_owned(), vec![plain(KeyCode::F(1))]),
        ("\u{1b}[[E".to_owned(), vec![plain(KeyCode::F(5))]),
    ]);
    let mut all: Vec<_> = all.into_iter().map(|(text, events)| (text.into_bytes(), events)).collect();
    // Bytes that are not UTF-8 are seen: each byte that begins no character, and each beginning of one that does not go
    // on.
    all.push((b"\xff".to_vec(), vec![replacement()]));
    all.push((b"\xc3(".to_vec(), vec![replacement(), plain(KeyCode::Char('('))]));
    all.push((b"\xe6\xbc(".to_vec(), vec![replacement(), plain(KeyCode::Char('('))]));
    all.push((b"\xf0\x9f\x8e(".to_vec(), vec![replacement(), plain(KeyCode::Char('('))]));
    all
}

#[test]
fn each_input_of_a_terminal_is_its_event_with_every_modifier() {
    for (bytes, events) in inputs() {
        assert_eq!(parse(&[&bytes]), events, "{:?}", String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn inputs_one_after_another_are_the_same_events_however_they_are_split() {
    let inputs = inputs();
    for seed in 0..300 {
        let mut random = Random::new(seed);
        let mut bytes = Vec::new();
        let mut expected = Vec::new();
        for _ in 0..12 {
            let (input, events) = &inputs[usize::try_from(random.below(inputs.len() as u64)).unwrap()];
            bytes.extend_from_slice(input);
            expected.extend_from_slice(events);
        }
        let mut parts = Vec::new();
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let length = usize::try_from(random.below(7)).unwrap().clamp(1, rest.len());
            let (part, behind) = rest.split_at(length);
            parts.push(part);
            rest = behind;
        }
        assert_eq!(parse(&parts), expected, "seed {seed}: {:?}", String::from_utf8_lossy(&bytes));
    }
}

/// A pause decides what the last bytes are: ESC alone, Alt and a character, or the beginning of something.
#[test]
fn a_pause_ends_what_was_begun_and_the_next_key_is_whole() {
    let alt = |c| vec![key(KeyCode::Char(c), KeyModifiers::ALT)];
    for (begun, events) in [
        (&b"\x1b"[..], vec![plain(KeyCode::Esc)]),
        (b"\x1b[", alt('[')),
        (b"\x1bO", vec![key(KeyCode::Char('O'), KeyModifiers::ALT | KeyModifiers::SHIFT)]),
        (b"\x1b]", alt(']')),
        (b"\x1b[1", vec![]),
        (b"\x1b[1;5", vec![]),
        (b"\x1b[[", vec![]),
        (b"\x1b[M  ", vec![]),
        (b"\x1b]0;title", vec![]),
        (b"\xc3", vec![]),
        (b"\x1b\xe6\xbc", vec![]),
    ] {
        let mut parser = Parser::default();
        assert_eq!(parser.feed(begun), [], "{begun:?}");
        assert!(parser.is_pending() && !parser.is_pasting(), "{begun:?}");
        assert_eq!(parser.pause(), events, "{begun:?}");
        assert!(!parser.is_pending(), "{begun:?}");
        assert_eq!(parser.feed(b"z"), [plain(KeyCode::Char('z'))], "{begun:?}");
    }
}

/// A sequence or a report ends with its last byte; one byte too many, and what follows is typed.
#[test]
fn the_longest_sequence_and_report_are_known_and_longer_ones_are_given_up() {
    let z = || plain(KeyCode::Char('z'));
    for length in [1, SEQUENCE_BYTES - 2, SEQUENCE_BYTES - 1, SEQUENCE_BYTES, SEQUENCE_BYTES + 5] {
        let input = [b"\x1b[".as_slice(), &vec![b'1'; length], b"cz"].concat();
        let typed = (length + 1).saturating_sub(SEQUENCE_BYTES);
        let mut expected = vec![plain(KeyCode::Char('1')); typed.saturating_sub(1)];
        expected.extend((typed > 0).then(|| plain(KeyCode::Char('c'))));
        expected.push(z());
        assert_eq!(parse(&[&input]), expected, "{length}");
        assert_eq!(parse(&input.chunks(1).collect::<Vec<_>>()), expected, "{length}, byte by byte");
    }
    for (end, length) in [(&b"\x07"[..], REPORT_BYTES - 1), (b"\x07", REPORT_BYTES), (b"\x1b\\", REPORT_BYTES - 2)] {
        let input = [b"\x1b]".as_slice(), &vec![b'x'; length], end, b"z"].concat();
        let fits = length + end.len() <= REPORT_BYTES;
        let bell = key(KeyCode::Char('g'), KeyModifiers::CTRL);
        let expected = if fits { vec![z()] } else { vec![bell, z()] };
        assert_eq!(parse(&[&input]), expected, "{length}");
        assert_eq!(parse(&input.chunks(1).collect::<Vec<_>>()), expected, "{length}, byte by byte");
    }
}

/// The longest text that may be pasted comes whole; of one that is a byte longer nothing comes, and its user is told.
#[test]
fn a_paste_of_any_length_and_split_is_whole_or_refused() {
    for (length, split) in [
        (0, 3),
        (1, 1),
        (limits::TYPED_BYTES, 4_096),
        (limits::TYPED_BYTES, 1_000),
        (limits::TYPED_BYTES + 1, 4_096),
        (limits::TYPED_BYTES + 7, 999),
    ] {
        let text = "abcdefghij".repeat(length / 10 + 1)[..length].to_owned();
        let input = format!("\u{1b}[200~{text}\u{1b}[201~z");
        let events = parse(&input.as_bytes().chunks(split).collect::<Vec<_>>());
        let is_told = matches!(events.as_slice(), [InputEvent::Problem(why), _] if why.contains(&limits::TYPED_BYTES.to_string()));
        let is_whole = events == [pasted(&text), plain(KeyCode::Char('z'))];
        assert_eq!((is_whole, is_told), (length <= limits::TYPED_BYTES, length > limits::TYPED_BYTES), "{length}");
        assert_eq!(events.last(), Some(&plain(KeyCode::Char('z'))), "{length}");
    }
}

/// While a paste goes on Ctrl-C is text; only after a second without input it ends the paste, and once for each pause.
#[test]
fn only_control_c_after_a_pause_leaves_a_paste_whose_end_is_lost() {
    let mut parser = Parser::default();
    assert_eq!(parser.feed(b"\x1b[200~one"), []);
    assert!(parser.is_pasting());
    assert_eq!(parser.pause(), []);
    assert_eq!(parser.feed(b"x\x03"), [], "the pause was none");
    assert_eq!(parser.feed(b"\x03"), []);
    assert_eq!(parser.feed(b"\x1b[201~"), [pasted("onex\u{3}\u{3}")]);
    assert!(!parser.is_pasting());
    assert_eq!(parser.feed(b"\x1b[200~two"), []);
    assert_eq!(parser.pause(), []);
    let left = parser.feed(b"\x03");
    assert!(!parser.is_pasting(), "{left:?}");
    assert_eq!(parser.feed(b"\x1b[A"), [plain(KeyCode::Up)]);
}
