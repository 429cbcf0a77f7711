//! The state of the full screen that is not the app's: what is typed, where each conversation is scrolled to, what lies
//! over it. Keys come in; what the app has to do comes out. It touches no terminal, so a test can play any life of it.

use std::collections::{HashMap, VecDeque};

use terminput::{
    Event as TerminalEvent, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseEventKind, ScrollDirection,
};

use super::chats::{self, Chat};
use super::keys::{Action, Keys};
use super::rows::{Key, Look, Note, NoteKind, Place, Rows, Window};
use super::theme::Theme;
use crate::client::app::App;
use crate::client::app::event::Event;
use crate::client::app::view::View;
use crate::client::state::conversation::Row;
use crate::client::terminal::editor::{Edit, Editor};
use crate::client::terminal::render;
use crate::client::texts::Phrase;
use crate::limits;
use crate::model::{Seq, Target};

/// What a key or an arrival asks of the program around the screen.
#[derive(Debug)]
pub enum Request {
    App(Event),
    Suspend,
    Redraw,
    /// The user is to be told of a message that is not on the screen: who wrote, and the beginning of the text.
    Notify(String),
}

/// What lies over the conversation, or takes the keys.
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

/// Rows of the open conversation that memory does not hold.
#[derive(Default)]
pub struct Older {
    pub rows: Vec<Row>,
    /// Rows that were asked for; while this is more than there are, an answer is awaited.
    wanted: usize,
    awaited: bool,
    /// There are no older ones.
    ended: bool,
}

/// What is drawn, and where: clicks are looked up here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Areas {
    pub list: ratatui::layout::Rect,
    pub rows: ratatui::layout::Rect,
}

/// The state of the screen.
pub struct Model {
    pub keys: Keys,
    pub theme: Theme,
    pub mode: Mode,
    pub editor: Editor,
    pub drafts: HashMap<Target, String>,
    pub places: HashMap<Target, Place>,
    pub filter: String,
    pub notes: VecDeque<Note>,
    pub older: Older,
    pub areas: Areas,
    /// The conversation that was open when the screen was last drawn.
    pub open: Option<Target>,
    /// The messages above this number were new when it was opened.
    pub new_above: Option<Seq>,
    /// The place to scroll to is that of the first new message.
    to_first_new: bool,
    pub focused: bool,
    /// The message that was found last, and how many there are.
    pub found: Option<Key>,
    pub found_count: usize,
    notes_made: u64,
}

/// Most lines of answers and notices that stay on the screen.
const NOTES: usize = 500;
/// Rows of the log that are looked up at first; each time twice as many.
const OLDER_ROWS: usize = 500;
/// Lines of a pasted text above which the user is asked.
const PASTE_LINES: usize = 20;
/// Lines by which the mouse wheel scrolls.
const WHEEL_LINES: usize = 3;

impl Model {
    pub fn new(keys: Keys, theme: Theme) -> Self {
        Self {
            keys,
            theme,
            mode: Mode::default(),
            editor: Editor::default(),
            drafts: HashMap::new(),
            places: HashMap::new(),
            filter: String::new(),
            notes: VecDeque::new(),
            older: Older::default(),
            areas: Areas::default(),
            open: None,
            new_above: None,
            to_first_new: false,
            focused: true,
            found: None,
            found_count: 0,
            notes_made: 0,
        }
    }

    /// Returns the chats of the list.
    pub fn chats(&self, app: &App) -> Vec<Chat> {
        let mut chats = chats::list(app.state(), self.open.as_ref(), &self.drafts);
        let filter = self.filter.to_lowercase();
        chats.retain(|chat| chat.target.to_string().to_lowercase().contains(&filter));
        chats
    }

    /// Returns the rows of the open conversation.
    pub fn rows<'a>(&'a self, app: &'a App, target: &Target) -> Rows<'a> {
        let notes: Vec<_> =
            self.notes.iter().filter(|note| note.target.as_ref().is_none_or(|of| of == target)).collect();
        let look = Look {
            width: usize::from(self.areas.rows.width),
            theme: self.theme,
            me: app.state().me().clone(),
            new_above: self.new_above,
            load_key: self.keys.of(Action::LoadHole),
        };
        Rows::new(app.state(), target, &self.older.rows, &notes, look)
    }

    /// Returns the lines of the open conversation that are on the screen.
    pub fn window(&self, app: &App) -> Window {
        let Some(target) = &self.open else { return Window::default() };
        self.rows(app, target).window(self.places.get(target), usize::from(self.areas.rows.height))
    }

    /// Follows the app to the conversation that is open there.
    pub fn follow(&mut self, app: &App) {
        let open = app.open().target();
        if open == self.open {
            return;
        }
        let draft = self.editor.text();
        if let Some(left) = self.open.take() {
            _ = if draft.trim().is_empty() { self.drafts.remove(&left) } else { self.drafts.insert(left, draft) };
        }
        self.editor.set_text(open.as_ref().and_then(|target| self.drafts.get(target)).map_or("", String::as_str));
        self.older = Older::default();
        self.new_above = open.as_ref().and_then(|target| self.first_unseen(app, target));
        self.to_first_new = self.new_above.is_some();
        self.open = open;
    }

    fn first_unseen(&self, app: &App, target: &Target) -> Option<Seq> {
        let conversation = app.state().find_conversation(target)?;
        conversation.received_after(conversation.seen()).next().map(|_| conversation.seen())
    }

    /// Notes what was drawn; returns what the app is told: what was seen, and which older rows are wanted.
    pub fn note_drawn(&mut self, app: &App) -> Vec<Event> {
        let Some(target) = self.open.clone() else { return Vec::new() };
        let height = usize::from(self.areas.rows.height);
        if std::mem::take(&mut self.to_first_new) {
            let place = self.rows(app, &target).first_new(height);
            self.scroll_to(&target, place);
        }
        let window = self.window(app);
        let older = window.reaches_top.then(|| self.ask_for_older(app, &target)).flatten();
        let seen = app.state().find_conversation(&target).map_or(Seq::ZERO, |c| c.seen());
        let is_visible = self.focused && height > 0 && matches!(self.mode, Mode::Typing | Mode::List(_) | Mode::Filter);
        let read = window.seen.filter(|last| is_visible && *last > seen);
        let read = read.filter(|_| window.bottom.is_none() || self.rows(app, &target).continues(&window, seen, height));
        read.map(|last| Event::Seen(target, last)).into_iter().chain(older).collect()
    }

    fn ask_for_older(&mut self, app: &App, target: &Target) -> Option<Event> {
        if self.older.awaited || self.older.ended || !app.state().lacks_rows(target) {
            return None;
        }
        self.older.wanted = (2 * self.older.wanted).max(OLDER_ROWS);
        self.older.awaited = true;
        Some(Event::Scrolled(target.clone(), self.older.wanted))
    }

    fn scroll_to(&mut self, target: &Target, place: Option<Place>) {
        _ = match place {
            Some(place) => self.places.insert(target.clone(), place),
            None => self.places.remove(target),
        };
    }

    /// Takes in what the app shows.
    pub fn take(&mut self, views: Vec<View>, app: &App) -> Vec<Request> {
        let mut requests = Vec::new();
        for view in views {
            match view {
                View::Incoming(message) => requests.extend(self.notice_of(app, &message)),
                View::Direct(message) => requests.extend(self.notice_of(app, &message)),
                // The state of each message stands beside it.
                View::Hidden(_) | View::Tick { .. } | View::DirectTick { .. } | View::Failed { .. } => {}
                View::Older(target, rows) if self.open.as_ref() == Some(&target) => self.take_older(rows),
                View::Older(..) => {}
                View::Clear => self.notes.clear(),
                View::Notice(text) => self.add_note(app, NoteKind::Notice, text),
                View::Problem(text) => self.add_note(app, NoteKind::Problem, text),
                view => self.add_note(app, NoteKind::Answer, render(&view)),
            }
        }
        requests
    }

    fn take_older(&mut self, rows: Vec<Row>) {
        self.older.ended = rows.len() <= self.older.rows.len();
        self.older.awaited = false;
        self.older.rows = rows;
    }

    /// Adds a line that nobody said behind the last message.
    pub fn add_note(&mut self, app: &App, kind: NoteKind, text: String) {
        self.notes_made += 1;
        let target = self.open.clone();
        let rows = target.as_ref().and_then(|target| app.state().find_conversation(target)).map(|c| c.rows());
        let after = rows.and_then(|rows| rows.rev().find_map(Row::at));
        let text = crate::client::texts::safe::safe_lines(&text);
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
    fn notice_of(&self, app: &App, message: &crate::model::Message) -> Option<Request> {
        let state = app.state();
        let target = state.target_of(message);
        let is_shown = self.focused && self.open.as_ref() == Some(&target) && !self.places.contains_key(&target);
        let calls = matches!(target, Target::User(_)) || super::rows::mentions_user(message, state.me());
        if is_shown || !calls || state.is_muted(&target) || state.is_mine(message) {
            return None;
        }
        let from = if matches!(target, Target::User(_)) {
            message.from.to_string()
        } else {
            format!("{} {}", target, message.from)
        };
        Some(Request::Notify(format!("{from}: {}", crate::client::texts::safe::snippet(message.text.as_str()))))
    }
}

/// Keys and clicks.
impl Model {
    /// Handles an event of the terminal.
    pub fn handle(&mut self, event: TerminalEvent, app: &App) -> Vec<Request> {
        match event {
            TerminalEvent::Key(key) if key.kind != KeyEventKind::Release => self.handle_key(key, app),
            TerminalEvent::Paste(text) => self.paste(text, app),
            TerminalEvent::FocusGained => self.set_focus(true, app),
            TerminalEvent::FocusLost => self.set_focus(false, app),
            TerminalEvent::Mouse(mouse) => match mouse.kind {
                MouseEventKind::Scroll(ScrollDirection::Up) => self.scroll(app, true, WHEEL_LINES),
                MouseEventKind::Scroll(ScrollDirection::Down) => self.scroll(app, false, WHEEL_LINES),
                MouseEventKind::Down(_) => self.click(app, mouse.column, mouse.row),
                _ => Vec::new(),
            },
            TerminalEvent::Resize { .. } => vec![Request::Redraw],
            TerminalEvent::Key(_) => Vec::new(),
        }
    }

    fn set_focus(&mut self, focused: bool, app: &App) -> Vec<Request> {
        self.focused = focused;
        if !focused && let Some(target) = &self.open {
            // What comes while the window is in the background is new.
            self.new_above = app.state().find_conversation(target).map(|c| c.seen());
        }
        Vec::new()
    }

    fn handle_key(&mut self, mut key: KeyEvent, app: &App) -> Vec<Request> {
        if matches!(key.code, KeyCode::Char(_)) {
            key.modifiers.remove(KeyModifiers::SHIFT);
        }
        match &self.mode {
            Mode::Typing => self.handle_typing(key, app),
            Mode::Paste(_) => self.answer_paste(key),
            _ => self.handle_over(key, app),
        }
    }

    fn handle_typing(&mut self, key: KeyEvent, app: &App) -> Vec<Request> {
        if key.code == KeyCode::Char('?') && key.modifiers.is_empty() && self.editor.is_empty() {
            return self.act(Action::Help, app);
        }
        if let Some(action) = self.keys.action(&key) {
            return self.act(action, app);
        }
        match self.editor.input(key) {
            Edit::Submitted(text) => self.submit(text, app),
            Edit::Ended => vec![Request::App(Event::InputEnded)],
            Edit::Full => self.problem(app, Phrase::LineTooLong),
            Edit::Unhandled if key.code == KeyCode::Char('c') => self.hint(app, Phrase::HowToLeave),
            Edit::None | Edit::Changed | Edit::Cleared | Edit::Unhandled => Vec::new(),
        }
    }

    fn problem(&mut self, app: &App, phrase: Phrase) -> Vec<Request> {
        self.add_note(app, NoteKind::Problem, phrase.to_string());
        Vec::new()
    }

    fn hint(&mut self, app: &App, phrase: Phrase) -> Vec<Request> {
        self.add_note(app, NoteKind::Notice, phrase.to_string());
        Vec::new()
    }

    /// Gives a text to the app, unless the app waits for the answer that decides where it goes: then it stays.
    fn submit(&mut self, text: String, app: &App) -> Vec<Request> {
        if !app.wants_line() {
            self.editor.set_text(&text);
            return Vec::new();
        }
        if let Some(target) = self.open.clone() {
            self.places.remove(&target);
            self.drafts.remove(&target);
            self.new_above = None;
        }
        vec![Request::App(Event::Entered(text))]
    }

    fn paste(&mut self, text: String, app: &App) -> Vec<Request> {
        if text.lines().count() > PASTE_LINES {
            self.mode = Mode::Paste(text);
        } else if !self.editor.paste(&text) {
            return self.problem(app, Phrase::LineTooLong);
        }
        Vec::new()
    }

    fn answer_paste(&mut self, key: KeyEvent) -> Vec<Request> {
        let Mode::Paste(text) = std::mem::take(&mut self.mode) else { return Vec::new() };
        let yes = crate::client::texts::Language::current().yes();
        let typed = if let KeyCode::Char(c) = key.code { c.to_lowercase().to_string() } else { String::new() };
        if typed == "y" || typed == yes || key.code == KeyCode::Enter {
            self.editor.paste(&text);
        }
        Vec::new()
    }

    fn act(&mut self, action: Action, app: &App) -> Vec<Request> {
        let page = usize::from(self.areas.rows.height.saturating_sub(1)).max(1);
        match action {
            Action::Help => self.mode = Mode::Help { scrolled: 0 },
            Action::NextChat => return self.step(app, 1),
            Action::PreviousChat => return self.step(app, -1),
            Action::Chat(number) => return self.select(self.chats(app).get(number - 1)),
            Action::NextUnread => return self.next_unread(app),
            Action::Jump => self.mode = Mode::Jump { name: String::new(), chosen: 0 },
            Action::Search => self.mode = Mode::Search { words: String::new(), everywhere: false },
            Action::List => self.mode = Mode::List(self.number_of_open(app).unwrap_or(0)),
            Action::PageUp => return self.scroll(app, true, page),
            Action::PageDown => return self.scroll(app, false, page),
            Action::Oldest => return self.scroll(app, true, usize::MAX / 2),
            Action::Newest => return self.scroll(app, false, usize::MAX / 2),
            Action::LoadHole => {
                return self.window(app).hole.map(|gap| Request::App(Event::Wanted(gap))).into_iter().collect();
            }
            Action::Complete | Action::CompleteBack => {
                self.editor.complete(&super::names::AppNames(app), action == Action::CompleteBack);
            }
            Action::Redraw => return vec![Request::Redraw],
            Action::Suspend => return vec![Request::Suspend],
        }
        Vec::new()
    }

    fn number_of_open(&self, app: &App) -> Option<usize> {
        self.chats(app).iter().position(|chat| Some(&chat.target) == self.open.as_ref())
    }

    fn select(&mut self, chat: Option<&Chat>) -> Vec<Request> {
        chat.map(|chat| Request::App(Event::Selected(chat.target.clone()))).into_iter().collect()
    }

    fn step(&mut self, app: &App, by: isize) -> Vec<Request> {
        let chats = self.chats(app);
        let count = chats.len().max(1);
        let next =
            self.number_of_open(app).map_or(0, |here| here.saturating_add(count).saturating_add_signed(by) % count);
        self.select(chats.get(next))
    }

    fn next_unread(&mut self, app: &App) -> Vec<Request> {
        let chats = self.chats(app);
        let start = self.number_of_open(app).map_or(0, |here| here + 1);
        let is_unread = |chat: &&Chat| chat.unread > 0 && Some(&chat.target) != self.open.as_ref();
        let next = chats.iter().cycle().skip(start).take(chats.len()).filter(is_unread).max_by_key(|chat| chat.calls());
        self.select(next)
    }

    fn scroll(&mut self, app: &App, up: bool, lines: usize) -> Vec<Request> {
        if let Mode::Help { scrolled } = &mut self.mode {
            *scrolled = if up {
                scrolled.saturating_sub(lines)
            } else {
                scrolled.saturating_add(lines).min(limits::CONVERSATION_SHOWN)
            };
            return Vec::new();
        }
        let Some(target) = self.open.clone() else { return Vec::new() };
        let (place, height) = (self.places.get(&target), usize::from(self.areas.rows.height));
        let rows = self.rows(app, &target);
        let place = if up { rows.above(place, height, lines) } else { rows.below(place, lines) };
        drop(rows);
        self.scroll_to(&target, place);
        Vec::new()
    }

    fn click(&mut self, app: &App, column: u16, row: u16) -> Vec<Request> {
        let at = ratatui::layout::Position::new(column, row);
        if self.areas.list.contains(at) {
            let chats = self.chats(app);
            let top = super::draw::first_listed(chats.len(), self.chosen(app), self.areas.list.height);
            return self.select(chats.get(top + usize::from(row - self.areas.list.y)));
        }
        if self.areas.rows.contains(at) {
            let line = usize::from(row - self.areas.rows.y);
            let holes = self.window(app).holes;
            let clicked = holes.into_iter().find(|(at, _)| *at == line);
            return clicked.map(|(_, gap)| Request::App(Event::Wanted(gap))).into_iter().collect();
        }
        Vec::new()
    }

    /// Returns the number of the chat that is marked in the list.
    pub fn chosen(&self, app: &App) -> Option<usize> {
        match &self.mode {
            Mode::List(chosen) => Some(*chosen),
            Mode::Filter => Some(0),
            _ => self.number_of_open(app),
        }
    }
}

/// The keys of what lies over the conversation.
impl Model {
    fn handle_over(&mut self, key: KeyEvent, app: &App) -> Vec<Request> {
        let action = self.keys.action(&key);
        let leaves =
            key.code == KeyCode::Esc || key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CTRL);
        if leaves {
            self.filter.clear();
            self.mode = Mode::Typing;
            return Vec::new();
        }
        if matches!(action, Some(Action::Redraw | Action::Suspend | Action::PageUp | Action::PageDown)) {
            return action.map_or(Vec::new(), |action| self.act(action, app));
        }
        match std::mem::take(&mut self.mode) {
            Mode::Help { scrolled } => self.handle_help(key, scrolled),
            Mode::List(chosen) => return self.handle_list(key, chosen, app),
            Mode::Filter => return self.handle_filter(key, app),
            Mode::Jump { name, chosen } => return self.handle_jump(key, name, chosen, app),
            Mode::Search { words, everywhere } => return self.handle_search(key, words, everywhere, app),
            mode => self.mode = mode,
        }
        Vec::new()
    }

    /// Up and Down scroll the help, and any other key leaves it.
    fn handle_help(&mut self, key: KeyEvent, scrolled: usize) {
        match key.code {
            KeyCode::Up => self.mode = Mode::Help { scrolled: scrolled.saturating_sub(1) },
            KeyCode::Down => self.mode = Mode::Help { scrolled: scrolled + 1 },
            _ => {}
        }
    }

    fn handle_list(&mut self, key: KeyEvent, chosen: usize, app: &App) -> Vec<Request> {
        let chats = self.chats(app);
        let last = chats.len().saturating_sub(1);
        match key.code {
            KeyCode::Up => self.mode = Mode::List(chosen.saturating_sub(1)),
            KeyCode::Down => self.mode = Mode::List((chosen + 1).min(last)),
            KeyCode::Char('/') => self.mode = Mode::Filter,
            KeyCode::Enter => {
                self.filter.clear();
                return self.select(chats.get(chosen));
            }
            _ => self.mode = Mode::List(chosen),
        }
        Vec::new()
    }

    fn handle_filter(&mut self, key: KeyEvent, app: &App) -> Vec<Request> {
        match key.code {
            KeyCode::Enter => {
                let first = self.chats(app).into_iter().next();
                self.filter.clear();
                return self.select(first.as_ref());
            }
            KeyCode::Down => self.mode = Mode::List(0),
            _ => {
                edit(&mut self.filter, key);
                self.mode = Mode::Filter;
            }
        }
        Vec::new()
    }

    /// Returns the chats whose name holds this text, those that begin with it first.
    pub fn jump_list(&self, app: &App, name: &str) -> Vec<Chat> {
        let name = name.to_lowercase();
        let mut chats = chats::list(app.state(), self.open.as_ref(), &self.drafts);
        chats.retain(|chat| chat.target.to_string().to_lowercase().contains(&name));
        chats.sort_by_key(|chat| !chat.target.to_string().to_lowercase().trim_start_matches('#').starts_with(&name));
        chats
    }

    fn handle_jump(&mut self, key: KeyEvent, mut name: String, chosen: usize, app: &App) -> Vec<Request> {
        let chats = self.jump_list(app, &name);
        match key.code {
            KeyCode::Enter => match chats.get(chosen) {
                Some(chat) => return self.select(Some(chat)),
                // A new conversation: the command says what is wrong with the name.
                None => return vec![Request::App(Event::Entered(format!("/query {name}")))],
            },
            KeyCode::Up => self.mode = Mode::Jump { name, chosen: chosen.saturating_sub(1) },
            KeyCode::Down => self.mode = Mode::Jump { name, chosen: (chosen + 1).min(chats.len().saturating_sub(1)) },
            _ => {
                edit(&mut name, key);
                self.mode = Mode::Jump { name, chosen: 0 };
            }
        }
        Vec::new()
    }

    /// Enter goes to the message before, among those that hold all words; everywhere: the app shows what it finds.
    fn handle_search(&mut self, key: KeyEvent, mut words: String, everywhere: bool, app: &App) -> Vec<Request> {
        match key.code {
            KeyCode::Enter if everywhere && !words.trim().is_empty() => {
                return vec![Request::App(Event::Entered(format!("/search {words}")))];
            }
            KeyCode::Enter | KeyCode::Up | KeyCode::Down => {
                self.find(app, &words, key.code == KeyCode::Down);
                self.mode = Mode::Search { words, everywhere };
            }
            KeyCode::Tab => self.mode = Mode::Search { words, everywhere: !everywhere },
            _ => {
                edit(&mut words, key);
                self.mode = Mode::Search { words, everywhere };
            }
        }
        Vec::new()
    }

    fn find(&mut self, app: &App, words: &str, later: bool) {
        let Some(target) = self.open.clone() else { return };
        let words: Vec<_> = words.split_whitespace().map(str::to_lowercase).collect();
        if words.is_empty() {
            return;
        }
        let rows = self.rows(app, &target);
        let found = rows.search(&words);
        let here = self.found.as_ref().and_then(|key| found.iter().position(|other| other == key));
        let next = match (here, later) {
            (Some(here), true) => found.get(here + 1).or(found.first()),
            (Some(here), false) => here.checked_sub(1).and_then(|before| found.get(before)).or(found.last()),
            (None, _) => found.last(),
        };
        let place = next.map(|key| rows.around(key, usize::from(self.areas.rows.height)));
        let (key, count) = (next.cloned(), found.len());
        drop(rows);
        self.found = key;
        self.found_count = count;
        if let Some(place) = place {
            self.scroll_to(&target, place);
        }
    }
}

/// Edits the short text of a mode.
fn edit(text: &mut String, key: KeyEvent) {
    let control = key.modifiers.contains(KeyModifiers::CTRL);
    match key.code {
        KeyCode::Char('u') if control => text.clear(),
        KeyCode::Char(c) if key.modifiers.is_empty() && text.len() < limits::NAME_CHARS * 4 => text.push(c),
        KeyCode::Backspace => _ = text.pop(),
        _ => {}
    }
}
