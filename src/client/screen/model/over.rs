//! Handles the keys of what lies over the conversation: the list, its filter, the jump, the search, the help.

use terminput::{KeyCode, KeyEvent, KeyModifiers};

use super::{Mode, Model, Search};
use crate::client::app::App;
use crate::client::app::event::Event;
use crate::client::screen::chats::{Chat, is_empty};
use crate::client::screen::keys::Action;
use crate::client::state::row::folded;
use crate::limits;
use crate::model::Target;
use crate::texts::Phrase;

/// Longest short text of a mode, in bytes: a name, or words that are looked for.
const SHORT_BYTES: usize = limits::NAME_CHARS * 4;

/// The actions that do not close what lies over the conversation.
const KEEP_MODE: [Action; 5] = [Action::Redraw, Action::Suspend, Action::Mouse, Action::PageUp, Action::PageDown];

impl Model {
    pub(super) fn handle_over(&mut self, key: KeyEvent, app: &App) {
        let action = self.keys.action(&key);
        let leaves =
            key.code == KeyCode::Esc || key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CTRL);
        if leaves || self.is_in_list() && action == Some(Action::List) {
            return self.leave_over();
        }
        if let Some(action) = action.filter(|action| KEEP_MODE.contains(action)) {
            return self.act(action, app);
        }
        if self.is_in_list() && key.code == KeyCode::Char('d') && key.modifiers.contains(KeyModifiers::CTRL) {
            self.leave_over();
            return self.ask(Event::InputEnded);
        }
        if self.is_in_list() && self.leaves_list(key, action) {
            self.mode = Mode::Typing;
            self.handle_typing(key, app);
            self.list.filter.clear();
            return;
        }
        match std::mem::take(&mut self.mode) {
            Mode::Help { scrolled } => self.handle_help(key, scrolled),
            Mode::List(chosen) => self.handle_list(key, chosen, app),
            Mode::Filter => self.handle_filter(key, app),
            Mode::Jump { name, chosen } => self.handle_jump(key, name, chosen, app),
            Mode::Search(search) => self.handle_search(key, search, app),
            mode => self.mode = mode,
        }
    }

    /// Up and Down scroll the help, and any other key leaves it.
    fn handle_help(&mut self, key: KeyEvent, scrolled: usize) {
        match key.code {
            KeyCode::Up => self.mode = Mode::Help { scrolled: scrolled.saturating_sub(1) },
            KeyCode::Down => self.mode = Mode::Help { scrolled: scrolled + 1 },
            _ => {}
        }
    }

    /// Goes back to the text that is typed.
    pub(super) fn leave_over(&mut self) {
        self.list.filter.clear();
        self.mode = Mode::Typing;
    }

    /// Checks that a key is none of the list's, and does what it does while a message is typed.
    fn leaves_list(&self, key: KeyEvent, action: Option<Action>) -> bool {
        let is_text = key.modifiers.is_empty() && matches!(key.code, KeyCode::Char(c) if c != '/');
        match action {
            Some(Action::Complete | Action::CompleteBack) => false,
            Some(_) => true,
            None => is_text && matches!(self.mode, Mode::List(_)),
        }
    }

    fn handle_list(&mut self, key: KeyEvent, chosen: usize, app: &App) {
        let chats = self.chats(app);
        let last = chats.len().saturating_sub(1);
        match key.code {
            KeyCode::Delete => self.close_chat(chats.get(chosen), chosen, app),
            KeyCode::Up => self.mode = Mode::List(chosen.saturating_sub(1)),
            KeyCode::Down => self.mode = Mode::List((chosen + 1).min(last)),
            KeyCode::Char('/') => self.mode = Mode::Filter,
            KeyCode::Enter => {
                self.list.filter.clear();
                self.select(chats.get(chosen));
            }
            _ => self.mode = Mode::List(chosen),
        }
    }

    /// Takes an empty chat off the list.
    fn close_chat(&mut self, chat: Option<&Chat>, chosen: usize, app: &App) {
        self.mode = Mode::List(chosen);
        let Some(Chat { target, draft, .. }) = chat else { return };
        let is_open = self.open() == Some(target);
        let has_draft = *draft || is_open && !self.writing.draft().is_empty();
        let refusal = match target {
            Target::Room(room) if app.state().knows(target) => Some(Phrase::NotLeft { room }),
            _ if has_draft || !is_empty(app, target) => Some(Phrase::NotEmpty { target }),
            _ => None,
        };
        if let Some(refusal) = refusal {
            if self.is_list_over() {
                // The list would cover the reason.
                self.leave_over();
            }
            return self.problem(app, refusal);
        }
        self.list.note_closed(target);
        if is_open {
            self.ask(Event::Unselected);
        }
        let left = self.chats(app).iter().filter(|other| other.target != *target).count();
        self.mode = Mode::List(chosen.min(left.saturating_sub(1)));
    }

    fn handle_filter(&mut self, key: KeyEvent, app: &App) {
        match key.code {
            KeyCode::Enter => {
                let chats = self.chats(app);
                self.list.filter.clear();
                self.select(chats.first());
            }
            KeyCode::Down => self.mode = Mode::List(0),
            KeyCode::Backspace if self.list.filter.is_empty() => self.mode = Mode::List(0),
            _ => {
                edit(&mut self.list.filter, key);
                self.mode = Mode::Filter;
            }
        }
    }

    /// Returns the chats whose name holds this text, those that begin with it first.
    pub fn jump_list(&self, app: &App, name: &str) -> Vec<Chat> {
        let name = name.to_lowercase();
        let mut chats = self.all_chats(app);
        chats.retain(|chat| chat.target.to_string().to_lowercase().contains(&name));
        chats.sort_by_key(|chat| !chat.target.to_string().to_lowercase().trim_start_matches('#').starts_with(&name));
        chats
    }

    fn handle_jump(&mut self, key: KeyEvent, mut name: String, chosen: usize, app: &App) {
        let chats = self.jump_list(app, &name);
        match key.code {
            KeyCode::Enter => match chats.get(chosen) {
                Some(chat) => self.select(Some(chat)),
                // A new conversation: the command says what is wrong with the name.
                None => self.ask(Event::Entered(format!("/query {name}"))),
            },
            KeyCode::Up => self.mode = Mode::Jump { name, chosen: chosen.saturating_sub(1) },
            KeyCode::Down => self.mode = Mode::Jump { name, chosen: (chosen + 1).min(chats.len().saturating_sub(1)) },
            _ => {
                edit(&mut name, key);
                self.mode = Mode::Jump { name, chosen: 0 };
            }
        }
    }

    /// Enter goes to the message before, among those that hold all words; everywhere: the app shows what it finds.
    fn handle_search(&mut self, key: KeyEvent, mut search: Search, app: &App) {
        match key.code {
            KeyCode::Enter if search.everywhere && !search.words.trim().is_empty() => {
                return self.enter(format!("/search {}", search.words));
            }
            KeyCode::Enter | KeyCode::Up | KeyCode::Down => self.find(app, &mut search, key.code == KeyCode::Down),
            KeyCode::Tab => search.everywhere = !search.everywhere,
            _ => {
                edit(&mut search.words, key);
                search.hit = None;
            }
        }
        self.mode = Mode::Search(search);
    }

    /// Counts the hits again: older messages were loaded.
    pub(super) fn count_hits(&mut self, app: &App) {
        let Mode::Search(search) = &mut self.mode else { return };
        let mut search = std::mem::take(search);
        let found = self.open.as_ref().map(|target| self.rows(app, target).search(&search.folded_words()));
        let found = found.unwrap_or_default();
        let here = search.found.as_ref().and_then(|key| found.iter().position(|other| other == key));
        match (search.hit, here) {
            (Some(_), Some(here)) => search.hit = Some((here + 1, found.len())),
            (Some(_), None) if !found.is_empty() => self.find(app, &mut search, false),
            _ => {}
        }
        self.mode = Mode::Search(search);
    }

    fn find(&mut self, app: &App, search: &mut Search, later: bool) {
        let Some(target) = self.open.clone() else { return };
        let words = search.folded_words();
        if words.is_empty() {
            return;
        }
        let rows = self.rows(app, &target);
        let found = rows.search(&words);
        let here = search.found.as_ref().and_then(|key| found.iter().position(|other| other == key));
        let last = found.len().saturating_sub(1);
        let next = match (here, later) {
            (Some(here), true) if here < last => here + 1,
            (Some(_), true) => 0,
            (Some(here), false) => here.checked_sub(1).unwrap_or(last),
            (None, _) => last,
        };
        let key = found.get(next);
        let place = key.map(|key| rows.around(key, usize::from(self.areas.rows.height)));
        drop(rows);
        search.found = key.cloned();
        search.hit = Some((next + usize::from(key.is_some()), found.len()));
        if let Some(place) = place {
            self.reading.scroll_to(&target, place);
            self.reading.is_found = true;
        }
    }
}

impl Search {
    fn folded_words(&self) -> Vec<String> {
        self.words.split_whitespace().map(folded).collect()
    }
}

/// Edits the short text of a mode.
fn edit(text: &mut String, key: KeyEvent) {
    let control = key.modifiers.contains(KeyModifiers::CTRL);
    match key.code {
        KeyCode::Char('u') if control => text.clear(),
        KeyCode::Char(c) if key.modifiers.is_empty() => append(text, c.encode_utf8(&mut [0; 4])),
        KeyCode::Backspace => _ = text.pop(),
        _ => {}
    }
}

/// Appends to the short text of a mode what has room there; a line break is a space.
pub(super) fn append(text: &mut String, more: &str) {
    for c in more.chars().map(|c| if c.is_whitespace() { ' ' } else { c }) {
        if text.len() < SHORT_BYTES && !c.is_control() {
            text.push(c);
        }
    }
}
