//! Handles keys, pasted text and clicks while a message is typed.

use ratatui_core::layout::Position;
use terminput::{
    Event as TerminalEvent, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseEventKind, ScrollDirection,
};

use super::{Mode, Model, Request, Search};
use crate::client::app::App;
use crate::client::app::event::Event;
use crate::client::screen::chats::{Chat, first_listed};
use crate::client::screen::item::NoteKind;
use crate::client::screen::keys::Action;
use crate::client::terminal::completion_names::CompletionNames;
use crate::client::terminal::editor::Edit;
use crate::limits;
use crate::texts::{Language, Phrase};

/// Lines by which the mouse wheel scrolls.
const WHEEL_LINES: usize = 3;

/// Keys and clicks.
impl Model {
    /// Handles an event of the terminal.
    pub fn handle(&mut self, event: TerminalEvent, app: &App) -> Vec<Request> {
        match event {
            TerminalEvent::Key(key) if key.kind != KeyEventKind::Release => self.handle_key(key, app),
            TerminalEvent::Paste(text) => self.paste(text, app),
            TerminalEvent::FocusGained => self.note_focus(true, app),
            TerminalEvent::FocusLost => self.note_focus(false, app),
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

    fn note_focus(&mut self, focused: bool, app: &App) -> Vec<Request> {
        self.set_focus(app, focused);
        Vec::new()
    }

    fn handle_key(&mut self, mut key: KeyEvent, app: &App) -> Vec<Request> {
        if matches!(key.code, KeyCode::Char(_)) {
            key.modifiers.remove(KeyModifiers::SHIFT);
        }
        match &self.mode {
            Mode::Typing => self.handle_typing(key, app),
            Mode::Paste(_) => self.answer_paste(key, app),
            _ => self.handle_over(key, app),
        }
    }

    fn handle_typing(&mut self, key: KeyEvent, app: &App) -> Vec<Request> {
        if app.asks_secret() && key.code == KeyCode::Esc {
            return vec![Request::App(Event::Entered(String::new()))];
        }
        if key.code == KeyCode::Char('?') && key.modifiers.is_empty() && self.writing.editor.is_empty() {
            return self.act(Action::Help, app);
        }
        if let Some(action) = self.keys.action(&key) {
            return self.act(action, app);
        }
        match self.writing.editor.input(key) {
            Edit::Submitted(text) => self.submit(text, app),
            Edit::Ended => vec![Request::App(Event::InputEnded)],
            Edit::Full => self.problem(app, Phrase::LineTooLong),
            Edit::Unhandled if key.code == KeyCode::Char('c') && app.asks_secret() => {
                vec![Request::App(Event::Entered(String::new()))]
            }
            Edit::Unhandled if key.code == KeyCode::Char('c') => self.hint(app, Phrase::HowToLeave),
            Edit::None | Edit::Changed | Edit::Cleared | Edit::Unhandled => Vec::new(),
        }
    }

    fn problem(&mut self, app: &App, phrase: Phrase) -> Vec<Request> {
        self.add_note(app, NoteKind::Problem, &phrase.to_string());
        Vec::new()
    }

    fn hint(&mut self, app: &App, phrase: Phrase) -> Vec<Request> {
        self.add_note(app, NoteKind::Notice, &phrase.to_string());
        Vec::new()
    }

    /// Gives a text to the app. While the app waits for the answer that decides where it goes, some texts are held; one more
    /// stays in the editor.
    fn submit(&mut self, text: String, app: &App) -> Vec<Request> {
        let is_message = !text.starts_with(['/', '@']) && !text.trim().is_empty();
        if is_message && self.open.is_none() && !app.asks_secret() && app.wants_line() {
            self.writing.editor.set_text(&text);
            return self.problem(app, Phrase::NoChat);
        }
        self.writing.hold(text);
        self.enter_held(app)
    }

    /// Gives the first text that is held to the app, if the app wants one.
    pub(super) fn enter_held(&mut self, app: &App) -> Vec<Request> {
        self.writing.take_held(app).map(|text| self.enter(text)).into_iter().collect()
    }

    /// Gives a text to the app: what follows from it is shown at the end of the conversation.
    pub(super) fn enter(&mut self, text: String) -> Request {
        if let Some(target) = &self.open {
            self.reading.go_to_end(target);
            self.writing.forget_draft(target);
        }
        Request::App(Event::Entered(text))
    }

    fn paste(&mut self, text: String, app: &App) -> Vec<Request> {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        if let Mode::Paste(before) = &mut self.mode {
            // One answer is for both.
            before.push_str(&text);
        } else if text.lines().count() > limits::PASTE_LINES {
            self.mode = Mode::Paste(text);
        } else {
            return self.insert_pasted(&text, app);
        }
        Vec::new()
    }

    fn insert_pasted(&mut self, text: &str, app: &App) -> Vec<Request> {
        if self.writing.editor.paste(text) { Vec::new() } else { self.problem(app, Phrase::LineTooLong) }
    }

    fn answer_paste(&mut self, key: KeyEvent, app: &App) -> Vec<Request> {
        let Mode::Paste(text) = std::mem::take(&mut self.mode) else { return Vec::new() };
        let is_yes = match key.code {
            KeyCode::Char(c) => Language::current().is_yes(&c.to_string()),
            code => code == KeyCode::Enter,
        };
        if is_yes { self.insert_pasted(&text, app) } else { Vec::new() }
    }

    pub(super) fn act(&mut self, action: Action, app: &App) -> Vec<Request> {
        let page = usize::from(self.areas.rows.height.saturating_sub(1)).max(1);
        match action {
            Action::Help => self.mode = Mode::Help { scrolled: 0 },
            Action::NextChat => return self.step(app, 1),
            Action::PreviousChat => return self.step(app, -1),
            Action::Chat(number) => return self.select(self.chats(app).get(number - 1)),
            Action::NextUnread => return self.next_unread(app),
            Action::Jump => self.mode = Mode::Jump { name: String::new(), chosen: 0 },
            Action::Search => self.mode = Mode::Search(Search::default()),
            Action::List => self.mode = Mode::List(self.number_of_open(&self.chats(app)).unwrap_or(0)),
            Action::PageUp => return self.scroll(app, true, page),
            Action::PageDown => return self.scroll(app, false, page),
            Action::Oldest => return self.scroll(app, true, usize::MAX / 2),
            Action::Newest => return self.scroll(app, false, usize::MAX / 2),
            Action::LoadHole => {
                return self
                    .reading
                    .drawn
                    .hole
                    .clone()
                    .map(|gap| Request::App(Event::Wanted(gap)))
                    .into_iter()
                    .collect();
            }
            Action::Complete | Action::CompleteBack => {
                self.writing.editor.complete(&CompletionNames(app.state()), action == Action::CompleteBack);
            }
            Action::Redraw => return vec![Request::Redraw],
            Action::Suspend => return vec![Request::Suspend],
        }
        Vec::new()
    }

    fn number_of_open(&self, chats: &[Chat]) -> Option<usize> {
        chats.iter().position(|chat| Some(&chat.target) == self.open.as_ref())
    }

    pub(super) fn select(&mut self, chat: Option<&Chat>) -> Vec<Request> {
        chat.map(|chat| Request::App(Event::Selected(chat.target.clone()))).into_iter().collect()
    }

    fn step(&mut self, app: &App, by: isize) -> Vec<Request> {
        let chats = self.chats(app);
        let count = chats.len().max(1);
        let next =
            self.number_of_open(&chats).map_or(0, |here| here.saturating_add(count).saturating_add_signed(by) % count);
        self.select(chats.get(next))
    }

    fn next_unread(&mut self, app: &App) -> Vec<Request> {
        let chats = self.chats(app);
        let start = self.number_of_open(&chats).map_or(0, |here| here + 1);
        let is_unread = |chat: &&Chat| chat.unread > 0 && Some(&chat.target) != self.open.as_ref();
        let unread: Vec<_> = chats.iter().cycle().skip(start).take(chats.len()).filter(is_unread).collect();
        self.select(unread.iter().find(|chat| chat.calls()).or(unread.first()).copied())
    }

    fn scroll(&mut self, app: &App, up: bool, lines: usize) -> Vec<Request> {
        if let Mode::Help { scrolled } = &mut self.mode {
            *scrolled = if up { scrolled.saturating_sub(lines) } else { scrolled.saturating_add(lines) };
            return Vec::new();
        }
        let Some(target) = self.open.clone() else { return Vec::new() };
        let place = self.reading.places().get(&target);
        let height = usize::from(self.areas.rows.height);
        let rows = self.rows(app, &target);
        let place = if up { rows.above(place, height, lines) } else { rows.below(place, lines) };
        drop(rows);
        self.reading.scroll_to(&target, place);
        Vec::new()
    }

    fn click(&mut self, app: &App, column: u16, row: u16) -> Vec<Request> {
        let at = Position::new(column, row);
        if self.areas.list.contains(at) {
            let chats = self.chats(app);
            let top = first_listed(chats.len(), self.chosen(&chats), self.areas.list.height);
            return self.select(chats.get(top + usize::from(row - self.areas.list.y)));
        }
        if self.areas.rows.contains(at) && matches!(self.mode, Mode::Typing | Mode::List(_) | Mode::Filter) {
            let empty = usize::from(self.areas.rows.height).saturating_sub(self.reading.drawn.lines.len());
            let line = usize::from(row - self.areas.rows.y).wrapping_sub(empty);
            let clicked = self.reading.drawn.holes.iter().find(|(at, _)| *at == line);
            return clicked.map(|(_, gap)| Request::App(Event::Wanted(gap.clone()))).into_iter().collect();
        }
        Vec::new()
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
