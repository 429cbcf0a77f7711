//! Handles keys, pasted text and clicks while a message is typed.

use ratatui_core::layout::Position;
use terminput::{
    Event as TerminalEvent, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseEventKind, ScrollDirection,
};

use super::over::append;
use super::{Mode, Model, Request, Search};
use crate::client::app::App;
use crate::client::app::event::Event;
use crate::client::screen::chats::{Chat, first_listed};
use crate::client::screen::item::NoteKind;
use crate::client::screen::keys::Action;
use crate::client::terminal::complete::Names;
use crate::client::terminal::editor::Edit;
use crate::limits;
use crate::texts::{Language, Phrase};

/// Lines by which the mouse wheel scrolls.
const WHEEL_LINES: usize = 3;

impl Model {
    pub fn handle(&mut self, event: TerminalEvent, app: &App) -> Vec<Request> {
        match event {
            TerminalEvent::Key(key) if key.kind != KeyEventKind::Release => self.handle_key(key, app),
            TerminalEvent::Paste(text) => self.paste(text, app),
            TerminalEvent::FocusGained => self.set_focus(app, true),
            TerminalEvent::FocusLost => self.set_focus(app, false),
            TerminalEvent::Mouse(mouse) => match mouse.kind {
                MouseEventKind::Scroll(ScrollDirection::Up) => self.scroll(app, true, WHEEL_LINES),
                MouseEventKind::Scroll(ScrollDirection::Down) => self.scroll(app, false, WHEEL_LINES),
                MouseEventKind::Down(_) => self.click(app, mouse.column, mouse.row),
                _ => {}
            },
            TerminalEvent::Resize { .. } => self.requests.push(Request::Redraw),
            TerminalEvent::Key(_) => {}
        }
        std::mem::take(&mut self.requests)
    }

    /// Gives an event to the app.
    pub(super) fn ask(&mut self, event: Event) {
        self.requests.push(Request::App(event));
    }

    fn handle_key(&mut self, mut key: KeyEvent, app: &App) {
        if matches!(key.code, KeyCode::Char(_)) {
            key.modifiers.remove(KeyModifiers::SHIFT);
        }
        match &self.mode {
            Mode::Typing => self.handle_typing(key, app),
            Mode::Paste(_) => self.answer_paste(key, app),
            _ => self.handle_over(key, app),
        }
    }

    pub(super) fn handle_typing(&mut self, key: KeyEvent, app: &App) {
        if app.asks_secret() && key.code == KeyCode::Esc {
            return self.ask(Event::Entered(String::new()));
        }
        let is_first = self.writing.editor.is_empty() && !app.asks_secret();
        if key.code == KeyCode::Char('?') && key.modifiers.is_empty() && is_first {
            return self.act(Action::Help, app);
        }
        if let Some(action) = self.keys.action(&key) {
            return self.act(action, app);
        }
        match self.writing.editor.input(key) {
            Edit::Submitted(text) => self.submit(text, app),
            Edit::Ended => self.ask(Event::InputEnded),
            Edit::Full => self.problem(app, Phrase::LineTooLong),
            Edit::Unhandled if key.code == KeyCode::Char('c') && app.asks_secret() => {
                self.ask(Event::Entered(String::new()));
            }
            Edit::Unhandled if key.code == KeyCode::Char('c') => {
                self.add_note(app, NoteKind::Notice, &Phrase::HowToLeave.to_string());
            }
            // ESC and the next key may come as one: an Alt key that means nothing is both.
            Edit::Unhandled if key.modifiers == KeyModifiers::ALT && matches!(key.code, KeyCode::Char(_)) => {
                self.handle_key(KeyCode::Esc.into(), app);
                self.handle_key(key.code.into(), app);
            }
            Edit::None | Edit::Changed | Edit::Cleared | Edit::Unhandled => {}
        }
    }

    pub(super) fn problem(&mut self, app: &App, phrase: Phrase) {
        self.add_note(app, NoteKind::Problem, &phrase.to_string());
    }

    /// Gives a text to the app. While the app waits for the answer that decides where it goes, some texts are held; one more
    /// stays in the editor.
    fn submit(&mut self, text: String, app: &App) {
        let is_message = !text.starts_with(['/', '@']) && !text.trim().is_empty();
        if is_message && self.open.is_none() && !app.asks_secret() && app.wants_line() {
            self.writing.editor.set_text(&text);
            return self.problem(app, Phrase::NoChat);
        }
        self.writing.hold(text);
        self.enter_held(app);
    }

    /// Gives the first text that is held to the app, if the app wants one.
    pub(super) fn enter_held(&mut self, app: &App) {
        if let Some(text) = self.writing.take_held(app) {
            self.enter(text);
        }
    }

    /// Gives a text to the app: what follows from it is shown at the end of the conversation.
    pub(super) fn enter(&mut self, text: String) {
        if let Some(target) = &self.open {
            self.reading.go_to_end(target);
            self.writing.forget_draft(target);
        }
        self.ask(Event::Entered(text));
    }

    /// Inserts a pasted text into the field that has the keys.
    fn paste(&mut self, text: String, app: &App) {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        match &mut self.mode {
            // One answer is for both.
            Mode::Paste(before) => before.push_str(&text),
            Mode::Search(search) => {
                append(&mut search.words, &text);
                search.hit = None;
            }
            Mode::Filter => append(&mut self.list.filter, &text),
            Mode::Jump { name, chosen } => {
                append(name, &text);
                *chosen = 0;
            }
            Mode::Typing | Mode::List(_) | Mode::Help { .. } => self.paste_message(text, app),
        }
    }

    fn paste_message(&mut self, text: String, app: &App) {
        self.leave_over();
        if text.lines().count() > limits::PASTE_LINES {
            self.mode = Mode::Paste(text);
        } else {
            self.insert_pasted(&text, app);
        }
    }

    fn insert_pasted(&mut self, text: &str, app: &App) {
        // The line break after a copied password is no part of it.
        let text = if app.asks_secret() { text.trim_end_matches('\n') } else { text };
        if !self.writing.editor.paste(text) {
            self.problem(app, Phrase::LineTooLong);
        }
    }

    fn answer_paste(&mut self, key: KeyEvent, app: &App) {
        let Mode::Paste(text) = std::mem::take(&mut self.mode) else { return };
        let is_yes = match key.code {
            KeyCode::Char(c) => Language::current().is_yes(&c.to_string()),
            code => code == KeyCode::Enter,
        };
        if is_yes {
            self.insert_pasted(&text, app);
        }
    }

    pub(super) fn act(&mut self, action: Action, app: &App) {
        let page = usize::from(self.areas.rows.height.saturating_sub(1)).max(1);
        match action {
            Action::Help => self.mode = Mode::Help { scrolled: 0 },
            Action::NextChat => self.step(app, 1),
            Action::PreviousChat => self.step(app, -1),
            Action::Chat(number) => self.select(self.chats(app).get(number - 1)),
            Action::NextUnread => self.next_unread(app),
            Action::Jump => self.mode = Mode::Jump { name: String::new(), chosen: 0 },
            Action::Search => self.mode = Mode::Search(Search::default()),
            Action::List => self.mode = Mode::List(self.number_of_open(&self.chats(app)).unwrap_or(0)),
            Action::PageUp => self.scroll(app, true, page),
            Action::PageDown => self.scroll(app, false, page),
            Action::Oldest => self.scroll(app, true, usize::MAX / 2),
            Action::Newest => self.scroll(app, false, usize::MAX / 2),
            Action::LoadHole => {
                if let Some(gap) = self.reading.drawn.hole.clone() {
                    self.ask(Event::Wanted(gap));
                }
            }
            Action::Complete | Action::CompleteBack => {
                let names = || Names::of(app.state()).with_rooms(app.invitations());
                self.writing.editor.complete(names, action == Action::CompleteBack);
            }
            Action::Mouse => self.switch_mouse(app),
            Action::Redraw => self.requests.push(Request::Redraw),
            Action::Suspend => self.requests.push(Request::Suspend),
        }
    }

    /// Gives the mouse to the terminal, which selects text with it, or takes it back.
    fn switch_mouse(&mut self, app: &App) {
        self.has_mouse = !self.has_mouse;
        self.requests.push(Request::Mouse(self.has_mouse));
        let key = &self.keys.of(Action::Mouse);
        let phrase = if self.has_mouse { Phrase::MouseOn { key } } else { Phrase::MouseOff { key } };
        self.add_note(app, NoteKind::Notice, &phrase.to_string());
    }

    fn number_of_open(&self, chats: &[Chat]) -> Option<usize> {
        chats.iter().position(|chat| Some(&chat.target) == self.open.as_ref())
    }

    pub(super) fn select(&mut self, chat: Option<&Chat>) {
        if let Some(chat) = chat {
            self.ask(Event::Selected(chat.target.clone()));
        }
    }

    fn step(&mut self, app: &App, by: isize) {
        let chats = self.chats(app);
        let count = chats.len().max(1);
        let next =
            self.number_of_open(&chats).map_or(0, |here| here.saturating_add(count).saturating_add_signed(by) % count);
        self.select(chats.get(next));
    }

    fn next_unread(&mut self, app: &App) {
        let chats = self.chats(app);
        let start = self.number_of_open(&chats).map_or(0, |here| here + 1);
        let is_unread = |chat: &&Chat| chat.unread > 0 && Some(&chat.target) != self.open.as_ref();
        let unread: Vec<_> = chats.iter().cycle().skip(start).take(chats.len()).filter(is_unread).collect();
        self.select(unread.iter().find(|chat| chat.calls()).or(unread.first()).copied());
    }

    fn scroll(&mut self, app: &App, up: bool, lines: usize) {
        if let Mode::Help { scrolled } = &mut self.mode {
            *scrolled = if up { scrolled.saturating_sub(lines) } else { scrolled.saturating_add(lines) };
            return;
        }
        let Some(target) = self.open.clone() else { return };
        let place = self.reading.places.get(&target);
        let height = usize::from(self.areas.rows.height);
        let rows = self.rows(app, &target);
        let place = if up { rows.above(place, height, lines) } else { rows.below(place, lines) };
        drop(rows);
        self.reading.is_found &= place.is_some();
        self.reading.scroll_to(&target, place);
    }

    fn click(&mut self, app: &App, column: u16, row: u16) {
        let at = Position::new(column, row);
        let list = if self.is_list_over() { self.areas.rows } else { self.areas.list };
        if list.contains(at) {
            let chats = self.chats(app);
            let top = first_listed(chats.len(), self.chosen(&chats), list.height);
            return self.select(chats.get(top + usize::from(row - list.y)));
        }
        let takes_clicks = matches!(self.mode, Mode::Typing | Mode::List(_) | Mode::Filter) && !self.is_covered();
        if self.areas.rows.contains(at) && takes_clicks {
            let empty = usize::from(self.areas.rows.height).saturating_sub(self.reading.drawn.lines.len());
            let line = usize::from(row - self.areas.rows.y).wrapping_sub(empty);
            let clicked = self.reading.drawn.holes.iter().find(|(at, _)| *at == line);
            if let Some((_, gap)) = clicked {
                self.ask(Event::Wanted(gap.clone()));
            }
        }
    }

    /// Returns the number of the chat that is marked in the list.
    pub fn chosen(&self, chats: &[Chat]) -> Option<usize> {
        match &self.mode {
            Mode::List(chosen) => Some(*chosen),
            Mode::Filter => Some(0),
            _ => self.number_of_open(chats),
        }
    }
}
