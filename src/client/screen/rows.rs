//! The conversation that is open, from its oldest row to what was not sent yet: which lines each item takes, and which
//! of them are on the screen.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::item::{Item, Key, Look, Note, id, key, number, received, time};
use super::line::{Line, Piece};
use super::theme::Theme;
use crate::client::app::App;
use crate::client::state::ClientState;
use crate::client::state::row::{Gap, Row};
use crate::model::{MessageId, Seq, Target, Timestamp, UserName};
use crate::texts::Phrase;
use crate::texts::when::date;

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
    /// The bottom line was to be at a place that is not in these lines.
    pub is_lost: bool,
    /// The oldest item that is in memory is on the screen.
    pub reaches_top: bool,
    /// The last message on the screen, and the last one above it.
    pub seen: Option<Seq>,
    pub above: Option<Seq>,
    /// The hole that is lowest on the screen, and the lines of each hole.
    pub hole: Option<Gap>,
    pub holes: Vec<(usize, Gap)>,
}

/// A conversation as items.
pub struct Rows<'a> {
    items: Vec<Item<'a>>,
    state: &'a ClientState,
    look: Look,
    /// The first message that is new.
    first_new: Option<usize>,
    lines: RefCell<HashMap<usize, Rc<ItemLines>>>,
}

/// Returns what tells a row from the others. A note to oneself is received first, and sent once its SEND is answered.
fn identity<'a>(row: &'a Row, me: &UserName) -> (Option<Seq>, Option<&'a MessageId>, Option<&'a UserName>) {
    (row.seq(), row.id(), row.sender().filter(|from| *from != me))
}

/// Puts each note after the message after which it was made; one whose message is not here any more is the first.
fn with_notes<'a>(messages: Vec<Item<'a>>, notes: &[&'a Note]) -> Vec<Item<'a>> {
    let mut behind: HashMap<_, Vec<&Note>> = HashMap::new();
    for note in notes {
        behind.entry(note.after.as_ref()).or_default().push(note);
    }
    let mut items = Vec::with_capacity(messages.len() + notes.len());
    for message in messages {
        let notes = if behind.is_empty() { None } else { id(&message).and_then(|id| behind.remove(&Some(id))) };
        items.push(message);
        if let Some(notes) = notes {
            items.extend(notes.into_iter().map(Item::Note));
        }
    }
    let mut first: Vec<_> = behind.into_values().flatten().collect();
    first.sort_by_key(|note| note.number);
    items.splice(..0, first.into_iter().map(Item::Note));
    items
}

/// Returns the rows of the log and those in memory, in order and each once. Messages that were missed came later than
/// newer ones, so rows in memory may belong between those of the log.
fn merge<'a>(older: &'a [Row], memory: Vec<&'a Row>, state: &ClientState) -> Vec<&'a Row> {
    if older.is_empty() {
        return memory;
    }
    let known: HashSet<_> = memory.iter().map(|row| identity(row, state.me())).collect();
    let first = memory.iter().filter_map(|row| row.seq()).min();
    // Most rows of the log are below the first number in memory: only the others have to be looked up.
    let is_below = |row: &Row| row.seq().is_some_and(|seq| Some(seq) < first);
    let mut rows: Vec<_> =
        older.iter().filter(|row| is_below(row) || !known.contains(&identity(row, state.me()))).collect();
    let begins_memory = rows.len();
    rows.extend(memory);
    // An earlier store numbered otherwise.
    if state.has_earlier_store() {
        return rows;
    }
    // A row without a number stays after the one before it; in memory the first ones stay before the one after them.
    let mut last = Seq::ZERO;
    let mut numbered = Vec::with_capacity(rows.len());
    for (place, row) in rows.into_iter().enumerate() {
        if place == begins_memory {
            last = first.map_or(last, |first| first.before());
        }
        last = row.seq().unwrap_or(last);
        numbered.push((last, row));
    }
    numbered.sort_by_key(|(seq, _)| *seq);
    numbered.into_iter().map(|(_, row)| row).collect()
}

/// Inserts what was said in direct chats and not confirmed, by the times.
fn insert_unconfirmed<'a>(items: &mut Vec<Item<'a>>, app: &'a App, target: &Target) {
    for (message, is_lost) in app.unconfirmed_in(target) {
        let before = items.iter().rposition(|item| time(item) <= Some(message.at));
        items.insert(before.map_or(0, |before| before + 1), Item::Unconfirmed { message, is_lost });
    }
}

impl<'a> Rows<'a> {
    /// Collects the items: rows that memory does not hold any more, rows, notes between them, what a direct chat has not
    /// confirmed, and the outbox.
    pub fn new(app: &'a App, target: &Target, older: &'a [Row], notes: &[&'a Note], look: Look) -> Self {
        let state = app.state();
        let memory = state.find_conversation(target).map_or(Vec::new(), |c| c.rows().collect());
        let is_hidden = |row: &&Row| matches!(row, Row::Received(m) | Row::Direct(m) if state.is_ignored(&m.from));
        let rows = merge(older, memory, state).into_iter().filter(|row| !is_hidden(row)).map(Item::Row);
        let queued = state.outbox().iter().filter(|message| message.to == *target).map(Item::Queued);
        let mut messages: Vec<_> = rows.collect();
        insert_unconfirmed(&mut messages, app, target);
        messages.extend(queued);
        let items = with_notes(messages, notes);
        let new = |seq: Seq| look.new_above.is_some_and(|above| seq > above);
        let first_new = look.new_above.and_then(|_| items.iter().position(|item| received(item).is_some_and(new)));
        Self { items, state, look, first_new, lines: RefCell::default() }
    }

    /// The notes alone, while no conversation is open.
    pub(super) fn of_notes(app: &'a App, notes: &[&'a Note], look: Look) -> Self {
        let items = notes.iter().copied().map(Item::Note).collect();
        Self { items, state: app.state(), look, first_new: None, lines: RefCell::default() }
    }

    /// Returns the lines on a screen of this height, whose bottom line is at a place.
    pub fn window(&self, bottom: Option<&Place>, height: usize) -> Window {
        let Some(last) = self.last() else {
            return Window { reaches_top: true, is_lost: bottom.is_some(), ..Window::default() };
        };
        let found = bottom.map(|place| self.find(place));
        let mut end = found.flatten().unwrap_or(last);
        let start = match self.up(end, height.saturating_sub(1)) {
            (start, 0) => start,
            // There are fewer lines above: the rest is below.
            (start, lacking) => {
                end = self.down(end, lacking).0;
                start
            }
        };
        Window { is_lost: found == Some(None), ..self.describe(start, end, last) }
    }

    /// Returns the place this number of lines above the bottom one, which a full screen still reaches.
    pub fn above(&self, bottom: Option<&Place>, height: usize, lines: usize) -> Option<Place> {
        let end = bottom.and_then(|place| self.find(place)).or(self.last())?;
        let top = self.up(end, height.saturating_sub(1) + lines).0;
        self.place(self.down(top, height.saturating_sub(1)).0)
    }

    /// Returns the place this number of lines below the bottom one; `None`: the last line.
    pub fn below(&self, bottom: Option<&Place>, lines: usize) -> Option<Place> {
        let end = self.find(bottom?)?;
        self.place(self.down(end, lines).0)
    }

    /// Returns the place at which the first new message is at the top.
    pub(super) fn first_new(&self, height: usize) -> Option<Place> {
        self.place(self.down(At { item: self.first_new?, line: 0 }, height.saturating_sub(1)).0)
    }

    /// Returns the place at which a message is in the middle.
    pub fn around(&self, key: &Key, height: usize) -> Option<Place> {
        let at = self.find(&Place { key: key.clone(), from_last: 0 })?;
        self.place(self.down(at, height / 2).0)
    }

    /// Returns the keys of the messages that hold all these words, oldest first. A row of the log may have the text of a message
    /// that was taken back since.
    pub fn search(&self, words: &[String]) -> Vec<Key> {
        let holds = |row: &Row| row.holds(words) && !self.state.is_row_erased(row);
        let matching = self.items.iter().filter(|item| matches!(item, Item::Row(row) if holds(row)));
        matching.map(|item| self.key_of(item)).collect()
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
            window.lines.extend(lines.range(first, behind).cloned());
        }
        // A message of which lines are below the window was not seen yet.
        let is_whole = end.line + 1 >= self.lines_of(end.item).len();
        let behind = if is_whole { end.item + 1 } else { end.item };
        window.seen = self.items.get(start.item..behind).unwrap_or_default().iter().filter_map(received).max();
        window.above = self.items.get(..start.item).unwrap_or_default().iter().rev().find_map(received);
        window
    }

    fn last(&self) -> Option<At> {
        let item = self.items.len().checked_sub(1)?;
        Some(At { item, line: self.lines_of(item).len().saturating_sub(1) })
    }

    /// Checks that a place is in these lines.
    pub fn has(&self, place: &Place) -> bool {
        self.find(place).is_some()
    }

    fn find(&self, place: &Place) -> Option<At> {
        let item = self.items.iter().rposition(|item| self.is(item, &place.key)).or_else(|| match place.key {
            // The gap was filled: what stands in its place ends where it did.
            Key::Gap(last) => self.items.iter().rposition(|item| number(item).is_some_and(|seq| seq <= last)),
            _ => None,
        })?;
        Some(At { item, line: self.lines_of(item).len().saturating_sub(1 + place.from_last) })
    }

    fn key_of(&self, item: &Item) -> Key {
        match item {
            Item::Row(row) => key(row, &self.look.me),
            Item::Unconfirmed { message, .. } => Key::Message(message.from.clone(), message.id.clone()),
            Item::Queued(message) => Key::Message(self.look.me.clone(), message.id.clone()),
            Item::Note(note) => Key::Note(note.number),
        }
    }

    fn is(&self, item: &Item, key: &Key) -> bool {
        match (item, key) {
            (Item::Row(Row::Gap(gap)), Key::Gap(last)) => gap.last == *last,
            (Item::Row(row), Key::Message(from, id)) => {
                row.id() == Some(id) && row.sender().unwrap_or(&self.look.me) == from
            }
            (Item::Unconfirmed { message, .. }, Key::Message(from, id)) => message.id == *id && message.from == *from,
            (Item::Queued(message), Key::Message(from, id)) => message.id == *id && self.look.me == *from,
            (Item::Note(note), Key::Note(number)) => note.number == *number,
            _ => false,
        }
    }

    fn place(&self, at: At) -> Option<Place> {
        if Some(at) == self.last() {
            return None;
        }
        let from_last = self.lines_of(at.item).len().saturating_sub(1 + at.line);
        Some(Place { key: self.key_of(self.items.get(at.item)?), from_last })
    }

    /// Goes up by a number of lines; returns how many of them there are not.
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

/// Returns lines as those of a message that a search has found.
fn highlighted(lines: &[Line], theme: Theme) -> Rc<Vec<Line>> {
    let highlight = |line: &Line| {
        let pieces = line.0.iter().cloned();
        Line(pieces.map(|piece| Piece { style: piece.style.patch(theme.chosen()), ..piece }).collect())
    };
    Rc::new(lines.iter().map(highlight).collect())
}

/// The lines of one item: those that stand above it, and its own.
struct ItemLines {
    above: Vec<Line>,
    own: Rc<Vec<Line>>,
}

impl ItemLines {
    fn len(&self) -> usize {
        self.above.len() + self.own.len()
    }

    /// Returns the lines from one number up to another.
    fn range(&self, from: usize, to: usize) -> impl Iterator<Item = &Line> {
        let above = self.above.len();
        let first = self.above.iter().take(to).skip(from);
        first.chain(self.own.iter().take(to.saturating_sub(above)).skip(from.saturating_sub(above)))
    }
}

/// The lines of the items.
impl Rows<'_> {
    fn lines_of(&self, item: usize) -> Rc<ItemLines> {
        if let Some(lines) = self.lines.borrow().get(&item) {
            return lines.clone();
        }
        let lines = Rc::new(self.make_lines(item));
        self.lines.borrow_mut().insert(item, lines.clone());
        lines
    }

    fn make_lines(&self, item: usize) -> ItemLines {
        let Some(content) = self.items.get(item) else { return ItemLines { above: Vec::new(), own: Rc::default() } };
        let mut above = Vec::new();
        if let Some(at) = time(content)
            && self.items.iter().take(item).rev().find_map(time).map(Timestamp::local_date) != Some(at.local_date())
        {
            above.push(self.look.separator(&date(at.local_date()), self.look.theme.quiet()));
        }
        if self.first_new == Some(item) {
            above.push(self.look.separator(&Phrase::NewMessages.to_string(), self.look.theme.new_messages()));
        }
        let own = self.look.lines_of(content, self.state);
        let is_found = self.look.found.as_ref().is_some_and(|found| self.is(content, found));
        ItemLines { above, own: if is_found { highlighted(&own, self.look.theme) } else { own } }
    }
}
