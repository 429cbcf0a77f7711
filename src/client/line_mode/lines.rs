//! The screen of the line mode: lines that scroll, and below them a block of rows, the prompt and what is being written.
//! The states of own messages are updated in place, as long as they are on the screen for certain.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{self, Write as _};

use crate::client::terminal::marks::Marks;
use crate::model::{MessageId, State, Target};
use crate::text::{cells, wrap};

/// Most messages of which the line mode remembers the place on the screen, where it updates their states.
const MARKED_LINES: usize = 256;

/// Cells by which the rows of a line after the first are indented: as wide as `[14:35] `.
const INDENT: usize = 8;

/// Rows and columns of the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub rows: usize,
    pub columns: usize,
}

/// The place of an own message's mark.
struct Own {
    id: MessageId,
    to: Target,
    state: Option<State>,
    /// The number of rows written before this one.
    row: usize,
    column: usize,
}

/// The lines, the block, and the bytes that were not written yet.
pub struct Lines {
    pub size: Size,
    marks: Marks,
    out: String,
    /// Number of rows above the block that were written.
    written: usize,
    /// The cursor is in this row of the screen, or further below.
    cursor_row: usize,
    block: Vec<String>,
    /// Row and column of the cursor in the block.
    cursor: (usize, usize),
    own: VecDeque<Own>,
}

impl Lines {
    pub fn new(size: Size, marks: Marks) -> Self {
        let block = Vec::new();
        let own = VecDeque::new();
        Self { size, marks, out: String::new(), written: 0, cursor_row: 0, block, cursor: (0, 0), own }
    }

    /// Notes a new size of the window. The rows above the block may be elsewhere now.
    pub fn resize(&mut self, size: Size) {
        self.erase();
        self.forget();
        self.size = size;
    }

    /// Forgets the block and the lines: other output may have come, or the block was left as it is.
    pub fn forget(&mut self) {
        self.block.clear();
        self.own.clear();
        (self.cursor, self.cursor_row) = ((0, 0), 0);
    }

    /// Clears the screen; `all`: also the lines that have scrolled off it.
    pub fn clear(&mut self, all: bool) {
        self.forget();
        self.out.push_str(if all { "\x1b[2J\x1b[3J\x1b[H" } else { "\x1b[2J\x1b[H" });
    }

    pub fn ring(&mut self) {
        self.out.push('\x07');
    }

    /// Erases the block. The cursor is where the next line begins.
    pub fn erase(&mut self) {
        if !self.block.is_empty() {
            self.go(0, 0);
            self.out.push_str("\x1b[J");
            self.block.clear();
        }
    }

    /// Adds a line, which may have several rows. The block has to be erased.
    pub fn add(&mut self, text: &str) {
        for row in self.rows(text) {
            self.add_row(&row);
        }
    }

    /// Adds the line of an own message, which is queued. After it there is room for each mark that may follow.
    pub fn add_own(&mut self, id: &MessageId, to: &Target, text: &str) {
        let mut rows = self.rows(text);
        let fits = |row: &String| cells(row) + 1 + self.marks.width() <= self.size.columns;
        if !rows.last().is_some_and(fits) {
            rows.push(String::new());
        }
        let last = rows.pop().unwrap_or_default();
        rows.iter().for_each(|row| self.add_row(row));
        let column = if last.is_empty() { self.indent() } else { cells(&last) + 1 };
        let padding = " ".repeat(column - cells(&last));
        self.own.push_back(Own { id: id.clone(), to: to.clone(), state: None, row: self.written, column });
        self.add_row(&format!("{last}{padding}{}", self.marks.of(None)));
        if self.own.len() > MARKED_LINES {
            self.own.pop_front();
        }
    }

    /// Updates the mark of an own message in place, and those of the messages to the same target before it. `false`: the
    /// message is not on the screen, or not for certain. The block has to be erased.
    pub fn update(&mut self, id: &MessageId, state: State) -> bool {
        let Some(last) = self.own.iter().position(|own| own.id == *id) else { return false };
        let Some(to) = self.own.get(last).map(|own| own.to.clone()) else { return false };
        let is_shown = self.own.get(last).is_some_and(|own| self.written - own.row <= self.cursor_row);
        let mut places = Vec::new();
        for (number, own) in self.own.iter_mut().enumerate().take(last + 1) {
            let moved = number == last || own.to == to && own.state.is_some() && own.state < Some(state);
            if moved && self.written - own.row <= self.cursor_row {
                own.state = Some(state);
                places.push((self.written - own.row, own.column));
            }
        }
        let mark = self.marks.of(Some(state));
        for place in places {
            self.write_at(place, mark);
        }
        is_shown
    }

    /// Replaces the mark of a message that was refused.
    pub fn fail(&mut self, id: &MessageId) {
        let Some(at) = self.own.iter().position(|own| own.id == *id) else { return };
        let Some(own) = self.own.remove(at) else { return };
        if self.written - own.row <= self.cursor_row {
            self.write_at((self.written - own.row, own.column), self.marks.failed());
        }
    }

    /// Draws the block, as far as it differs from the one that exists.
    pub fn draw(&mut self, rows: Vec<String>, cursor: (usize, usize)) {
        let same = rows.iter().zip(&self.block).take_while(|(new, old)| new == old).count();
        if same < rows.len().max(self.block.len()) {
            let block = std::mem::take(&mut self.block);
            let first = same.min(rows.len().saturating_sub(1)).min(block.len().saturating_sub(1));
            let new = text_of(&rows, first);
            let old = text_of(&block, first);
            let kept = common(new, old);
            self.go(first, kept);
            // A row that only grows needs no erasing.
            if kept < old.len() || first + 1 < block.len() {
                self.out.push_str("\x1b[J");
            }
            self.out.push_str(new.get(kept..).unwrap_or_default());
            for row in rows.iter().skip(first + 1) {
                self.line_feed();
                self.out.push_str(row);
            }
            let last = rows.len().saturating_sub(1);
            self.cursor = (last, cells(text_of(&rows, last)));
            self.block = rows;
        }
        if self.cursor != cursor {
            self.go(cursor.0, cursor.1);
        }
    }

    /// Writes everything in one piece.
    pub fn flush(&mut self) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        let mut stdout = io::stdout().lock();
        stdout.write_all(self.out.as_bytes())?;
        self.out.clear();
        stdout.flush()
    }

    /// Wraps a line into rows. A line feed in it begins a row as well.
    fn rows(&self, text: &str) -> Vec<String> {
        let columns = self.size.columns;
        let indent = self.indent();
        let mut rows = Vec::new();
        for part in text.split('\n') {
            let wrapped = wrap(part, columns, columns - indent).rows();
            let indented = |(number, row): (usize, String)| if number == 0 { row } else { " ".repeat(indent) + &row };
            rows.extend(wrapped.into_iter().enumerate().map(indented));
        }
        rows
    }

    fn indent(&self) -> usize {
        INDENT.min(self.size.columns / 3)
    }

    fn add_row(&mut self, row: &str) {
        self.out.push_str(row);
        self.line_feed();
        self.written += 1;
    }

    fn line_feed(&mut self) {
        // The terminal adds the carriage return (`raw`).
        self.out.push('\n');
        self.cursor_row = (self.cursor_row + 1).min(self.size.rows.saturating_sub(1));
    }

    /// Writes a mark some rows above the cursor, and returns to the beginning of its row.
    fn write_at(&mut self, (up, column): (usize, usize), mark: &str) {
        // Writing into a string does not fail.
        let _ = write!(self.out, "\x1b[{up}A\x1b[{column}C{mark}\x1b[K\r\x1b[{up}B");
    }

    /// Moves the cursor within the block.
    fn go(&mut self, row: usize, column: usize) {
        let (now, _) = self.cursor;
        let _ = match row.cmp(&now) {
            std::cmp::Ordering::Less => write!(self.out, "\x1b[{}A", now - row),
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Greater => write!(self.out, "\x1b[{}B", row - now),
        };
        if self.cursor.1 != column {
            self.out.push('\r');
            if column > 0 {
                let _ = write!(self.out, "\x1b[{column}C");
            }
        }
        self.cursor_row = (self.cursor_row + row).saturating_sub(now);
        self.cursor = (row, column);
    }
}

fn text_of(rows: &[String], row: usize) -> &str {
    rows.get(row).map_or("", String::as_str)
}

/// Returns the number of cells at the beginning of a row that need not be drawn again.
fn common(new: &str, old: &str) -> usize {
    if !new.is_ascii() || !old.is_ascii() {
        return 0;
    }
    new.bytes().zip(old.bytes()).take_while(|(one, other)| one == other).count()
}
