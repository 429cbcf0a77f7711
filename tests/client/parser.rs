//! From the bytes of a terminal to events, however they are split.

use terminput::{Event, KeyCode, KeyEvent, KeyModifiers};
use wachat::client::terminal::parser::{InputEvent, Parser};
use wachat::limits;

fn key(code: KeyCode) -> InputEvent {
    InputEvent::Terminal(Event::Key(code.into()))
}

fn with(code: KeyCode, modifiers: KeyModifiers) -> InputEvent {
    InputEvent::Terminal(Event::Key(KeyEvent::new(code).modifiers(modifiers)))
}

fn paste(text: &str) -> InputEvent {
    InputEvent::Terminal(Event::Paste(text.to_owned()))
}

/// Parses parts, and then a pause.
fn parse(parts: &[&[u8]]) -> Vec<InputEvent> {
    let mut parser = Parser::default();
    let mut events: Vec<_> = parts.iter().flat_map(|part| parser.feed(part)).collect();
    events.extend(parser.pause());
    assert!(!parser.is_pending());
    events
}

#[test]
fn every_split_of_the_input_gives_the_same_events() {
    let input = "a\u{1b}[A\u{1b}OHé🎉\u{1b}[1;5D\u{1b}\r\u{1b}x\u{1b}ñ\u{1b}\u{1b}[B\u{1b}[200~one\r\ntwo\u{1b}[31m\u{1b}[200~ \
                 \u{1b}[201~\r\u{1b}[I\u{1b}[<64;3;4M\u{1b}[3~\u{1b}]11;rgb:0000/0000/0000\u{1b}\\\n\u{3}\u{1b}[13;2uz";
    let whole = parse(&[input.as_bytes()]);
    let alt = KeyModifiers::ALT;
    let control = KeyModifiers::CTRL;
    let expected = [
        key(KeyCode::Char('a')),
        key(KeyCode::Up),
        key(KeyCode::Home),
        key(KeyCode::Char('é')),
        key(KeyCode::Char('🎉')),
        with(KeyCode::Left, control),
        with(KeyCode::Enter, alt),
        with(KeyCode::Char('x'), alt),
        with(KeyCode::Char('ñ'), alt),
        with(KeyCode::Down, alt),
        paste("one\r\ntwo\u{1b}[31m\u{1b}[200~ "),
        key(KeyCode::Enter),
        InputEvent::Terminal(Event::FocusGained),
    ];
    assert_eq!(whole.get(..expected.len()), Some(expected.as_slice()), "{whole:?}");
    assert!(matches!(whole.get(expected.len()), Some(InputEvent::Terminal(Event::Mouse(_)))), "{whole:?}");
    let rest = [key(KeyCode::Delete), with(KeyCode::Char('j'), control), with(KeyCode::Char('c'), control)];
    assert_eq!(whole.get(expected.len() + 1..expected.len() + 4), Some(rest.as_slice()), "{whole:?}");
    let last = [with(KeyCode::Enter, KeyModifiers::SHIFT), key(KeyCode::Char('z'))];
    assert_eq!(whole.get(expected.len() + 4..), Some(last.as_slice()), "{whole:?}");
    for first in 0..input.len() {
        for second in first..input.len() {
            let parts = [&input.as_bytes()[..first], &input.as_bytes()[first..second], &input.as_bytes()[second..]];
            assert_eq!(parse(&parts), whole, "split at {first} and {second}");
        }
    }
    let bytes: Vec<_> = input.as_bytes().chunks(1).collect();
    assert_eq!(parse(&bytes), whole);
}

#[test]
fn an_escape_alone_is_a_key_after_a_pause_only() {
    let mut parser = Parser::default();
    assert_eq!(parser.feed(b"\x1b"), []);
    assert!(parser.is_pending());
    assert_eq!(parser.pause(), [key(KeyCode::Esc)]);
    assert_eq!(parser.feed(b"[A"), [key(KeyCode::Char('[')), with(KeyCode::Char('A'), KeyModifiers::SHIFT)]);
    assert_eq!(parse(&[b"\x1b["]), [with(KeyCode::Char('['), KeyModifiers::ALT)]);
    assert_eq!(parse(&[b"\x1b[1;"]), [], "a sequence without its end");
}

#[test]
fn no_bytes_end_the_parser_or_are_kept_without_bound() {
    for garbage in [
        &b"\x1b[<0;0;0M"[..],
        b"\x1b[<0;5;0m",
        b"\x1b[0;0;0M",
        b"\x1b[M   ",
        b"\x1b[\x18",
        b"\x1b[999999999999u",
        b"\x1b[;",
        b"\x1b[?1;2c",
    ] {
        // The first may still be the end of the sequence.
        let events = parse(&[garbage, b"zz"]);
        assert_eq!(events.last(), Some(&key(KeyCode::Char('z'))), "{garbage:?}: {events:?}");
    }
    assert_eq!(parse(&[b"\xff", b"\xc3z"]).last(), Some(&key(KeyCode::Char('z'))));
    for begin in [&b"\x1b["[..], b"\x1b]", b"\x1bP", b"\x1b\x1b", b"\xf0\x9f"] {
        let events = parse(&[begin, &[b'1'; 100_000], b"~", b"\x07", b"z"]);
        assert_eq!(events.last(), Some(&key(KeyCode::Char('z'))), "{begin:?}");
    }
    // Every sequence of three bytes of those that mean something, and a few that do not.
    let bytes = b"\x1b[O]P<M~uABmI\x00\x03\x7f\xc3\xff0;12";
    for (a, b, c) in bytes.iter().flat_map(|a| bytes.iter().flat_map(move |b| bytes.iter().map(move |c| (*a, *b, *c))))
    {
        let _ = parse(&[b"\x1b[", &[a, b, c], b"M"]);
        let _ = parse(&[&[a, b, c], b"u"]);
    }
}

#[test]
fn a_paste_is_bounded_and_reported() {
    let mut parser = Parser::default();
    let mut events = parser.feed(b"\x1b[200~");
    for _ in 0..limits::TYPED_BYTES / 1_000 + 2 {
        events.extend(parser.feed(&[b'x'; 1_000]));
    }
    assert_eq!(events, []);
    events.extend(parser.feed(b"\x1b[20"));
    events.extend(parser.feed(b"1~z"));
    assert!(matches!(events.as_slice(), [InputEvent::Problem(_), z] if *z == key(KeyCode::Char('z'))), "{events:?}");
    let longest = vec![b'x'; limits::TYPED_BYTES];
    let end = b"\x1b[201~";
    for split in 0..end.len() {
        let events = parse(&[b"\x1b[200~", &longest, &end[..split], &end[split..]]);
        assert_eq!(events, [paste(std::str::from_utf8(&longest).unwrap())], "split at {split}");
    }
}

#[test]
fn a_paste_that_is_not_utf8_is_one_and_a_lost_end_is_left_with_control_c() {
    assert_eq!(parse(&[b"\x1b[200~a\xffb", b"\x1b[201~"]), [paste("a\u{fffd}b")]);
    let mut parser = Parser::default();
    assert_eq!(parser.feed(b"\x1b[200~a\x03b\x03"), [], "a pasted Ctrl-C ends nothing");
    assert_eq!(parser.pause(), []);
    assert_eq!(parser.feed(b"\x03z"), [with(KeyCode::Char('c'), KeyModifiers::CTRL), key(KeyCode::Char('z'))]);
}
