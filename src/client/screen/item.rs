//! The items of a conversation: what each is known by, and its lines.

use std::cell::RefCell;
use std::rc::Rc;

use ratatui_core::style::Style;

use super::line::{Line, Paragraph, Piece, mentions};
use super::long_text::LongTexts;
use super::quoted::Quoted;
use super::theme::Theme;
use crate::client::state::ClientState;
use crate::client::state::outgoing::Outgoing;
use crate::client::state::row::{Gap, Row};
use crate::client::terminal::marks::{HELD, Marks};
use crate::model::safe::safe;
use crate::model::{Message, MessageId, Seq, State, Target, Timestamp, UserName};
use crate::text::cells;
use crate::texts::Phrase;
use crate::texts::words::{DIRECT, noted_ko, taken_back};

/// The identity of an item, by which a scroll place is found again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// The ids of two users may be the same.
    Message(UserName, MessageId),
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
    /// The last message before it.
    pub after: Option<MessageId>,
    pub text: String,
    pub kind: NoteKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoteKind {
    Answer,
    /// An answer that shows a message of the history.
    Quoted(Quoted),
    Notice,
    Problem,
    /// A message was sent from here to another conversation.
    Sent {
        id: MessageId,
        to: Target,
        /// The number that the server has given it, as far as it is known.
        seq: Option<Seq>,
    },
}

/// One thing in a conversation.
pub(super) enum Item<'a> {
    Row(&'a Row),
    /// Said in a direct chat, and not confirmed by the peer; `is_lost`: the chat is closed.
    Unconfirmed {
        message: &'a Message,
        is_lost: bool,
    },
    Queued(&'a Outgoing),
    Note(&'a Note),
}

pub(super) fn id<'a>(item: &Item<'a>) -> Option<&'a MessageId> {
    match item {
        Item::Row(row) => row.id(),
        Item::Unconfirmed { message, .. } => Some(&message.id),
        Item::Queued(message) => Some(&message.id),
        Item::Note(_) => None,
    }
}

/// Width, colours and user that lines are made for.
#[derive(Clone)]
pub struct Look {
    pub width: usize,
    pub theme: Theme,
    pub me: UserName,
    /// The messages above this number are new: a line stands before the first of them.
    pub new_above: Option<Seq>,
    /// The message that a search has found.
    pub found: Option<Key>,
    /// The key that loads what only the server has.
    pub load_key: String,
    pub long_texts: Rc<RefCell<LongTexts>>,
}

impl Look {
    /// Returns the lines of an item. `state`: where the state of a message that was sent elsewhere is looked up.
    pub(super) fn lines_of(&self, item: &Item, state: &ClientState) -> Rc<Vec<Line>> {
        match item {
            Item::Row(row) => self.lines_of_row(row, state.is_row_erased(row)),
            Item::Unconfirmed { message, is_lost: false } => self.lines_of_direct(message, self.state(None)),
            Item::Unconfirmed { message, is_lost: true } => {
                self.lines_of_direct(message, vec![Piece::new(Phrase::DirectNotHeld.to_string(), self.theme.problem())])
            }
            Item::Queued(message) => self.said(&self.me, message.at, message.text.as_str(), "", self.state(None)),
            Item::Note(note) => self.lines_of_note(note, state),
        }
    }

    pub(super) fn separator(&self, text: &str, style: Style) -> Line {
        let side = "─".repeat((self.width.saturating_sub(cells(text) + 2) / 2).min(12));
        let line = if side.is_empty() { text.to_owned() } else { format!("{side} {text} {side}") };
        Line::of(line, style)
    }

    /// Returns the lines of a row. `is_erased`: its message was taken back, whatever text the log has of it.
    fn lines_of_row(&self, row: &Row, is_erased: bool) -> Rc<Vec<Line>> {
        match row {
            Row::Received(message) if is_erased => self.lines_of_erased(message, Vec::new()),
            Row::Sent(message, state) if is_erased => self.lines_of_erased(message, self.state(Some(*state))),
            Row::Received(message) => self.lines_of_message(message, "", Vec::new()),
            Row::Sent(message, state) => self.lines_of_message(message, "", self.state(Some(*state))),
            Row::Direct(message) => {
                let tail = if message.from == self.me { self.state(Some(HELD)) } else { Vec::new() };
                if is_erased { self.lines_of_erased(message, tail) } else { self.lines_of_direct(message, tail) }
            }
            Row::Failed(message, why) => {
                let why = vec![Piece::new(format!("✗ {}", safe(&noted_ko(why))), self.theme.problem())];
                self.said(&self.me, message.at, message.text.as_str(), "", why)
            }
            Row::Gap(gap) => self.lines_of_gap(gap),
        }
    }

    fn lines_of_direct(&self, message: &Message, tail: Vec<Piece>) -> Rc<Vec<Line>> {
        self.lines_of_message(message, &format!(" ({DIRECT})"), tail)
    }

    fn lines_of_message(&self, message: &Message, how: &str, tail: Vec<Piece>) -> Rc<Vec<Line>> {
        match message.text.is_erased() {
            true => self.lines_of_erased(message, tail),
            false => self.said(&message.from, message.at, message.text.as_str(), how, tail),
        }
    }

    /// Returns the lines of a message that was taken back. No text of a user looks like that.
    fn lines_of_erased(&self, message: &Message, tail: Vec<Piece>) -> Rc<Vec<Line>> {
        let theme = self.theme;
        let time = Piece::new(format!("{} ", message.at.local_time_of_day()), theme.quiet());
        let name = Piece::new(format!("{} ", safe(message.from.shown())), theme.name(&message.from));
        let head = vec![time, name];
        let text = taken_back();
        let paragraph = Paragraph { head, tail, indent: 6, style: theme.quiet(), ..Paragraph::plain(&text) };
        Rc::new(paragraph.lines(self.width, theme, ""))
    }

    fn said(&self, from: &UserName, at: Timestamp, text: &str, how: &str, tail: Vec<Piece>) -> Rc<Vec<Line>> {
        let theme = self.theme;
        let name = safe(from.shown()).into_owned();
        let time = Piece::new(format!("{} ", at.local_time_of_day()), theme.quiet());
        let action = text.strip_prefix("/me ");
        let (name, behind) =
            if action.is_some() { (format!("* {name}{how}"), " ") } else { (format!("{name}{how}"), ": ") };
        let head = vec![time, Piece::new(name, theme.name(from)), Piece::new(behind, theme.name(from))];
        let text = action.unwrap_or(text);
        let is_mine = *from == self.me;
        let mention = if is_mine { "" } else { self.me.mapped() };
        let paragraph = Paragraph { head, tail, indent: 6, ..Paragraph::plain(text) };
        self.long_texts.borrow_mut().lines(&paragraph, self.width, theme, mention)
    }

    fn state(&self, state: Option<State>) -> Vec<Piece> {
        // A colour says READ without the word.
        let shown = if self.theme.has_colours() { state.min(Some(State::Delivered)) } else { state };
        vec![Piece::new(Marks::SIGNS.of(shown), self.theme.state(state))]
    }

    fn lines_of_gap(&self, gap: &Gap) -> Rc<Vec<Line>> {
        let text = Phrase::Hole { max: &gap.max_messages(), key: &self.load_key }.to_string();
        self.plain(&format!("┄ {text}"), self.theme.new_messages())
    }

    fn lines_of_note(&self, note: &Note, state: &ClientState) -> Rc<Vec<Line>> {
        let theme = self.theme;
        match &note.kind {
            NoteKind::Answer | NoteKind::Quoted(_) => {
                let text = note.text.strip_suffix('\n').unwrap_or(&note.text);
                self.paragraph(text, theme.quiet(), true)
            }
            NoteKind::Notice => self.plain(&format!("* {}", note.text), theme.quiet()),
            NoteKind::Problem => self.plain(&format!("! {}", note.text), theme.problem()),
            NoteKind::Sent { id, to, .. } => self.lines_of_sent(&note.text, state.state_by_id(to, id)),
        }
    }

    /// Returns the lines about a message that was sent to another conversation, with its state there.
    fn lines_of_sent(&self, text: &str, state: Option<State>) -> Rc<Vec<Line>> {
        let tail = self.state(state);
        let paragraph = Paragraph { style: self.theme.quiet(), tail, ..Paragraph::plain(text) };
        Rc::new(paragraph.lines(self.width, self.theme, ""))
    }

    fn plain(&self, text: &str, style: Style) -> Rc<Vec<Line>> {
        self.paragraph(text, style, false)
    }

    fn paragraph(&self, text: &str, style: Style, is_list: bool) -> Rc<Vec<Line>> {
        let paragraph = Paragraph { style, is_list, ..Paragraph::plain(text) };
        self.long_texts.borrow_mut().lines(&paragraph, self.width, self.theme, "")
    }
}

pub(super) fn received(item: &Item) -> Option<Seq> {
    match item {
        Item::Row(Row::Received(message)) => Some(message.seq),
        _ => None,
    }
}

pub(super) fn time(item: &Item) -> Option<Timestamp> {
    match item {
        Item::Row(row) => row.at(),
        Item::Unconfirmed { message, .. } => Some(message.at),
        Item::Queued(message) => Some(message.at),
        Item::Note(_) => None,
    }
}

/// Returns the number that the server has given an item.
pub(super) fn number(item: &Item) -> Option<Seq> {
    match item {
        Item::Row(row) => row.seq(),
        Item::Unconfirmed { .. } | Item::Queued(_) | Item::Note(_) => None,
    }
}

/// Returns the identity of a row, in the history of this user.
pub(super) fn key(row: &Row, me: &UserName) -> Key {
    match (row, row.id()) {
        (Row::Gap(gap), _) => Key::Gap(gap.last),
        (_, Some(id)) => Key::Message(row.sender().unwrap_or(me).clone(), id.clone()),
        // Only a gap has no id.
        (row, None) => Key::Gap(row.seq().unwrap_or_default()),
    }
}

pub(super) fn mentions_user(message: &Message, user: &UserName) -> bool {
    !mentions(message.text.as_str(), user.mapped()).is_empty()
}
