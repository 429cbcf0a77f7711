//! The line mode without an editor: of a pipe, of a terminal that knows no control sequences, and where the output is a
//! file. It writes no control sequence.

use std::io::{self, IsTerminal, Write};

use crossbeam_channel::{Receiver, bounded};

use super::days::Days;
use super::keyboard;
use crate::client::app::event::Event;
use crate::client::app::view::View;
use crate::client::exit::{Exit, Failure, no_screen};
use crate::client::owner::{Owner, spawn};
use crate::client::terminal::display;
use crate::client::terminal::marks::Marks;
use crate::model::safe::safe;

/// The kind of the output.
#[derive(Clone, Copy)]
pub struct Output {
    /// Lines come from a pipe, and its errors go to the standard error.
    pub piped: bool,
    /// Each state of an own message has a line.
    pub states: bool,
}

/// The owner, and the terminal or the two outputs of a pipe.
struct Plain {
    owner: Owner,
    output: Output,
    /// A person reads it: the prompt is shown.
    prompts: bool,
    /// The prompt is the last thing that was written.
    at_prompt: bool,
    days: Days,
    marks: Marks,
}

/// Runs the line mode to its end. `first`: the first connection, or the reason why there is none.
pub fn run(owner: Owner, first: Result<(), String>, output: Output) -> Result<Exit, Failure> {
    let prompts = !output.piped && io::stdout().is_terminal();
    let days = Days::default();
    let marks = Marks::of_environment();
    let mut plain = Plain { owner, output, prompts, at_prompt: false, days, marks };
    let views = plain.owner.begin(first)?;
    plain.show(views)?;
    let exit = plain.handle_events(&start_keyboard()?)?;
    plain.show(plain.owner.app.last_words())?;
    Ok(exit)
}

impl Plain {
    fn handle_events(&mut self, typed: &Receiver<Event>) -> Result<Exit, Failure> {
        loop {
            if let Some(exit) = self.owner.app.end() {
                return Ok(exit);
            }
            let event = self.owner.wait(typed);
            let was_typed = matches!(event, Event::Typed(_));
            let prompt = self.owner.app.prompt();
            // The terminal has begun a line after the one that was typed.
            self.at_prompt &= !was_typed;
            let mut views = self.owner.handle(event)?;
            // Silence means that all is well.
            views.retain(|view| self.output.states || !matches!(view, View::Tick { .. } | View::DirectTick { .. }));
            // After a line the prompt is due again, whatever its effect; and when it has changed.
            if was_typed || !views.is_empty() || self.owner.app.prompt() != prompt {
                self.show(views)?;
            }
        }
    }

    /// Shows views, and only then calls the messages among them shown.
    fn show(&mut self, views: Vec<View>) -> Result<(), Failure> {
        self.write(&views).map_err(no_screen)?;
        let more = self.owner.note_shown(&views)?;
        if more.is_empty() { Ok(()) } else { self.show(more) }
    }

    /// Writes views, each on its line, and the prompt below, in one piece. After an error they may not have been seen.
    fn write(&mut self, views: &[View]) -> io::Result<()> {
        let mut out = Vec::new();
        if self.at_prompt {
            writeln!(out)?;
        }
        for view in views {
            self.write_view(&mut out, view)?;
        }
        if self.prompts {
            keyboard::show_typing(!self.owner.app.asks_secret());
            write!(out, "{}", safe(&self.owner.app.prompt()))?;
            self.at_prompt = true;
        }
        let mut stdout = io::stdout().lock();
        stdout.write_all(&out)?;
        stdout.flush()
    }

    fn write_view(&mut self, out: &mut Vec<u8>, view: &View) -> io::Result<()> {
        if let Some(separator) = self.days.separator(view, self.marks).filter(|_| !self.output.piped) {
            writeln!(out, "{separator}")?;
        }
        match view {
            View::Hidden(_) | View::Clear => Ok(()),
            View::Problem(line) | View::Notice(line) if self.output.piped => {
                writeln!(io::stderr(), "wachat: {}", safe(line))
            }
            View::Failed { .. } if self.output.piped => {
                writeln!(io::stderr(), "wachat: {}", display::render(view, self.marks))
            }
            view => writeln!(out, "{}", display::render(view, self.marks)),
        }
    }
}

fn start_keyboard() -> Result<Receiver<Event>, Failure> {
    // One line at a time: what was not taken yet is still the pipe's.
    let (lines, typed) = bounded(1);
    spawn("keyboard", move || keyboard::read_lines(io::stdin().lock(), &lines))?;
    Ok(typed)
}
