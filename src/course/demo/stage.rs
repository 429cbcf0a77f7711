//! The stage: what is said at the left, the lines that are exchanged at the right, slowly.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, select};

use super::Pace;
use crate::course::trace::short;
use crate::text::{break_words, cut, pad};

/// Narrowest width of both columns; on a narrower terminal the rows wrap.
const LEAST_COLUMNS: usize = 60;

/// Time in which a signal arrives that has ended other processes of the terminal, too.
const SIGNAL: Duration = Duration::from_millis(300);

const INTERRUPTED: &str = "interrupted";

pub(super) struct Stage {
    pace: Pace,
    interrupts: Receiver<()>,
    /// The rows of the right column since the last part.
    lines: Vec<String>,
}

impl Stage {
    pub fn new(pace: Pace, interrupts: Receiver<()>) -> Self {
        Self { pace, interrupts, lines: Vec::new() }
    }

    pub fn title(&mut self, text: &str) -> Result<(), String> {
        let rule = "─".repeat(self.columns());
        let rows = break_words(text, self.columns()).join("\n");
        self.print(&format!("\n{rows}\n{rule}\n"))?;
        self.wait(self.pace.row)
    }

    /// Notes a line between a user's client and the server.
    pub fn line(&mut self, user: &str, arrow: char, line: &str) {
        self.lines.push(format!("{user:5}{arrow} {}", short(line)));
    }

    /// Notes something that happens at the server.
    pub fn event(&mut self, text: &str) {
        self.lines.push(text.to_owned());
    }

    /// Returns the number of lines since the last part.
    pub fn lines(&self) -> usize {
        self.lines.len()
    }

    /// Ends a part: shows this text, and the lines since the last part beside it.
    pub fn say(&mut self, text: &str) -> Result<(), String> {
        self.say_beside(self.lines.len(), text)
    }

    /// The same with the first lines alone: the others belong to the next part.
    pub fn say_beside(&mut self, count: usize, text: &str) -> Result<(), String> {
        let left = self.columns() * 2 / 5;
        let right = self.columns() - left - 3;
        let said = break_words(text, left);
        let later = self.lines.split_off(count.min(self.lines.len()));
        let lines = std::mem::replace(&mut self.lines, later);
        for row in 0..said.len().max(lines.len()) {
            let mut said = said.get(row).cloned().unwrap_or_default();
            pad(&mut said, left);
            let line = lines.get(row).map_or(String::new(), |line| cut(line, right));
            self.print(format!("{said} │ {line}").trim_end())?;
            self.print("\n")?;
            self.wait(self.pace.row)?;
        }
        self.print(&format!("{} │\n", " ".repeat(left)))?;
        self.wait_for_enter()
    }

    pub fn verdict(&mut self, is_kept: bool, text: &str) -> Result<(), String> {
        let sign = if is_kept { "✓" } else { "✗" };
        let coloured = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let colour = if is_kept { "\x1b[32m" } else { "\x1b[31m" };
        let (begin, end) = if coloured { (colour, "\x1b[0m") } else { ("", "") };
        let rows = break_words(text, self.columns() - 2).join("\n  ");
        self.print(&format!("{begin}{sign} {rows}{end}\n"))?;
        self.wait(self.pace.row * 2)?;
        self.wait_for_enter()
    }

    fn columns(&self) -> usize {
        self.pace.columns.max(LEAST_COLUMNS)
    }

    fn print(&self, text: &str) -> Result<(), String> {
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| format!("cannot show it: {error}"))
    }

    /// Waits for the Enter key, if the pace is that of a person. The error says that the lesson was interrupted.
    fn wait_for_enter(&self) -> Result<(), String> {
        let Some(enters) = &self.pace.enters else { return self.wait(Duration::ZERO) };
        select! {
            recv(enters) -> _ => Ok(()),
            recv(self.interrupts) -> _ => Err(INTERRUPTED.to_owned()),
        }
    }

    /// Waits so long. The error says that the lesson was interrupted.
    pub fn wait(&self, time: Duration) -> Result<(), String> {
        match self.interrupts.recv_timeout(time) {
            Err(RecvTimeoutError::Timeout) => Ok(()),
            _ => Err(INTERRUPTED.to_owned()),
        }
    }

    /// Returns the reason why a lesson has failed. Ctrl-C in a terminal also ends the servers: what fails then was interrupted.
    pub fn reason(&self, failure: String) -> String {
        self.wait(SIGNAL).err().unwrap_or(failure)
    }
}
