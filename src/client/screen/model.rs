//! The state of the full screen that is not the app's: what is typed, where each conversation is scrolled to, what lies
//! over it. Keys come in; what the app has to do comes out. It touches no terminal, so a test can play any life of it.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;

use super::chats::{self, Chat, Counts};
use super::item::{Key, Look, Note, NoteKind, mentions_user};
use super::keys::{Action, Keys};
use super::long_text::LongTexts;
use super::older::Older;
use super::rows::{Place, Rows, Window};
use super::theme::Theme;
use crate::client::app::App;
use crate::client::app::event::Event;
use crate::client::app::view::View;
use crate::client::state::row::Row;
use crate::client::terminal::display::render;
use crate::client::terminal::editor::Editor;
use crate::client::terminal::marks::Marks;
use crate::model::safe::{safe_lines, snippet};
use crate::model::{Message, MessageId, Seq, Target};

/// A request of the screen to the program around it, after a key or an arrival.
#[derive(Debug)]
pub enum Request {
    App(Event),
    Suspend,
    Redraw,
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
    /// Words are looked for: everywhere, or in this conversation.
    Search {
        words: String,
        everywhere: bool,
    },
    Help {
        scrolled: usize,
    },
    /// A pasted text of many lines: is it to be inserted?
    Paste(String),
}

/// The places of the drawn parts: clicks are looked up here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Areas {
    pub list: ratatui::layout::Rect,
    pub rows: ratatui::layout::Rect,
}

/// The state of the screen.
pub struct Model {
    pub keys: Keys,
    pub theme: Theme,
    pub marks: Marks,
    pub mode: Mode,
    pub editor: Editor,
    pub drafts: HashMap<Target, String>,
    pub places: HashMap<Target, Place>,
    pub filter: String,
    pub notes: VecDeque<Note>,
    pub older: Older,
    pub areas: Areas,
    /// The lines of the open conversation that were drawn last.
    pub drawn: Window,
    /// The conversation that was open when the screen was last drawn.
    pub open: Option<Target>,
    /// The conversations that were open in this run: they are listed even if nothing was said there.
    pub opened: HashSet<Target>,
    /// The messages above this number were new when it was opened.
    pub new_above: Option<Seq>,
    /// The place to scroll to is that of the first new message.
    to_first_new: bool,
    pub focused: bool,
    /// The client was connected when the screen last changed.
    was_connected: bool,
    /// Texts that were entered while the app waited for the answer that decides where they go.
    pub held: VecDeque<String>,
    /// The message that was found last, and how many there are; `None`: nothing was looked for yet.
    pub found: Option<Key>,
    pub found_count: Option<usize>,
    notes_made: u64,
    long_texts: Rc<RefCell<LongTexts>>,
    counts: RefCell<Counts>,
}

/// Most lines of answers and notices that stay on the screen.
const NOTES: usize = 500;

impl Model {
    pub fn new(keys: Keys, theme: Theme, marks: Marks) -> Self {
        Self {
            keys,
            theme,
            marks,
            mode: Mode::default(),
            editor: Editor::default(),
            drafts: HashMap::new(),
            places: HashMap::new(),
            filter: String::new(),
            notes: VecDeque::new(),
            older: Older::default(),
            areas: Areas::default(),
            drawn: Window::default(),
            open: None,
            opened: HashSet::new(),
            new_above: None,
            to_first_new: false,
            focused: true,
            was_connected: false,
            held: VecDeque::new(),
            found: None,
            found_count: None,
            notes_made: 0,
            long_texts: Rc::default(),
            counts: RefCell::default(),
        }
    }

    pub(super) fn all_chats(&self, app: &App) -> Vec<Chat> {
        chats::list(app.state(), self.open.as_ref(), &self.opened, &self.drafts, &mut self.counts.borrow_mut())
    }

    /// Returns the chats of the list.
    pub fn chats(&self, app: &App) -> Vec<Chat> {
        self.filtered(self.all_chats(app))
    }

    pub(super) fn filtered(&self, mut chats: Vec<Chat>) -> Vec<Chat> {
        let filter = self.filter.to_lowercase();
        chats.retain(|chat| chat.target.to_string().to_lowercase().contains(&filter));
        chats
    }

    /// Returns the rows of the open conversation.
    pub fn rows<'a>(&'a self, app: &'a App, target: &Target) -> Rows<'a> {
        Rows::new(app.state(), target, &self.older.rows, &self.notes_of(Some(target)), self.look(app))
    }

    /// Returns the notes that are shown in a conversation, or while none is open.
    fn notes_of(&self, target: Option<&Target>) -> Vec<&Note> {
        self.notes.iter().filter(|note| note.target.is_none() || note.target.as_ref() == target).collect()
    }

    fn look(&self, app: &App) -> Look {
        Look {
            width: usize::from(self.areas.rows.width),
            theme: self.theme,
            me: app.state().me().clone(),
            new_above: self.new_above,
            load_key: self.keys.of(Action::LoadHole),
            long_texts: self.long_texts.clone(),
        }
    }

    /// Returns the lines of the open conversation that are on the screen.
    pub fn window(&self, app: &App) -> Window {
        let height = usize::from(self.areas.rows.height);
        match &self.open {
            Some(target) => self.rows(app, target).window(self.places.get(target), height),
            None => Rows::of_notes(&self.notes_of(None), self.look(app)).window(None, height.saturating_sub(2)),
        }
    }

    /// Follows the app to the conversation that is open there, and to its question for a password.
    pub fn follow(&mut self, app: &App) {
        self.follow_secret(app);
        let open = app.open().target();
        if open == self.open {
            return;
        }
        self.change_draft(open.as_ref());
        self.older = Older::default();
        self.new_above = open.as_ref().and_then(|target| self.first_unseen(app, target));
        self.to_first_new = self.new_above.is_some();
        self.opened.extend(open.clone());
        self.take_notes(app, open.as_ref());
        self.open = open;
    }

    /// Hides what is typed while the app asks for a password. Afterwards the draft of the conversation is there again.
    fn follow_secret(&mut self, app: &App) {
        let was_secret = self.editor.is_secret();
        self.editor.set_secret(app.asks_secret());
        if was_secret && !self.editor.is_secret() {
            let draft = self.open.as_ref().and_then(|target| self.drafts.get(target));
            self.editor.set_text(draft.map_or("", String::as_str));
        }
    }

    /// Moves the notes that were made while no conversation was open into the first one.
    fn take_notes(&mut self, app: &App, open: Option<&Target>) {
        let Some(target) = open else { return };
        let after = last_message(app, target);
        for note in self.notes.iter_mut().filter(|note| note.target.is_none()) {
            (note.target, note.after) = (Some(target.clone()), after.clone());
        }
    }

    /// Returns what was typed and not given to the app yet.
    pub fn draft(&self) -> String {
        let all: Vec<_> = self.held.iter().cloned().chain(self.typed()).collect();
        all.join("\n")
    }

    /// Returns the text in the editor, if it is one to keep: no password is.
    fn typed(&self) -> Option<String> {
        let typed = Some(self.editor.text()).filter(|_| !self.editor.is_secret());
        typed.filter(|typed| !typed.trim().is_empty())
    }

    /// Keeps the text in the editor as the draft of the conversation that is left, and takes that of the other one. A
    /// password is discarded.
    fn change_draft(&mut self, open: Option<&Target>) {
        if self.editor.is_secret() {
            self.open = None;
            return self.editor.set_text("");
        }
        let typed = self.typed();
        let mut draft: Vec<_> = open.and_then(|target| self.drafts.get(target)).cloned().into_iter().collect();
        match (self.open.take(), typed) {
            (Some(left), Some(typed)) => _ = self.drafts.insert(left, typed),
            (Some(left), None) => _ = self.drafts.remove(&left),
            // A text that was typed while none was open is for the first one.
            (None, typed) => draft.extend(typed),
        }
        self.editor.set_text(&draft.join("\n"));
    }

    fn first_unseen(&self, app: &App, target: &Target) -> Option<Seq> {
        let conversation = app.state().find_conversation(target)?;
        conversation.received_after(conversation.seen()).next().map(|_| conversation.seen())
    }

    /// Scrolls to the first new message of a conversation that was just opened, or came to the foreground again.
    pub fn settle_place(&mut self, app: &App) {
        if !std::mem::take(&mut self.to_first_new) {
            return;
        }
        if let Some(target) = self.open.clone() {
            let place = self.rows(app, &target).first_new(usize::from(self.areas.rows.height));
            self.scroll_to(&target, place);
        }
    }

    /// Notes what was drawn; returns what the app is told: what was seen, and which older rows are wanted.
    pub fn note_drawn(&mut self, app: &App) -> Vec<Event> {
        let Some(target) = self.open.clone() else { return Vec::new() };
        if self.older.is_outdated(app, &target) {
            self.older.ended = false;
        }
        let is_lost = self.drawn.is_lost;
        let searches = matches!(self.mode, Mode::Search { everywhere: false, .. }) && self.older.is_searchable();
        let wants_older = self.drawn.reaches_top || is_lost || searches || self.older.is_outdated(app, &target);
        let older = wants_older.then(|| self.older.ask(app, &target)).flatten();
        if is_lost && !self.older.awaited {
            // The old place is gone: the bottom is shown, and is the place.
            self.places.remove(&target);
        }
        let read = if is_lost { None } else { self.what_was_seen(app, &target) };
        read.map(|last| Event::Seen(target, last)).into_iter().chain(older).collect()
    }

    /// Returns up to which number the user has seen the messages, if that is more than before.
    fn what_was_seen(&self, app: &App, target: &Target) -> Option<Seq> {
        let seen = app.state().find_conversation(target).map_or(Seq::ZERO, |c| c.seen());
        let last = self.drawn.seen.filter(|last| self.is_visible() && *last > seen)?;
        let is_whole = self.older.ended || !app.state().lacks_rows(target);
        // The screen continues what was seen: no message above it is new.
        let continues = || self.drawn.above.map_or(is_whole, |above| above <= seen);
        (self.drawn.bottom.is_none() || continues()).then_some(last)
    }

    /// Checks that the user can see the messages of the open conversation.
    fn is_visible(&self) -> bool {
        let is_covered = matches!(self.mode, Mode::Help { .. } | Mode::Jump { .. } | Mode::Paste(_));
        self.focused && !is_covered && self.areas.rows.height > 0
    }

    pub(super) fn set_focus(&mut self, app: &App, focused: bool) {
        self.focused = focused;
        if focused {
            self.find_new(app);
        } else {
            // A message that comes while the window is in the background is new.
            let open = self.open.as_ref().and_then(|target| app.state().find_conversation(target));
            self.new_above = open.map(|conversation| conversation.seen());
        }
    }

    pub(super) fn scroll_to(&mut self, target: &Target, place: Option<Place>) {
        _ = match place {
            Some(place) => self.places.insert(target.clone(), place),
            None => self.places.remove(target),
        };
    }

    /// Notes what is new in the open conversation after a time without a connection.
    fn note_connection(&mut self, app: &App) {
        let was_connected = std::mem::replace(&mut self.was_connected, app.is_connected());
        if self.was_connected && !was_connected && self.new_above.is_none() {
            self.find_new(app);
        }
    }

    /// Finds the first new message of the open conversation. A user who was at the bottom goes on reading there.
    fn find_new(&mut self, app: &App) {
        let Some(target) = &self.open else { return };
        let Some(seen) = self.first_unseen(app, target) else { return };
        self.new_above = Some(seen);
        self.to_first_new = !self.places.contains_key(target);
    }

    /// Takes in what the app shows.
    pub fn take(&mut self, views: Vec<View>, app: &App) -> Vec<Request> {
        self.note_connection(app);
        let mut requests = self.enter_held(app);
        for view in views {
            match view {
                View::Incoming(message) | View::Direct(message) => requests.extend(self.notice_of(app, &message)),
                // The state of each message stands beside it.
                View::Hidden(_) | View::Tick { .. } | View::DirectTick { .. } | View::Failed { .. } => {}
                View::Older(target, rows) if self.open.as_ref() == Some(&target) => self.older.take(rows),
                View::Older(..) => {}
                View::Clear => self.notes.clear(),
                View::Notice(text) => self.add_note(app, NoteKind::Notice, text),
                View::Problem(text) => self.add_note(app, NoteKind::Problem, text),
                view => self.add_note(app, NoteKind::Answer, render(&view, self.marks)),
            }
        }
        requests
    }

    /// Adds a line that nobody said behind the last message.
    pub fn add_note(&mut self, app: &App, kind: NoteKind, text: String) {
        self.notes_made += 1;
        let target = self.open.clone();
        let after = target.as_ref().and_then(|target| last_message(app, target));
        let text = safe_lines(&text);
        self.notes.push_back(Note { number: self.notes_made, target, after, text, kind });
        if self.notes.len() > NOTES {
            self.notes.pop_front();
        }
    }

    /// Returns the last error on the screen: what is still to be said when the screen is left.
    pub fn last_problem(&self) -> Option<String> {
        let last = self.notes.back().filter(|note| note.kind == NoteKind::Problem)?;
        Some(format!("! {}", last.text))
    }

    /// Returns the notice of a message that is not on the screen, if the user wants one.
    fn notice_of(&self, app: &App, message: &Message) -> Option<Request> {
        let state = app.state();
        let target = state.target_of(message);
        let is_shown = self.is_visible() && self.open.as_ref() == Some(&target) && !self.places.contains_key(&target);
        let calls = matches!(target, Target::User(_)) || mentions_user(message, state.me());
        if is_shown || !calls || state.is_muted(&target) || state.is_mine(message) {
            return None;
        }
        let from = if matches!(target, Target::User(_)) {
            message.from.to_string()
        } else {
            format!("{} {}", target, message.from)
        };
        Some(Request::Notify(format!("{from}: {}", snippet(message.text.as_str()))))
    }
}

/// Returns the last message of a conversation, sent or not.
fn last_message(app: &App, target: &Target) -> Option<MessageId> {
    let state = app.state();
    let queued = state.outbox().iter().filter(|message| message.to == *target).last().map(|message| &message.id);
    let rows = state.find_conversation(target).map(|c| c.rows());
    queued.or_else(|| rows?.rev().find_map(Row::id)).cloned()
}
