//! From the bytes of a terminal to events. The parser finds where each key, report or pasted text ends, however the bytes
//! were split, and leaves the meaning of a whole one to `terminput`.

use terminput::{Event, KeyCode, KeyEvent, KeyModifiers};

use crate::limits;
use crate::texts::Phrase;

const ESCAPE: u8 = 0x1b;
const CONTROL_C: u8 = 0x03;
const PASTE_BEGIN: &[u8] = b"\x1b[200~";
const PASTE_END: &[u8] = b"\x1b[201~";

/// Longest control sequence, and longest report that is skipped (OSC, DCS), in bytes.
const SEQUENCE_BYTES: usize = 64;
const REPORT_BYTES: usize = 4_096;

#[derive(Clone, Debug, PartialEq)]
pub enum InputEvent {
    /// A key, a pasted text, a click, the focus, or a new size of the window.
    Terminal(Event),
    /// Input that was discarded, and why.
    Problem(String),
    /// The process was stopped and continues: the modes of the terminal may be others, and its screen too.
    Continued,
    /// A signal that ends the program.
    Signal(i32),
    /// There is no more input.
    Ended,
}

/// Input that is not a whole event yet.
#[derive(Default)]
pub struct Parser {
    bytes: Vec<u8>,
    paste: Option<Paste>,
}

/// A pasted text whose end has not come.
#[derive(Default)]
struct Paste {
    bytes: Vec<u8>,
    is_too_long: bool,
    /// Nothing has come for a while: perhaps the end is lost.
    is_stalled: bool,
}

/// The number of bytes at the beginning of the input that belong together.
enum Extent {
    Whole(usize),
    Garbage(usize),
    Incomplete,
}
use Extent::{Garbage, Incomplete, Whole};

impl Parser {
    /// Checks that a pause decides what the last bytes are.
    pub fn is_pending(&self) -> bool {
        !self.bytes.is_empty()
    }

    pub fn is_pasting(&self) -> bool {
        self.paste.is_some()
    }

    /// Parses further bytes.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<InputEvent> {
        self.bytes.extend_from_slice(bytes);
        let mut events = Vec::new();
        while self.step(&mut events) {}
        events
    }

    /// Decides what the last bytes are: no others came for a while. An ESC alone is the Escape key; before another
    /// character it is Alt.
    pub fn pause(&mut self) -> Vec<InputEvent> {
        if let Some(paste) = &mut self.paste {
            paste.is_stalled = true;
            return Vec::new();
        }
        let bytes = std::mem::take(&mut self.bytes);
        let key = match *bytes.as_slice() {
            [ESCAPE] => Some(Event::Key(KeyCode::Esc.into())),
            [ESCAPE, c] => alt(c),
            _ => None,
        };
        key.map(InputEvent::Terminal).into_iter().collect()
    }

    /// Takes one event from the bytes; `false`: there is no whole one.
    fn step(&mut self, events: &mut Vec<InputEvent>) -> bool {
        if self.paste.is_some() {
            return self.step_in_paste(events);
        }
        let (extent, length) = match extent(&self.bytes) {
            Incomplete => return false,
            Whole(length) => (true, length),
            Garbage(length) => (false, length),
        };
        let token: Vec<u8> = self.bytes.drain(..length.min(self.bytes.len())).collect();
        if token == PASTE_BEGIN {
            self.paste = Some(Paste::default());
        } else if extent {
            events.extend(parse(&token).map(InputEvent::Terminal));
        } else if token.first().is_some_and(|first| *first >= 0x80) {
            // Input that is not UTF-8 is seen, so that its user notices.
            events.push(InputEvent::Terminal(Event::Key(KeyCode::Char(char::REPLACEMENT_CHARACTER).into())));
        }
        true
    }

    fn step_in_paste(&mut self, events: &mut Vec<InputEvent>) -> bool {
        let Some(paste) = &mut self.paste else { return false };
        if self.bytes.is_empty() {
            return false;
        }
        if paste.is_stalled && self.bytes.first() == Some(&CONTROL_C) {
            self.paste = None;
            return true;
        }
        paste.is_stalled = false;
        // The end may have begun in the bytes before.
        let from = paste.bytes.len().saturating_sub(PASTE_END.len());
        paste.bytes.append(&mut self.bytes);
        let Some(end) = memchr::memmem::find(paste.bytes.get(from..).unwrap_or_default(), PASTE_END) else {
            // The last bytes may be the beginning of the end.
            paste.bound(limits::TYPED_BYTES + PASTE_END.len() - 1);
            return false;
        };
        self.bytes = paste.bytes.split_off(from + end + PASTE_END.len());
        paste.bytes.truncate(from + end);
        paste.bound(limits::TYPED_BYTES);
        let text = String::from_utf8_lossy(&paste.bytes).into_owned();
        events.push(match paste.is_too_long {
            true => InputEvent::Problem(Phrase::PasteTooLong { most: &limits::TYPED_BYTES }.to_string()),
            false => InputEvent::Terminal(Event::Paste(text)),
        });
        self.paste = None;
        true
    }
}

impl Paste {
    /// Keeps of a text that is too long only what may be the beginning of its end.
    fn bound(&mut self, most: usize) {
        self.is_too_long |= self.bytes.len() > most;
        if self.is_too_long {
            self.bytes.drain(..self.bytes.len().saturating_sub(PASTE_END.len()));
        }
    }
}

fn extent(bytes: &[u8]) -> Extent {
    match bytes {
        [] | [ESCAPE] | [ESCAPE, b'O'] | [ESCAPE, ESCAPE] => Incomplete,
        [ESCAPE, b'[', rest @ ..] => beyond(2, control_sequence(rest)),
        [ESCAPE, b'O', 0x40..=0x7e, ..] => Whole(3),
        [ESCAPE, b']' | b'P' | b'_' | b'^' | b'X', rest @ ..] => beyond(2, report(rest)),
        // Alt and a key that is a sequence itself.
        [ESCAPE, ESCAPE, b'[' | b'O', ..] => beyond(1, extent(bytes.get(1..).unwrap_or_default())),
        [ESCAPE, ESCAPE, ..] => Whole(1),
        [ESCAPE, rest @ ..] => beyond(1, character(rest)),
        bytes => character(bytes),
    }
}

fn beyond(before: usize, extent: Extent) -> Extent {
    match extent {
        Whole(length) => Whole(before + length),
        Garbage(length) => Garbage(before + length),
        Incomplete => Incomplete,
    }
}

/// Returns the extent of what follows `ESC [`.
fn control_sequence(bytes: &[u8]) -> Extent {
    match bytes {
        // Function keys of the Linux console, and the oldest form of a mouse report.
        [b'[', rest @ ..] => {
            if rest.is_empty() {
                Incomplete
            } else {
                Whole(2)
            }
        }
        [b'M', rest @ ..] => {
            if rest.len() < 3 {
                Incomplete
            } else {
                Whole(4)
            }
        }
        bytes => {
            // The same bytes decide, however many came at once.
            let bytes = bytes.get(..SEQUENCE_BYTES).unwrap_or(bytes);
            match bytes.iter().position(|byte| !(0x20..0x40).contains(byte)) {
                Some(last) if bytes.get(last).is_some_and(|byte| (0x40..0x7f).contains(byte)) => Whole(last + 1),
                Some(stranger) => Garbage(stranger),
                None if bytes.len() == SEQUENCE_BYTES => Garbage(bytes.len()),
                None => Incomplete,
            }
        }
    }
}

/// Returns the extent of a report, which ends with BEL or `ESC \`. No event is made of it.
fn report(bytes: &[u8]) -> Extent {
    let bytes = bytes.get(..REPORT_BYTES).unwrap_or(bytes);
    let bell = memchr::memchr(0x07, bytes).map(|at| at + 1);
    let end = memchr::memmem::find(bytes, b"\x1b\\").map(|at| at + 2);
    match (bell.into_iter().chain(end).min(), bytes.len()) {
        (Some(length), _) => Garbage(length),
        (None, REPORT_BYTES..) => Garbage(bytes.len()),
        (None, _) => Incomplete,
    }
}

fn character(bytes: &[u8]) -> Extent {
    let start = bytes.get(..4).unwrap_or(bytes);
    match std::str::from_utf8(start).map_err(|error| (error.valid_up_to(), error.error_len())) {
        Err((0, None)) => Incomplete,
        Err((0, Some(length))) => Garbage(length),
        _ => Whole(start.utf8_chunks().next().and_then(|chunk| chunk.valid().chars().next()).map_or(1, char::len_utf8)),
    }
}

/// Returns the event of a whole sequence; `None`: it is none that this program knows.
fn parse(token: &[u8]) -> Option<Event> {
    match token {
        [ESCAPE, c @ (b'[' | b'O')] => alt(*c),
        [ESCAPE, ESCAPE, _, ..] => parse(token.get(1..)?).map(with_alt),
        token if has_place_zero(token) => None,
        token => Event::parse_from(token).ok().flatten(),
    }
}

/// Finds a mouse report of column or row 0, which does not exist: `terminput` subtracts 1.
fn has_place_zero(token: &[u8]) -> bool {
    let Some((b'M' | b'm', fields)) = token.split_last() else { return false };
    fields.split(|byte| *byte == b';').skip(1).any(|field| std::str::from_utf8(field).is_ok_and(|n| n.parse() == Ok(0)))
}

fn alt(c: u8) -> Option<Event> {
    Event::parse_from(&[c]).ok().flatten().map(with_alt)
}

fn with_alt(event: Event) -> Event {
    match event {
        Event::Key(key) => Event::Key(KeyEvent { modifiers: key.modifiers | KeyModifiers::ALT, ..key }),
        event => event,
    }
}
