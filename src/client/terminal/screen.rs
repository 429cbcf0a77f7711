//! The terminal of the line mode, or the two outputs of a pipe.

use std::io::{self, IsTerminal, Write};

use super::display;
use super::view::View;

/// Goes to the beginning of the line and clears it: what was there is the prompt.
const CLEAR_LINE: &str = "\r\x1b[K";

/// Clears the screen and what has scrolled off it.
const CLEAR_SCREEN: &str = "\x1b[2J\x1b[3J\x1b[H";

/// Where views are written. `prompts`: a person sits there.
pub struct Screen {
    prompts: bool,
    piped: bool,
}

impl Screen {
    pub fn new(piped: bool) -> Self {
        Self { prompts: !piped && io::stdout().is_terminal(), piped }
    }

    /// Writes these, each on its line, and the prompt below. An error: they may not have been seen.
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
                    writeln!(io::stderr(), "wachat: {}", display::safe(line))?;
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
