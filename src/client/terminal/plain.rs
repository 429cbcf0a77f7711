//! The line mode: `wachat connect --plain`, and the only one of a pipe.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use crossbeam_channel::{Receiver, bounded};

use super::{display, keyboard, secret};
use crate::client::app::event::Event;
use crate::client::app::view::{View, notice};
use crate::client::exit::{Exit, Failure, failed};
use crate::client::owner::{Owner, spawn};
use crate::client::texts::Phrase;
use crate::client::texts::safe::safe;

/// Goes to the beginning of the line and clears it: the prompt was there.
const CLEAR_LINE: &str = "\r\x1b[K";

/// Clears the screen and the lines that have scrolled off it.
const CLEAR_SCREEN: &str = "\x1b[2J\x1b[3J\x1b[H";

/// The owner, and the terminal or the two outputs of a pipe.
struct Plain {
    owner: Owner,
    piped: bool,
    /// A person reads it: the prompt is shown.
    prompts: bool,
}

/// Runs the line mode to its end. `first`: the first connection, or the reason why there is none. `torn`: a torn
/// batch that was set aside.
pub fn run(owner: Owner, first: Result<(), String>, torn: Option<PathBuf>, piped: bool) -> Result<Exit, Failure> {
    let mut plain = Plain { owner, piped, prompts: !piped && io::stdout().is_terminal() };
    let torn = torn.map(|path| notice(Phrase::TornAside { path: &path.display() }));
    let mut views: Vec<View> = torn.into_iter().collect();
    views.extend(plain.owner.handle(Event::Started(first))?);
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
            let (was_typed, prompt) = (matches!(event, Event::Typed(_)), self.owner.app.prompt());
            let views = self.owner.handle(event)?;
            // After a line the prompt is due again, whatever its effect; and when it has changed.
            if was_typed || !views.is_empty() || self.owner.app.prompt() != prompt {
                self.show(views)?;
            }
        }
    }

    /// Shows views, and only then calls the messages among them shown.
    fn show(&mut self, views: Vec<View>) -> Result<(), Failure> {
        self.write(&views).map_err(|error| failed(Phrase::NoScreen { error: &error }))?;
        let count = views.iter().filter(|view| matches!(view, View::Incoming(_) | View::Hidden(_))).count();
        let more = if count > 0 { self.owner.handle(Event::Shown(count))? } else { Vec::new() };
        if more.is_empty() { Ok(()) } else { self.show(more) }
    }

    /// Writes views, each on its line, and the prompt below. After an error they may not have been seen.
    fn write(&self, views: &[View]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.prompts {
            write!(out, "{CLEAR_LINE}")?;
        }
        for view in views {
            match view {
                // To a script, silence means that all is well.
                View::Tick { .. } if self.piped => {}
                View::Hidden(_) => {}
                View::Clear => write!(out, "{CLEAR_SCREEN}")?,
                View::Problem(line) | View::Notice(line) if self.piped => {
                    writeln!(io::stderr(), "wachat: {}", safe(line))?;
                }
                View::Failed { .. } if self.piped => writeln!(io::stderr(), "wachat: {}", display::render(view))?,
                view => writeln!(out, "{}", display::render(view))?,
            }
        }
        if self.prompts {
            secret::show_typing(!self.owner.app.asks_secret());
            write!(out, "{}", self.owner.app.prompt())?;
        }
        out.flush()
    }
}

fn start_keyboard() -> Result<Receiver<Event>, Failure> {
    // One line at a time: what was not taken yet is still the pipe's.
    let (lines, typed) = bounded(1);
    spawn("keyboard", move || keyboard::read_lines(io::stdin().lock(), &lines))?;
    Ok(typed)
}
