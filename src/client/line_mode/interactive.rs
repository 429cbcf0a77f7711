//! The line mode at a terminal: an editor below lines that scroll.

use std::collections::VecDeque;

use crossbeam_channel::Receiver;
use terminput::{Event as Terminal, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::days::Days;
use super::lines::{Lines, Size};
use crate::client::app::event::Event;
use crate::client::app::view::{View, notice};
use crate::client::exit::{Exit, Failure, no_screen};
use crate::client::owner::{Owner, Wake};
use crate::client::state::row::Row;
use crate::client::terminal::complete::Names;
use crate::client::terminal::editor::{Edit, Editor};
use crate::client::terminal::marks::{HELD, Marks};
use crate::client::terminal::parser::InputEvent;
use crate::client::terminal::raw::{self, RawTerminal, Screen};
use crate::client::terminal::{display, input};
use crate::limits;
use crate::model::safe::{indented, safe, snippet};
use crate::text::{cells, wrap};
use crate::texts::{Language, Phrase};

/// Most texts that were entered while the app takes none.
const ENTERED_TEXTS: usize = 64;

/// The owner, the screen, and what was typed.
struct Interactive {
    owner: Owner,
    raw: RawTerminal,
    lines: Lines,
    days: Days,
    marks: Marks,
    editor: Editor,
    /// Texts that were entered while the app takes none.
    entered: VecDeque<String>,
    /// A pasted text that the user is asked about.
    asked: Option<String>,
    /// There is no more input. What was entered before comes first.
    has_ended: bool,
    signal: Option<i32>,
}

/// Runs the line mode to its end. `first`: the first connection, or the reason why there is none.
pub fn run(owner: Owner, first: Result<(), String>) -> Result<Exit, Failure> {
    let raw = RawTerminal::enter(Screen::Lines).map_err(no_screen)?;
    let marks = Marks::of_environment();
    let input = input::start()?;
    let mut front_end = Interactive {
        owner,
        raw,
        lines: Lines::new(size(), marks),
        days: Days::default(),
        marks,
        editor: Editor::default(),
        entered: VecDeque::new(),
        asked: None,
        has_ended: false,
        signal: None,
    };
    let end = front_end.run(first, &input.events);
    // The terminal is left below the last line.
    front_end.lines.erase();
    let _ = front_end.lines.flush();
    let signal = front_end.signal;
    drop(input);
    if matches!(end, Ok(Exit::Refused)) {
        front_end.leave_texts();
    }
    drop(front_end);
    if let Some(signal) = signal {
        input::end_by(signal);
    }
    end
}

fn size() -> Size {
    let (rows, columns) = raw::size();
    Size { rows: rows.into(), columns: columns.into() }
}

impl Interactive {
    fn run(&mut self, first: Result<(), String>, input: &Receiver<InputEvent>) -> Result<Exit, Failure> {
        let views = self.owner.begin(first)?;
        self.show(views)?;
        let exit = self.handle_events(input)?;
        self.show(self.owner.app.last_words())?;
        Ok(exit)
    }

    fn handle_events(&mut self, input: &Receiver<InputEvent>) -> Result<Exit, Failure> {
        loop {
            if let Some(exit) = self.owner.app.end() {
                return Ok(exit);
            }
            if self.signal.is_some() {
                return Ok(Exit::Interrupted);
            }
            if self.enter_first()? {
                continue;
            }
            if self.entered.is_empty() && std::mem::take(&mut self.has_ended) {
                self.handle(Event::InputEnded)?;
                continue;
            }
            match self.owner.wait_for(input, None) {
                Wake::Event(event) => self.handle(event)?,
                Wake::Input(event) => self.handle_inputs(event, input)?,
                Wake::InputEnded => self.has_ended = true,
                Wake::Time => {}
            }
        }
    }

    fn handle(&mut self, event: Event) -> Result<(), Failure> {
        let views = self.owner.handle(event)?;
        self.show(views)
    }

    /// Leaves what was typed and not taken to the next front end: the user may sign in again. A password is no text.
    fn leave_texts(&mut self) {
        if self.owner.app.asks_secret() {
            return;
        }
        self.entered.iter().for_each(|text| raw::type_ahead(&format!("{text}\r")));
        raw::type_ahead(&self.editor.text());
    }

    /// Enters the first text that waits, if the app wants one; `false`: there is none.
    fn enter_first(&mut self) -> Result<bool, Failure> {
        let wants_line = self.owner.app.end().is_none() && self.owner.app.wants_line();
        let next = if wants_line { self.entered.pop_front() } else { None };
        next.map_or(Ok(false), |text| self.enter(text).map(|()| true))
    }

    /// Enters a text. A command stays visible above its answer; a message has a line of its own.
    fn enter(&mut self, text: String) -> Result<(), Failure> {
        let prompt = self.owner.app.prompt();
        let is_secret = self.owner.app.asks_secret();
        let echo = format!("{}{}", safe(&prompt), if is_secret { String::new() } else { indented(&text) });
        if is_secret {
            self.editor.forget(&text);
        }
        let is_empty = text.trim().is_empty();
        let views = self.owner.handle(Event::Entered(text))?;
        let is_message = matches!(views.first(), Some(View::Tick { state: None, .. } | View::DirectTick { .. }));
        if is_secret || !is_message && !is_empty {
            self.lines.erase();
            self.lines.add(&echo);
        }
        self.show(views)
    }

    /// Shows views, and only then calls the messages among them shown.
    fn show(&mut self, mut views: Vec<View>) -> Result<(), Failure> {
        loop {
            if !views.is_empty() {
                self.lines.erase();
            }
            views.iter().for_each(|view| self.add(view));
            self.draw();
            self.lines.flush().map_err(no_screen)?;
            views = self.owner.note_shown(&views)?;
            if views.is_empty() {
                return Ok(());
            }
        }
    }

    fn add(&mut self, view: &View) {
        if let Some(separator) = self.days.separator(view, self.marks) {
            self.lines.add(&separator);
        }
        let me = self.owner.app.state().me();
        let current = self.owner.app.current();
        match view {
            View::Tick { state: None, message, .. } => {
                let line = display::own_line(message, me, current.as_ref() == Some(&message.to));
                self.lines.add_own(&message.id, &message.to, &line);
            }
            View::DirectTick { held: false, message } => {
                self.lines.add_own(&message.id, &message.to, &display::direct_line(message));
            }
            View::Tick { state: Some(state), message, .. } if self.lines.update(&message.id, *state) => {}
            View::DirectTick { held: true, message } if self.lines.update(&message.id, HELD) => {}
            View::Failed { message, .. } => {
                self.lines.fail(&message.id);
                self.lines.add(&display::render(view, self.marks));
            }
            View::Elsewhere(target, Row::Sent(message, state)) => {
                self.lines.add_own(&message.id, target, &display::elsewhere_line(target, message));
                self.lines.update(&message.id, *state);
            }
            View::Hidden(_) => {}
            View::Clear => self.lines.clear(true),
            view => self.lines.add(&display::render(view, self.marks)),
        }
    }

    /// Draws what waits, the prompt and what is being written.
    fn draw(&mut self) {
        let columns = self.lines.size.columns.saturating_sub(1).max(1);
        // A password that was entered is not shown, either.
        let waiting = self.entered.iter().filter(|_| !self.owner.app.asks_secret());
        let mut rows: Vec<_> = waiting.map(|text| cut(&safe(&snippet(text)), columns)).collect();
        let question = self.asked.as_ref().map(|text| question(text));
        let prompt = cut(&safe(&question.unwrap_or_else(|| self.owner.app.prompt())), columns * 2 / 3);
        self.editor.set_secret(self.owner.app.asks_secret());
        if self.asked.is_some() {
            let cursor = (rows.len(), cells(&prompt));
            rows.push(prompt);
            return self.lines.draw(rows, cursor);
        }
        let indent = cells(&prompt);
        let width = (columns - indent).max(1);
        let drawn = self.editor.draw(width, width);
        let before = rows.len();
        let margin = |number| if number == 0 { prompt.clone() } else { " ".repeat(indent) };
        rows.extend(drawn.rows.iter().enumerate().map(|(number, row)| margin(number) + row));
        let cursor = (before + drawn.cursor.0, indent + drawn.cursor.1);
        // Of a text that is higher than the window the rows around the cursor are shown.
        let most = self.lines.size.rows.saturating_sub(1).max(1);
        let top = (cursor.0 + 1).saturating_sub(most);
        let rows = rows.into_iter().skip(top).take(most).collect();
        self.lines.draw(rows, (cursor.0 - top, cursor.1));
    }
}

/// Returns the beginning of a text that fits into `columns` cells.
fn cut(text: &str, columns: usize) -> String {
    wrap(text, columns, columns).rows().swap_remove(0)
}

fn question(text: &str) -> String {
    let lines = text.lines().count();
    let yes = Language::current().yes();
    Phrase::PasteLines { lines: &lines, yes: &yes }.to_string()
}

/// Input.
impl Interactive {
    /// Handles all input that has come, and draws once.
    fn handle_inputs(&mut self, first: InputEvent, more: &Receiver<InputEvent>) -> Result<(), Failure> {
        let mut typed = String::new();
        for event in std::iter::once(first).chain(more.try_iter().take(more.capacity().unwrap_or(1))) {
            match character(&event).filter(|_| self.asked.is_none()) {
                Some(c) => typed.push(c),
                None => {
                    self.type_text(&mut typed);
                    self.handle_input(event)?;
                }
            }
        }
        self.type_text(&mut typed);
        self.show(Vec::new())
    }

    fn type_text(&mut self, typed: &mut String) {
        if !typed.is_empty() && self.editor.type_text(typed) == Edit::Full {
            self.lines.ring();
        }
        typed.clear();
    }

    fn handle_input(&mut self, event: InputEvent) -> Result<(), Failure> {
        match event {
            InputEvent::Terminal(Terminal::Key(key)) if self.asked.is_some() => self.answer(key),
            InputEvent::Terminal(Terminal::Key(key)) => return self.handle_key(key),
            InputEvent::Terminal(Terminal::Paste(text)) => return self.paste(text),
            InputEvent::Terminal(Terminal::Resize { .. }) => self.lines.resize(size()),
            InputEvent::Terminal(_) => {}
            InputEvent::Problem(why) => return self.show(vec![View::Problem(why)]),
            InputEvent::Continued => self.resume()?,
            InputEvent::Signal(signal) => self.signal = Some(signal),
            InputEvent::Ended => self.has_ended = true,
        }
        Ok(())
    }

    fn handle_key(&mut self, key: KeyEvent) -> Result<(), Failure> {
        if key.code == KeyCode::Enter && key.modifiers.is_empty() && self.entered.len() >= ENTERED_TEXTS {
            self.lines.ring();
            return Ok(());
        }
        match self.editor.input(key) {
            Edit::Submitted(text) => {
                self.entered.push_back(text);
                // The next key is typed under the prompt that follows from this text: that may ask for a password.
                self.enter_first()?;
            }
            Edit::Ended => self.has_ended = true,
            Edit::Full => self.lines.ring(),
            Edit::Unhandled => return self.handle_other_key(key),
            Edit::None | Edit::Changed | Edit::Cleared => {}
        }
        Ok(())
    }

    fn handle_other_key(&mut self, key: KeyEvent) -> Result<(), Failure> {
        match (key.code, key.modifiers.contains(KeyModifiers::CTRL)) {
            (KeyCode::Tab, false) => {
                let backwards = key.modifiers.contains(KeyModifiers::SHIFT);
                let app = &self.owner.app;
                if !self.editor.complete(|| Names::of(app.state()).with_rooms(app.invitations()), backwards) {
                    self.lines.ring();
                }
            }
            (KeyCode::Char('c'), true) if self.owner.app.asks_secret() => self.entered.push_back(String::new()),
            (KeyCode::Char('c'), true) => return self.show(vec![notice(Phrase::HowToLeave)]),
            (KeyCode::Char('l'), true) => self.lines.clear(false),
            (KeyCode::Char('z'), true) => return self.suspend(),
            _ => {}
        }
        Ok(())
    }

    /// Inserts a pasted text. A long one may be a mistake: the user is asked.
    fn paste(&mut self, text: String) -> Result<(), Failure> {
        if text.lines().count() > limits::PASTE_LINES {
            self.asked = Some(text);
        } else if !self.editor.paste(&text) {
            return self.show(vec![View::Problem(Phrase::PasteTooLong { most: &limits::TYPED_BYTES }.to_string())]);
        }
        Ok(())
    }

    fn answer(&mut self, key: KeyEvent) {
        let Some(text) = self.asked.take() else { return };
        let is_yes = matches!(key.code, KeyCode::Char(c) if Language::current().is_yes(&c.to_string()));
        if is_yes && !self.editor.paste(&text) {
            self.lines.ring();
        }
    }

    /// Ctrl-Z: leaves the terminal to the shell until the user comes back.
    fn suspend(&mut self) -> Result<(), Failure> {
        self.lines.erase();
        self.lines.flush().map_err(no_screen)?;
        self.raw.suspend().map_err(no_screen)?;
        self.lines.forget();
        Ok(())
    }

    fn resume(&mut self) -> Result<(), Failure> {
        self.raw.resume().map_err(no_screen)?;
        // A block that is still there is drawn again in its place.
        self.lines.resize(size());
        Ok(())
    }
}

/// Returns the character that a key types.
fn character(event: &InputEvent) -> Option<char> {
    match event {
        InputEvent::Terminal(Terminal::Key(KeyEvent { code: KeyCode::Char(c), modifiers, kind, .. })) => {
            let is_plain = (*modifiers - KeyModifiers::SHIFT).is_empty() && *kind != KeyEventKind::Release;
            is_plain.then_some(*c)
        }
        _ => None,
    }
}
