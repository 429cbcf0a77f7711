//! The state of the full screen that is not the app's: what is typed, where each conversation is scrolled to, what lies
//! over it. Keys come in; what the app has to do comes out. It touches no terminal, so a test can play any life of it.
//!
//! - `typing` and `over`: what keys do to it, while a message is typed and in what lies over the conversation.
//! - Its parts: `writing`, the texts of the user; `reading`, the places in the conversations, with `older`, rows of the
//!   log; `notes`, what nobody said.

mod notes;
mod older;
mod over;
mod reading;
mod typing;
mod writing;

use std::cell::RefCell;
use std::rc::Rc;

use ratatui_core::layout::Rect;

use super::Preferences;
use super::chats::{Chat, ChatList};
use super::item::{Key, Look, NoteKind, mentions_user};
use super::keys::{Action, Keys};
use super::long_text::LongTexts;
use super::quoted::Quoted;
use super::rows::{Rows, Window};
use super::saved::Saved;
use super::theme::Theme;
use crate::client::app::App;
use crate::client::app::event::Event;
use crate::client::app::view::View;
use crate::client::state::outgoing::{Outgoing, is_automatic};
use crate::client::state::row::Row;
use crate::client::terminal::display::render;
use crate::client::terminal::marks::Marks;
use crate::model::safe::snippet;
use crate::model::{Message, MessageId, Seq, Target};
use crate::texts::Phrase;
use notes::Notes;
use older::Older;
use reading::Reading;
use writing::Writing;

/// A request of the screen to the program around it, after a key or an arrival.
#[derive(Debug)]
pub enum Request {
    App(Event),
    Suspend,
    Redraw,
    /// The terminal is to give clicks and the wheel to the program, or to select text with them.
    Mouse(bool),
    /// The user is to be told of a message that is not on the screen: who wrote, and the beginning of the text.
    Notify(String),
}

/// The part of the screen that takes the keys; some lie over the conversation.
#[derive(Debug, Default)]
pub enum Mode {
    #[default]
    Typing,
    /// The list of chats has the keys: the chosen one.
    List(usize),
    /// The same, while a filter is typed.
    Filter,
    /// A chat is looked for by its name: the chosen one of those that fit.
    Jump {
        name: String,
        chosen: usize,
    },
    Search(Search),
    Help {
        scrolled: usize,
    },
    /// A pasted text of many lines: is it to be inserted?
    Paste(String),
}

/// A search for words: everywhere, or in this conversation.
#[derive(Debug, Default)]
pub struct Search {
    pub(super) words: String,
    pub(super) everywhere: bool,
    /// The message that was found last.
    found: Option<Key>,
    /// Its number among those that were found, the oldest is 1, and their count; `None`: these words were not looked for
    /// yet.
    pub(super) hit: Option<(usize, usize)>,
}

/// The places of the drawn parts: clicks are looked up here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Areas {
    pub list: Rect,
    pub rows: Rect,
}

pub struct Model {
    pub(super) keys: Keys,
    pub(super) theme: Theme,
    pub(super) marks: Marks,
    pub mode: Mode,
    pub writing: Writing,
    pub notes: Notes,
    pub reading: Reading,
    pub(super) list: ChatList,
    pub areas: Areas,
    /// The conversation that was open when the screen was last drawn.
    open: Option<Target>,
    focused: bool,
    /// The terminal gives clicks and the wheel to the program, and selects no text with them.
    has_mouse: bool,
    /// The client was connected when the screen last changed.
    was_connected: bool,
    long_texts: Rc<RefCell<LongTexts>>,
    /// The result of the event that is being handled.
    requests: Vec<Request>,
}

impl Model {
    pub fn new(preferences: Preferences, marks: Marks) -> Self {
        Self::restored(preferences, marks, &Saved::default())
    }

    /// Makes the model with the drafts and places of an earlier run.
    pub fn restored(preferences: Preferences, marks: Marks, saved: &Saved) -> Self {
        Self {
            keys: preferences.keys,
            theme: preferences.theme,
            has_mouse: preferences.mouse,
            marks,
            mode: Mode::default(),
            writing: Writing::restored(saved.drafts.clone()),
            notes: Notes::default(),
            reading: Reading::restored(saved.places.clone()),
            list: ChatList::default(),
            areas: Areas::default(),
            open: None,
            focused: true,
            was_connected: false,
            long_texts: Rc::default(),
            requests: Vec::new(),
        }
    }

    /// Returns what survives a restart.
    pub fn saved(&self, app: &App) -> Saved {
        let drafts = self.writing.all_drafts(self.open());
        let saved = Saved { open: self.open.clone(), drafts, places: self.reading.places.clone(), ..Saved::default() };
        saved.with_said(app.state())
    }

    pub fn open(&self) -> Option<&Target> {
        self.open.as_ref()
    }

    /// Returns whether clicks and the wheel are for the program.
    pub fn has_mouse(&self) -> bool {
        self.has_mouse
    }

    pub fn is_focused(&self) -> bool {
        self.focused
    }

    pub(super) fn all_chats(&self, app: &App) -> Vec<Chat> {
        self.list.all(app.state(), self.open(), &self.writing.drafts)
    }

    pub fn chats(&self, app: &App) -> Vec<Chat> {
        self.list.filtered(self.all_chats(app))
    }

    pub fn rows<'a>(&'a self, app: &'a App, target: &Target) -> Rows<'a> {
        Rows::new(app, target, &self.reading.older.rows, &self.notes.of(Some(target)), self.look(app))
    }

    /// Returns the message that the search has found for the words that are typed.
    fn found(&self) -> Option<&Key> {
        match &self.mode {
            Mode::Search(Search { found, hit: Some(_), everywhere: false, .. }) => found.as_ref(),
            _ => None,
        }
    }

    fn look(&self, app: &App) -> Look {
        Look {
            width: usize::from(self.areas.rows.width),
            theme: self.theme,
            me: app.state().me().clone(),
            new_above: self.reading.new_above,
            found: self.found().cloned(),
            load_key: self.keys.of(Action::LoadHole),
            long_texts: self.long_texts.clone(),
        }
    }

    /// Returns the lines of the open conversation that are on the screen.
    pub fn window(&self, app: &App) -> Window {
        let height = usize::from(self.areas.rows.height);
        match &self.open {
            Some(target) => self.rows(app, target).window(self.reading.places.get(target), height),
            None => Rows::of_notes(app, &self.notes.of(None), self.look(app)).window(None, height.saturating_sub(2)),
        }
    }

    /// Follows the app to the conversation that is open there, and to its question for a password.
    pub fn follow(&mut self, app: &App) {
        self.writing.follow_secret(app, self.open.as_ref());
        let open = app.destination().target();
        if open == self.open {
            return;
        }
        self.writing.change_draft(self.open.take(), open.as_ref());
        self.reading.begin(open.as_ref().and_then(|target| self.first_unseen(app, target)));
        if let Some(target) = &open {
            self.list.note_opened(target);
            self.notes.move_to(target, last_message(app, target).as_ref());
        }
        self.open = open;
    }

    fn first_unseen(&self, app: &App, target: &Target) -> Option<Seq> {
        let conversation = app.state().find_conversation(target)?;
        conversation.received_after(conversation.seen()).next().map(|_| conversation.seen())
    }

    /// Removes the texts of messages that were taken back from what is about to be drawn.
    pub(crate) fn forget_erased(&mut self, app: &App) {
        self.notes.forget_erased(app.state(), self.marks);
    }

    /// Scrolls to the first new message of a conversation that was just opened, or came to the foreground again.
    pub(crate) fn settle_place(&mut self, app: &App) {
        if !std::mem::take(&mut self.reading.to_first_new) {
            return;
        }
        if let Some(target) = self.open.clone() {
            let place = self.rows(app, &target).first_new(usize::from(self.areas.rows.height));
            self.reading.scroll_to(&target, place);
        }
    }

    /// Notes what was drawn; returns what the app is told: what was seen, and which older rows are wanted.
    pub fn note_drawn(&mut self, app: &App) -> Vec<Event> {
        let Some(target) = self.open.clone() else { return Vec::new() };
        let searches = matches!(self.mode, Mode::Search(Search { everywhere: false, .. }));
        let older = self.reading.ask_for_older(app, &target, searches);
        let is_visible = self.is_visible() && !self.reading.drawn.is_lost;
        let seen = if is_visible { self.reading.what_was_seen(app, &target) } else { None };
        let mut events = Vec::new();
        if let Some(last) = seen {
            events.push(Event::Seen(target, last));
        }
        events.extend(older);
        events
    }

    /// Checks that the user can see the messages of the open conversation.
    fn is_visible(&self) -> bool {
        self.focused && !self.is_covered() && self.areas.rows.height > 0
    }

    /// Checks that something lies over the conversation: in a narrow window the list does, too.
    pub(super) fn is_covered(&self) -> bool {
        matches!(self.mode, Mode::Help { .. } | Mode::Jump { .. } | Mode::Paste(_)) || self.is_list_over()
    }

    pub(super) fn is_in_list(&self) -> bool {
        matches!(self.mode, Mode::List(_) | Mode::Filter)
    }

    /// Checks that the list has the keys, and no column of its own.
    pub(super) fn is_list_over(&self) -> bool {
        self.is_in_list() && self.areas.list.width == 0
    }

    fn set_focus(&mut self, app: &App, focused: bool) {
        self.focused = focused;
        if focused {
            self.find_new(app);
        } else {
            let open = self.open.as_ref().and_then(|target| app.state().find_conversation(target));
            // A message that comes now is new.
            self.reading.new_above = open.map(|conversation| conversation.seen());
        }
    }

    /// Notes what is new in the open conversation after a time without a connection.
    fn note_connection(&mut self, app: &App) {
        let was_connected = std::mem::replace(&mut self.was_connected, app.is_connected());
        if self.was_connected && !was_connected && self.reading.new_above.is_none() {
            self.find_new(app);
        }
    }

    /// Finds the first new message of the open conversation.
    fn find_new(&mut self, app: &App) {
        let Some(target) = &self.open else { return };
        let Some(seen) = self.first_unseen(app, target) else { return };
        self.reading.note_new(target, seen);
    }

    /// Takes in what the app shows.
    pub fn take(&mut self, views: Vec<View>, app: &App) -> Vec<Request> {
        self.note_connection(app);
        self.enter_held(app);
        if self.notes.follow_store(app.state().store()) {
            // Read them again: numbers of the store before told which of them were taken back.
            self.reading.older = Older::default();
        }
        for view in views {
            match view {
                View::Incoming(message) | View::Direct(message) => self.notify(app, &message),
                View::Tick { state: None, message, .. } => self.note_queued(app, &message),
                // It is a row of its conversation, and its state stands beside it.
                View::Elsewhere(..) => {}
                View::Tick { message, .. } => self.notes.note_number(app.state(), &message),
                View::Hidden(_) | View::DirectTick { .. } => {}
                View::Failed { message, why } => self.note_failed(app, message, why),
                View::Older(target, rows) if self.open.as_ref() == Some(&target) => {
                    self.reading.older.take(rows);
                    self.count_hits(app);
                }
                View::Older(..) => {}
                View::Clear => self.notes.clear(),
                View::Notice(text) => self.add_note(app, NoteKind::Notice, &text),
                View::Problem(text) => self.add_note(app, NoteKind::Problem, &text),
                view => {
                    let kind = Quoted::of(&view).map_or(NoteKind::Answer, NoteKind::Quoted);
                    self.add_note(app, kind, &render(&view, self.marks));
                }
            }
        }
        std::mem::take(&mut self.requests)
    }

    /// Keeps a draft where the Up key finds it.
    pub(super) fn put_aside(&mut self, app: &App, draft: &str) {
        self.writing.editor.remember(draft);
        self.add_note(app, NoteKind::Notice, &Phrase::DraftAside.to_string());
    }

    /// Adds a line that nobody said after the last message.
    pub fn add_note(&mut self, app: &App, kind: NoteKind, text: &str) {
        self.add_note_to(app, self.open.clone(), kind, text);
    }

    fn add_note_to(&mut self, app: &App, target: Option<Target>, kind: NoteKind, text: &str) {
        let after = target.as_ref().and_then(|target| last_message(app, target));
        self.notes.add(target, after, kind, text);
    }

    /// Adds a line about a message that the user has sent to another conversation than the one that is open now.
    fn note_queued(&mut self, app: &App, message: &Outgoing) {
        if self.open.as_ref() != Some(&message.to) && !is_automatic(&message.text) {
            let after = self.open.as_ref().and_then(|target| last_message(app, target));
            self.notes.add_sent(self.open.clone(), after, message);
        }
    }

    /// Reports that the server has refused a message: where it was typed, if that was another conversation than its own, else
    /// in the open one. In its own conversation the message says so.
    fn note_failed(&mut self, app: &App, message: Outgoing, why: String) {
        let typed_in = self.notes.remove_sent(&message.id).unwrap_or_else(|| self.open.clone());
        if typed_in.as_ref() != Some(&message.to) && !is_automatic(&message.text) {
            let text = render(&View::Failed { message, why }, self.marks);
            self.add_note_to(app, typed_in, NoteKind::Problem, &text);
        }
    }

    /// Tells the user of a message that is not on the screen, unless that is not wanted.
    fn notify(&mut self, app: &App, message: &Message) {
        let state = app.state();
        let target = state.target_of(message);
        let is_shown =
            self.is_visible() && self.open.as_ref() == Some(&target) && !self.reading.places.contains_key(&target);
        let calls = matches!(target, Target::User(_)) || mentions_user(message, state.me());
        let is_unwanted = state.is_muted(&target) || message.text.is_erased();
        if is_shown || !calls || is_unwanted || state.is_mine(message) {
            return;
        }
        let from = if matches!(target, Target::User(_)) {
            message.from.to_string()
        } else {
            format!("{} {}", target, message.from)
        };
        self.requests.push(Request::Notify(format!("{from}: {}", snippet(message.text.as_str()))));
    }
}

/// Returns the last message of a conversation, sent or not.
fn last_message(app: &App, target: &Target) -> Option<MessageId> {
    let state = app.state();
    let queued = state.outbox().iter().filter(|message| message.to == *target).last().map(|message| &message.id);
    let last = state.find_conversation(target).and_then(|c| c.rows().rev().find(|row| row.id().is_some()));
    let unconfirmed = app.unconfirmed_in(target).last().map(|(message, _)| message);
    let unconfirmed = unconfirmed.filter(|message| last.and_then(Row::at) <= Some(message.at));
    queued.or(unconfirmed.map(|message| &message.id)).or_else(|| last?.id()).cloned()
}
