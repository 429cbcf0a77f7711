//! The full screen: `wachat connect` on a terminal. A front end on the owner, as the line mode is: keys and arrivals go in,
//! cells come out.
//!
//! - `model`: the state of the screen, and what keys do to it. `keys`: the table of keys.
//! - `chats`: the list. `rows`: the conversation as lines, and the window on them; `item`: the lines of each of its items;
//!   `line`: from a text to lines; `long_text`: those of long texts, kept; `quoted`: messages in answers.
//! - `draw`: everything as cells. `output`: the differences, to the terminal. `theme`: the colours.
//! - `saved`: what survives a restart beside the log.

pub mod chats;
pub mod draw;
pub mod item;
pub mod keys;
pub mod line;
pub mod long_text;
pub mod model;
pub mod output;
pub mod quoted;
pub mod rows;
pub mod saved;
pub mod theme;

use std::collections::VecDeque;
use std::io::{self, Stdout};
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;

use super::app::event::Event;
use super::app::view::View;
use super::exit::{Exit, Failure, no_screen};
use super::log;
use super::owner::{Owner, Wake};
use super::terminal::display::render;
use super::terminal::input;
use super::terminal::marks::Marks;
use super::terminal::parser::InputEvent;
use super::terminal::raw::{self, RawTerminal, Screen};
use crate::model::safe::safe;
use keys::Keys;
use model::{Model, Request};
use output::Output;
use saved::Saved;
use theme::Theme;

/// Shortest time between two drawings while messages stream in. A key is drawn at once, unless more keys wait.
const FRAME: Duration = Duration::from_millis(33);
/// Time between two drawings while nothing happens: "reconnecting in 4 s".
const CLOCK: Duration = Duration::from_secs(1);
/// Time between two writes of what survives a restart.
const SAVE_INTERVAL: Duration = Duration::from_secs(2);
/// Shortest time between two notices to the desktop.
const NOTIFY_INTERVAL: Duration = Duration::from_secs(5);

/// The keys, colours and use of the mouse that the user has chosen.
pub struct Preferences {
    pub keys: Keys,
    pub theme: Theme,
    /// Clicks and the wheel are for the program.
    pub mouse: bool,
}

struct FullScreen {
    owner: Owner,
    terminal: RawTerminal,
    output: Output<Stdout>,
    model: Model,
    saved: Saved,
    saved_at: Instant,
    drawn_at: Instant,
    notified_at: Option<Instant>,
    title: String,
    changed: bool,
    /// A key was pressed since the screen was last drawn.
    pressed: bool,
}

/// Runs the full screen to its end. `first`: the first connection, or the reason why there is none.
pub fn run(owner: Owner, first: Result<(), String>, preferences: Preferences) -> Result<Exit, Failure> {
    log::start(owner.directory());
    let terminal = RawTerminal::enter(Screen::Full).map_err(no_screen)?;
    let mut saved = Saved::read(owner.directory()).without_sent(owner.app.state());
    // Text that was typed before the draft was on the screen does not continue the draft.
    let unseen = if raw::has_typed_ahead() { saved.take_draft_of_open() } else { None };
    let input = input::start()?;
    let now = Instant::now();
    let model = Model::restored(preferences, Marks::of_environment(), &saved);
    let mut screen = FullScreen {
        owner,
        terminal,
        output: Output::new(io::stdout()),
        model,
        saved,
        saved_at: now,
        drawn_at: now,
        notified_at: None,
        title: String::new(),
        changed: true,
        pressed: false,
    };
    screen.output.report_mouse(screen.model.has_mouse()).map_err(no_screen)?;
    if let Some(open) = screen.saved.open.clone() {
        screen.handle(Event::Selected(open))?;
    }
    let views = screen.owner.begin(first)?;
    screen.take(views)?;
    if let Some(draft) = unseen {
        screen.model.put_aside(&screen.owner.app, &draft);
    }
    let end = screen.handle_events(&input.events);
    drop(input);
    screen.end(end)
}

/// The end of the program: its exit code, or the signal that ended it.
enum End {
    Exit(Exit),
    Signal(i32),
}

impl FullScreen {
    fn handle_events(&mut self, events: &Receiver<InputEvent>) -> Result<End, Failure> {
        loop {
            if let Some(exit) = self.owner.app.end() {
                return Ok(End::Exit(exit));
            }
            self.draw_when_due(!events.is_empty())?;
            let until = if self.changed { self.drawn_at + FRAME } else { self.drawn_at + CLOCK };
            match self.owner.wait_for(events, Some(until)) {
                Wake::Event(event) => self.handle(event)?,
                Wake::Input(InputEvent::Terminal(event)) => self.handle_terminal(event)?,
                Wake::Input(InputEvent::Problem(why)) => self.take(vec![View::Problem(why)])?,
                Wake::Input(InputEvent::Continued) => self.resume()?,
                Wake::Input(InputEvent::Signal(signal)) => return Ok(End::Signal(signal)),
                Wake::Input(InputEvent::Ended) | Wake::InputEnded => self.handle(Event::InputEnded)?,
                Wake::Time => self.changed = true,
            }
            self.save_when_due();
        }
    }

    fn handle(&mut self, event: Event) -> Result<(), Failure> {
        let views = self.owner.handle(event)?;
        self.take(views)
    }

    fn take(&mut self, views: Vec<View>) -> Result<(), Failure> {
        let requests = self.take_in(views);
        self.carry_out(requests)
    }

    fn take_in(&mut self, views: Vec<View>) -> Vec<Request> {
        self.changed = true;
        self.model.follow(&self.owner.app);
        self.model.take(views, &self.owner.app)
    }

    fn handle_terminal(&mut self, event: terminput::Event) -> Result<(), Failure> {
        (self.changed, self.pressed) = (true, true);
        let requests = self.model.handle(event, &self.owner.app);
        self.carry_out(requests)
    }

    /// Carries out requests, and those that follow from them: many texts may have waited for the app.
    fn carry_out(&mut self, requests: Vec<Request>) -> Result<(), Failure> {
        let mut requests = VecDeque::from(requests);
        while let Some(request) = requests.pop_front() {
            match request {
                Request::App(event) => {
                    let is_entered = matches!(event, Event::Entered(_));
                    let views = self.owner.handle(event)?;
                    requests.extend(self.take_in(views));
                    if is_entered {
                        self.save_drafts();
                    }
                }
                Request::Redraw => self.output.forget(),
                Request::Mouse(are_wanted) => self.output.report_mouse(are_wanted).map_err(no_screen)?,
                Request::Suspend => {
                    self.terminal.suspend().map_err(no_screen)?;
                    self.show_again()?;
                }
                Request::Notify(text) => self.notify(&text).map_err(no_screen)?,
            }
        }
        Ok(())
    }

    fn resume(&mut self) -> Result<(), Failure> {
        self.terminal.resume().map_err(no_screen)?;
        self.show_again()
    }

    /// Draws everything again on a screen that was just entered.
    fn show_again(&mut self) -> Result<(), Failure> {
        self.output.forget();
        self.changed = true;
        self.output.report_mouse(self.model.has_mouse()).map_err(no_screen)
    }

    /// Draws what has changed. While more keys wait, as in a text that comes without the marks of a paste, a drawing is no
    /// more urgent than for messages.
    fn draw_when_due(&mut self, more_keys: bool) -> Result<(), Failure> {
        let now = Instant::now();
        let is_urgent = self.pressed && !more_keys;
        if !self.changed || !is_urgent && now < self.drawn_at + FRAME {
            return Ok(());
        }
        (self.changed, self.pressed, self.drawn_at) = (false, false, now);
        self.draw(now)?;
        let told = self.model.note_drawn(&self.owner.app);
        told.into_iter().try_for_each(|event| self.handle(event))
    }

    fn draw(&mut self, now: Instant) -> Result<(), Failure> {
        let (rows, columns) = raw::size();
        let mut cells = Buffer::empty(Rect::new(0, 0, columns, rows));
        let drawn = draw::draw(&mut self.model, &self.owner.app, now, &mut cells);
        let calls = drawn.calls;
        self.output.show(cells, drawn).map_err(no_screen)?;
        self.set_title(calls).map_err(no_screen)
    }

    /// The title of the window says how many conversations wait for the user.
    fn set_title(&mut self, calls: usize) -> io::Result<()> {
        let title = if calls > 0 { format!("({calls}) wachat") } else { "wachat".to_owned() };
        if title != self.title {
            self.output.send(&format!("\x1b]2;{title}\x1b\\"))?;
            self.title = title;
        }
        Ok(())
    }

    /// Rings the bell and tells the desktop, at most once in some seconds.
    fn notify(&mut self, text: &str) -> io::Result<()> {
        let now = Instant::now();
        if self.notified_at.is_some_and(|at| now < at + NOTIFY_INTERVAL) {
            return Ok(());
        }
        self.notified_at = Some(now);
        let text = text.replace('\n', " ");
        let text = safe(&text);
        // kitty has a sequence of its own, and no other terminal knows it.
        let is_kitty = std::env::var("TERM").is_ok_and(|term| term.contains("kitty"));
        let code = if is_kitty { "99;" } else { "9" };
        self.output.send(&format!("\x07\x1b]{code};{text}\x1b\\"))
    }

    fn save_when_due(&mut self) {
        let now = Instant::now();
        if now >= self.saved_at + SAVE_INTERVAL {
            self.saved_at = now;
            self.save();
        }
    }

    /// Writes what survives a restart at once, if a draft has changed: what was entered is durable now, and no later start
    /// shows it as a draft.
    fn save_drafts(&mut self) {
        let now = self.model.saved(&self.owner.app);
        if now.drafts != self.saved.drafts {
            self.write(now);
        }
    }

    fn save(&mut self) {
        let now = self.model.saved(&self.owner.app);
        if now != self.saved {
            self.write(now);
        }
    }

    /// Writes what survives a restart. A file that cannot be written only loses that.
    fn write(&mut self, now: Saved) {
        if now.write(self.owner.directory()).is_ok() {
            self.saved = now;
        }
    }

    /// Leaves the screen, and says below what was there before it what is left to say.
    fn end(mut self, end: Result<End, Failure>) -> Result<Exit, Failure> {
        self.save();
        let words = self.owner.app.last_words();
        drop(self.terminal);
        match end? {
            End::Signal(signal) => {
                input::end_by(signal);
                Ok(Exit::Interrupted)
            }
            End::Exit(exit) => {
                self.model
                    .notes
                    .last_problem()
                    .into_iter()
                    .chain(words.iter().map(|view| render(view, self.model.marks)))
                    .for_each(|line| println!("{line}"));
                Ok(exit)
            }
        }
    }
}
