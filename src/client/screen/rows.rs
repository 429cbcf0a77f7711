//! The conversation that is open, from its oldest row to what was not sent yet: which lines each item takes, and which
//! of them are on the screen.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::line::{Line, Paragraph, Piece, mentions};
use super::theme::Theme;
use crate::client::state::ClientState;
use crate::client::state::conversation::{Gap, Row};
use crate::client::state::outbox::Outgoing;
use crate::client::texts::safe::safe;
use crate::client::texts::words::{DIRECT, READ_TICK, noted_ko};
use crate::client::texts::{Language, Phrase};
use crate::model::{Message, MessageId, Seq, State, Target, Timestamp, UserName};

/// The identity of an item, by which a scroll place is found again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    Message(MessageId),
    /// The gap that ends with this number.
    Gap(Seq),
    Note(u64),
}

/// A line that nobody said: an answer, a notice, an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub number: u64,
    /// The conversation that was open; `None`: none was.
    pub target: Option<Target>,
    /// The time of the last message before it.
    pub after: Option<Timestamp>,
    pub text: String,
    pub kind: NoteKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteKind {
    Answer,
    Notice,
    Problem,
}

/// One thing in a conversation.
enum Item<'a> {
    Row(&'a Row),
    Queued(&'a Outgoing),
    Note(&'a Note),
}

/// What the lines are made with.
#[derive(Clone)]
pub struct Look {
    pub width: usize,
    pub theme: Theme,
    pub me: UserName,
    /// The messages above this number are new: a line stands before the first of them.
    pub new_above: Option<Seq>,
    /// The key that loads what only the server has.
    pub load_key: String,
}

/// A place in the lines: an item, and one of its lines, counted from its last one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub key: Key,
    pub from_last: usize,
}

/// The same, by numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct At {
    item: usize,
    line: usize,
}

/// The lines on the screen, and what they mean.
#[derive(Debug, Default)]
pub struct Window {
    pub lines: Vec<Line>,
    /// The bottom line is this one; `None`: the last of all.
    pub bottom: Option<Place>,
    /// The oldest item that is in memory is on the screen.
    pub reaches_top: bool,
    /// The user has seen everything up to this number.
    pub seen: Option<Seq>,
    /// The hole that is lowest on the screen, and the lines of each hole.
    pub hole: Option<Gap>,
    pub holes: Vec<(usize, Gap)>,
}

/// A conversation as items.
pub struct Rows<'a> {
    items: Vec<Item<'a>>,
    look: Look,
    /// The first message that is new.
    first_new: Option<usize>,
    lines: RefCell<HashMap<usize, Rc<Vec<Line>>>>,
}

impl<'a> Rows<'a> {
    /// Collects the items: rows that memory does not hold any more, rows, notes between them, and the outbox.
    pub fn new(state: &'a ClientState, target: &Target, older: &'a [Row], notes: &[&'a Note], look: Look) -> Self {
        let rows: Vec<&Row> = state.find_conversation(target).map_or(Vec::new(), |c| c.rows().collect());
        let known: HashSet<_> =
            if older.is_empty() { HashSet::new() } else { rows.iter().map(|row| key(row)).collect() };
        let is_hidden = |row: &&Row| matches!(row, Row::Received(m) | Row::Direct(m) if state.is_ignored(&m.from));
        let older = older.iter().filter(|row| !known.contains(&key(row)));
        let mut notes = notes.iter().peekable();
        let mut items = Vec::new();
        for row in older.chain(rows).filter(|row| !is_hidden(row)) {
            while let Some(note) = notes.next_if(|note| row.at().is_some_and(|at| Some(at) > note.after)) {
                items.push(Item::Note(note));
            }
            items.push(Item::Row(row));
        }
        items.extend(state.outbox().iter().filter(|message| message.to == *target).map(Item::Queued));
        items.extend(notes.map(|note| Item::Note(note)));
        let new = |seq: Seq| look.new_above.is_some_and(|above| seq > above);
        let first_new = look.new_above.and_then(|_| items.iter().position(|item| received(item).is_some_and(new)));
        Self { items, look, first_new, lines: RefCell::default() }
    }

    /// Returns the lines on a screen of so many, whose bottom line is at a place.
    pub fn window(&self, bottom: Option<&Place>, height: usize) -> Window {
        let Some(last) = self.last() else { return Window { reaches_top: true, ..Window::default() } };
        let mut end = bottom.and_then(|place| self.find(place)).unwrap_or(last);
        let start = match self.up(end, height.saturating_sub(1)) {
            (start, 0) => start,
            // There are not so many lines above: the rest is below.
            (start, lacking) => {
                end = self.down(end, lacking).0;
                start
            }
        };
        self.describe(start, end, last)
    }

    /// Returns the place so many lines above the bottom one, which a full screen still reaches.
    pub fn above(&self, bottom: Option<&Place>, height: usize, lines: usize) -> Option<Place> {
        let end = bottom.and_then(|place| self.find(place)).or(self.last())?;
        let top = self.up(end, height.saturating_sub(1) + lines).0;
        self.place(self.down(top, height.saturating_sub(1)).0)
    }

    /// Returns the place so many lines below the bottom one; `None`: the last line.
    pub fn below(&self, bottom: Option<&Place>, lines: usize) -> Option<Place> {
        let end = self.find(bottom?)?;
        self.place(self.down(end, lines).0)
    }

    /// Returns the place at which the first new message is at the top.
    pub fn first_new(&self, height: usize) -> Option<Place> {
        self.place(self.down(At { item: self.first_new?, line: 0 }, height.saturating_sub(1)).0)
    }

    /// Returns the place at which a message is in the middle.
    pub fn around(&self, key: &Key, height: usize) -> Option<Place> {
        let at = self.find(&Place { key: key.clone(), from_last: 0 })?;
        self.place(self.down(at, height / 2).0)
    }

    /// Returns the keys of the messages that hold all these words, oldest first.
    pub fn search(&self, words: &[String]) -> Vec<Key> {
        let matching = self.items.iter().filter(|item| matches!(item, Item::Row(row) if row.holds(words)));
        matching.map(key_of).collect()
    }

    fn describe(&self, start: At, end: At, last: At) -> Window {
        let mut window = Window { reaches_top: start == At { item: 0, line: 0 }, ..Window::default() };
        window.bottom = if end == last { None } else { self.place(end) };
        for item in start.item..=end.item {
            let lines = self.lines_of(item);
            let first = if item == start.item { start.line } else { 0 };
            let behind = if item == end.item { end.line + 1 } else { lines.len() };
            if let Some(Item::Row(Row::Gap(gap))) = self.items.get(item) {
                window.hole = Some(gap.clone());
                window.holes.push((window.lines.len(), gap.clone()));
            }
            window.lines.extend(lines.iter().take(behind).skip(first).cloned());
        }
        let shown = self.items.get(start.item..=end.item).unwrap_or_default();
        window.seen = shown.iter().filter_map(received).max();
        window
    }

    /// Checks that no message above the window is new: what is on the screen continues what was seen.
    pub fn continues(&self, window: &Window, seen: Seq, height: usize) -> bool {
        let Some(last) = self.last() else { return true };
        let end = window.bottom.as_ref().and_then(|place| self.find(place)).unwrap_or(last);
        let start = self.up(end, height.saturating_sub(1)).0;
        let above = self.items.get(..start.item).unwrap_or_default();
        above.iter().rev().find_map(received).is_none_or(|seq| seq <= seen)
    }

    fn last(&self) -> Option<At> {
        let item = self.items.len().checked_sub(1)?;
        Some(At { item, line: self.lines_of(item).len().saturating_sub(1) })
    }

    fn find(&self, place: &Place) -> Option<At> {
        let item = self.items.iter().rposition(|item| key_of(item) == place.key)?;
        Some(At { item, line: self.lines_of(item).len().saturating_sub(1 + place.from_last) })
    }

    fn place(&self, at: At) -> Option<Place> {
        if Some(at) == self.last() {
            return None;
        }
        let from_last = self.lines_of(at.item).len().saturating_sub(1 + at.line);
        Some(Place { key: key_of(self.items.get(at.item)?), from_last })
    }

    /// Goes up by so many lines; returns how many there are not.
    fn up(&self, mut at: At, mut count: usize) -> (At, usize) {
        while count > 0 {
            if at.line >= count {
                return (At { line: at.line - count, ..at }, 0);
            }
            if at.item == 0 {
                return (At { item: 0, line: 0 }, count - at.line);
            }
            count -= at.line + 1;
            at = At { item: at.item - 1, line: self.lines_of(at.item - 1).len().saturating_sub(1) };
        }
        (at, 0)
    }

    fn down(&self, mut at: At, mut count: usize) -> (At, usize) {
        while count > 0 {
            let left = self.lines_of(at.item).len().saturating_sub(1 + at.line);
            if left >= count {
                return (At { line: at.line + count, ..at }, 0);
            }
            if at.item + 1 >= self.items.len() {
                return (At { line: at.line + left, ..at }, count - left);
            }
            count -= left + 1;
            at = At { item: at.item + 1, line: 0 };
        }
        (at, 0)
    }
}

/// The lines of the items.
impl Rows<'_> {
    fn lines_of(&self, item: usize) -> Rc<Vec<Line>> {
        if let Some(lines) = self.lines.borrow().get(&item) {
            return lines.clone();
        }
        let lines = Rc::new(self.make_lines(item));
        self.lines.borrow_mut().insert(item, lines.clone());
        lines
    }

    fn make_lines(&self, item: usize) -> Vec<Line> {
        let Some(content) = self.items.get(item) else { return Vec::new() };
        let mut lines = Vec::new();
        if let Some(at) = time(content)
            && self.items.iter().take(item).rev().find_map(time).map(Timestamp::local_date) != Some(at.local_date())
        {
            lines.push(self.separator(&at.local_date(), self.look.theme.quiet()));
        }
        if self.first_new == Some(item) {
            lines.push(self.separator(&Phrase::NewMessages.to_string(), self.look.theme.new_messages()));
        }
        lines.extend(match content {
            Item::Row(row) => self.lines_of_row(row),
            Item::Queued(message) => self.said(&self.look.me, message.at, message.text.as_str(), "", self.state(None)),
            Item::Note(note) => self.lines_of_note(note),
        });
        lines
    }

    fn separator(&self, text: &str, style: ratatui::style::Style) -> Line {
        let side = "─".repeat((self.look.width.saturating_sub(text.chars().count() + 2) / 2).min(12));
        let line = if side.is_empty() { text.to_owned() } else { format!("{side} {text} {side}") };
        Line::of(line, style)
    }

    fn lines_of_row(&self, row: &Row) -> Vec<Line> {
        match row {
            Row::Received(message) => self.lines_of_message(message, "", Vec::new()),
            Row::Sent(message, state) => self.lines_of_message(message, "", self.state(Some(*state))),
            Row::Direct(message) => self.lines_of_message(message, &format!(" ({DIRECT})"), Vec::new()),
            Row::Failed(message, why) => {
                let why = vec![Piece::new(format!("✗ {}", safe(&noted_ko(why))), self.look.theme.problem())];
                self.said(&self.look.me, message.at, message.text.as_str(), "", why)
            }
            Row::Gap(gap) => self.lines_of_gap(gap),
        }
    }

    fn lines_of_message(&self, message: &Message, how: &str, tail: Vec<Piece>) -> Vec<Line> {
        self.said(&message.from, message.at, message.text.as_str(), how, tail)
    }

    fn said(&self, from: &UserName, at: Timestamp, text: &str, how: &str, tail: Vec<Piece>) -> Vec<Line> {
        let theme = self.look.theme;
        let name = safe(from.shown()).into_owned();
        let time = Piece::new(format!("{} ", at.local_time_of_day()), theme.quiet());
        let action = text.strip_prefix("/me ");
        let (name, behind) =
            if action.is_some() { (format!("* {name}{how}"), " ") } else { (format!("{name}{how}"), ": ") };
        let head = vec![time, Piece::new(name, theme.name(from)), Piece::new(behind, theme.name(from))];
        let text = action.unwrap_or(text);
        let is_mine = *from == self.look.me;
        let mention = if is_mine { "" } else { self.look.me.mapped() };
        Paragraph { head, text, style: ratatui::style::Style::new(), tail, indent: 6 }.lines(
            self.look.width,
            theme,
            mention,
        )
    }

    fn state(&self, state: Option<State>) -> Vec<Piece> {
        let mark = match state {
            None => "…",
            Some(State::Received) => "✓",
            Some(State::Delivered) => "✓✓",
            Some(State::Read) if self.look.theme.has_colours() => "✓✓",
            Some(State::Read) => READ_TICK.text(Language::current()),
        };
        vec![Piece::new(mark, self.look.theme.state(state))]
    }

    fn lines_of_gap(&self, gap: &Gap) -> Vec<Line> {
        let text = Phrase::Hole { max: &gap.max_messages(), key: &self.look.load_key }.to_string();
        self.plain(&format!("┄ {text}"), self.look.theme.new_messages())
    }

    fn lines_of_note(&self, note: &Note) -> Vec<Line> {
        let theme = self.look.theme;
        match note.kind {
            NoteKind::Answer => note.text.lines().flat_map(|line| self.plain(line, theme.quiet())).collect(),
            NoteKind::Notice => self.plain(&format!("* {}", note.text), theme.quiet()),
            NoteKind::Problem => self.plain(&format!("! {}", note.text), theme.problem()),
        }
    }

    fn plain(&self, text: &str, style: ratatui::style::Style) -> Vec<Line> {
        Paragraph { head: Vec::new(), text, style, tail: Vec::new(), indent: 2 }.lines(
            self.look.width,
            self.look.theme,
            "",
        )
    }
}

fn received(item: &Item) -> Option<Seq> {
    match item {
        Item::Row(Row::Received(message)) => Some(message.seq),
        _ => None,
    }
}

fn time(item: &Item) -> Option<Timestamp> {
    match item {
        Item::Row(row) => row.at(),
        Item::Queued(message) => Some(message.at),
        Item::Note(_) => None,
    }
}

fn key_of(item: &Item) -> Key {
    match item {
        Item::Row(row) => key(row),
        Item::Queued(message) => Key::Message(message.id.clone()),
        Item::Note(note) => Key::Note(note.number),
    }
}

/// Returns the identity of a row.
pub fn key(row: &Row) -> Key {
    match (row, row.id()) {
        (Row::Gap(gap), _) => Key::Gap(gap.last),
        (_, Some(id)) => Key::Message(id.clone()),
        // Only a gap has no id.
        (row, None) => Key::Gap(row.seq().unwrap_or_default()),
    }
}

/// Checks that a message names a user.
pub fn mentions_user(message: &Message, user: &UserName) -> bool {
    !mentions(message.text.as_str(), user.mapped()).is_empty()
}
