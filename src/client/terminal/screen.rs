//! The terminal of the line mode, or the two outputs of a pipe.

use std::io::{self, IsTerminal, Write};

use super::display;
use crate::client::app::view::View;
use crate::client::texts::safe::safe;

/// Goes to the beginning of the line and clears it: the prompt was there.
const CLEAR_LINE: &str = "\r\x1b[K";

/// Clears the screen and the lines that have scrolled off it.
const CLEAR_SCREEN: &str = "\x1b[2J\x1b[3J\x1b[H";

/// The output of views.
pub struct Screen {
    /// A person reads it: the prompt is shown.
    prompts: bool,
    piped: bool,
}

impl Screen {
    pub fn new(piped: bool) -> Self {
        Self { prompts: !piped && io::stdout().is_terminal(), piped }
    }

    /// Writes views, each on its line, and the prompt below. After an error they may not have been seen.
    pub fn show(&self, views: &[View], prompt: &str) -> io::Result<()> {
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
            write!(out, "{prompt}")?;
        }
        out.flush()
    }
}
