//! The editor of both front ends: a text area with the keys that people know, a history of what was submitted, and
//! completion. It knows no terminal: keys come in, rows of cells and the place of the cursor go out.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::{Position, Rect};
use ratatui_core::style::Style;
use ratatui_textarea::{CursorMove, TextArea};
use terminput::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use super::complete::{Completer, Names};
use super::recall::Recall;
use crate::limits;
use crate::text::{Wrapped, cells, wrap};

/// The sign that is shown for a character of a password.
const HIDDEN: &str = "*";

/// The effect of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// The key is the editor's, and changed nothing but perhaps the place of the cursor.
    None,
    Changed,
    /// Enter: the whole text, which is in the history now. The editor is empty.
    Submitted(String),
    /// Ctrl-C: the text is discarded.
    Cleared,
    /// Ctrl-D without a text.
    Ended,
    /// There is no room for more.
    Full,
    /// The key is none of the editor's.
    Unhandled,
}

/// The text in rows, and row and column of the cursor.
#[derive(Debug, PartialEq, Eq)]
pub struct Drawn {
    pub rows: Vec<String>,
    pub cursor: (usize, usize),
}

#[derive(Default)]
pub struct Editor {
    area: TextArea<'static>,
    recall: Recall,
    completer: Completer,
    /// The text is a password: it is not shown, and nothing keeps it.
    is_secret: bool,
    /// Cells of the first row and of the others when it was last drawn: Up and Down go by rows.
    widths: Option<(usize, usize)>,
}

impl Editor {
    pub fn text(&self) -> String {
        self.area.lines().join("\n")
    }

    pub fn is_empty(&self) -> bool {
        self.area.is_empty()
    }

    /// Replaces the text; the cursor is at its end. A text that is too long is cut. What was deleted can still be yanked,
    /// but nothing of a password.
    pub fn set_text(&mut self, text: &str) {
        let end =
            text.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= limits::TYPED_BYTES).last();
        let text = text.get(..end.unwrap_or(0)).unwrap_or_default();
        let yank = if self.is_secret { String::new() } else { self.area.yank_text() };
        self.area = TextArea::new(text.split('\n').map(str::to_owned).collect());
        self.area.set_yank_text(yank);
        self.area.move_cursor(CursorMove::Bottom);
        self.area.move_cursor(CursorMove::End);
    }

    /// Begins or ends a text that is not shown while it is typed. At its end nothing is left of it: no text, no change to
    /// undo, nothing to yank. What was typed before it began may belong to it, and is its beginning.
    pub fn set_secret(&mut self, is_secret: bool) {
        if is_secret == self.is_secret {
            return;
        }
        let text = if is_secret { self.text() } else { String::new() };
        self.is_secret = true;
        self.recall.leave();
        self.set_text(&text);
        self.is_secret = is_secret;
    }

    pub fn is_secret(&self) -> bool {
        self.is_secret
    }

    /// Adds a text to the history as if it had been submitted.
    pub fn remember(&mut self, text: &str) {
        self.recall.add(text);
    }

    /// Removes a submitted text from the history: it was typed ahead, and is a password.
    pub fn forget(&mut self, text: &str) {
        self.recall.remove(text);
    }

    /// Inserts pasted text; it never submits. `false`: there is no room for it, and nothing is inserted.
    pub fn paste(&mut self, text: &str) -> bool {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let fits = self.bytes() + text.len() <= limits::TYPED_BYTES;
        if fits {
            self.area.insert_str(text);
        }
        fits
    }

    /// Inserts characters that were typed one after another.
    pub fn type_text(&mut self, text: &str) -> Edit {
        let typed: String = text.chars().filter(|c| !c.is_control()).collect();
        if self.paste(&typed) { Edit::Changed } else { Edit::Full }
    }

    fn bytes(&self) -> usize {
        self.area.lines().iter().map(|line| line.len() + 1).sum()
    }

    pub fn input(&mut self, key: KeyEvent) -> Edit {
        if key.kind == KeyEventKind::Release {
            return Edit::None;
        }
        let control = key.modifiers.contains(KeyModifiers::CTRL);
        let alt = key.modifiers.contains(KeyModifiers::ALT);
        match (key.code, control, alt) {
            (KeyCode::Enter, false, false) => self.submit(),
            (KeyCode::Enter, ..) | (KeyCode::Char('j'), true, false) => self.insert('\n'),
            (KeyCode::Char(c), false, false) if c.is_control() => Edit::Unhandled,
            (KeyCode::Char(c), false, false) => self.insert(c),
            (KeyCode::Char(c), true, false) => self.control(c),
            (KeyCode::Char(c), false, true) => self.alt(c),
            (KeyCode::Up, false, false) => self.up(),
            (KeyCode::Down, false, false) => self.down(),
            (code, ..) => self.named(code, control || alt),
        }
    }

    fn control(&mut self, c: char) -> Edit {
        match c {
            'c' if self.is_empty() => Edit::Unhandled,
            'c' => self.clear(),
            'd' if self.is_empty() => Edit::Ended,
            'd' => self.delete_next(),
            'h' => self.delete(),
            'p' => self.up(),
            'n' => self.down(),
            'a' => self.go(CursorMove::Head),
            'e' => self.go(CursorMove::End),
            'b' => self.back(),
            'f' => self.forward(),
            'u' => changed(self.area.delete_line_by_head()),
            'k' => changed(self.area.delete_line_by_end()),
            'w' => changed(self.area.delete_word()),
            'y' => self.yank(),
            // The terminal sends this for Ctrl-_.
            '7' | '_' => changed(self.area.undo()),
            _ => Edit::Unhandled,
        }
    }

    fn alt(&mut self, c: char) -> Edit {
        match c {
            'b' => self.go(CursorMove::WordBack),
            'f' => self.go(CursorMove::WordForward),
            'd' => changed(self.area.delete_next_word()),
            '<' => self.go(CursorMove::Top),
            '>' => self.go(CursorMove::Bottom),
            _ => Edit::Unhandled,
        }
    }

    fn named(&mut self, code: KeyCode, by_word: bool) -> Edit {
        match (code, by_word) {
            (KeyCode::Left, true) => self.go(CursorMove::WordBack),
            (KeyCode::Left, false) => self.back(),
            (KeyCode::Right, true) => self.go(CursorMove::WordForward),
            (KeyCode::Right, false) => self.forward(),
            (KeyCode::Home, false) => self.go(CursorMove::Head),
            (KeyCode::End, false) => self.go(CursorMove::End),
            (KeyCode::Backspace, true) => changed(self.area.delete_word()),
            (KeyCode::Backspace, false) => self.delete(),
            (KeyCode::Delete, true) => changed(self.area.delete_next_word()),
            (KeyCode::Delete, false) => self.delete_next(),
            _ => Edit::Unhandled,
        }
    }

    fn insert(&mut self, c: char) -> Edit {
        if self.bytes() + c.len_utf8() > limits::TYPED_BYTES {
            return Edit::Full;
        }
        self.area.insert_char(c);
        Edit::Changed
    }

    fn yank(&mut self) -> Edit {
        if self.bytes() + self.area.yank_text().len() > limits::TYPED_BYTES {
            return Edit::Full;
        }
        changed(self.area.paste())
    }

    /// Submits the text, without empty lines at its end: a pasted block often has one.
    fn submit(&mut self) -> Edit {
        let typed = self.text();
        let text = if self.is_secret { typed } else { typed.trim_end_matches('\n').to_owned() };
        if !self.is_secret {
            self.recall.add(&text);
        }
        self.set_text("");
        Edit::Submitted(text)
    }

    fn clear(&mut self) -> Edit {
        self.recall.leave();
        self.set_text("");
        Edit::Cleared
    }

    /// Completes the word before the cursor; repeated, it cycles through the candidates. `false`: there are none.
    pub fn complete(&mut self, names: impl FnOnce() -> Names, backwards: bool) -> bool {
        if self.is_secret {
            return false;
        }
        let (line, column) = self.line_and_column();
        let before = line.get(..byte_of(line, column)).unwrap_or_default().to_owned();
        let is_first_line = self.area.cursor().0 == 0;
        let Some(done) = self.completer.complete(&before, is_first_line, names, backwards) else { return false };
        if self.bytes() + done.insert.len() > limits::TYPED_BYTES {
            return false;
        }
        (0..done.remove).for_each(|_| _ = self.area.delete_char());
        self.area.insert_str(done.insert)
    }

    fn go(&mut self, to: CursorMove) -> Edit {
        self.area.move_cursor(to);
        Edit::None
    }

    fn line_and_column(&self) -> (&str, usize) {
        let cursor = self.area.cursor();
        (self.area.lines().get(cursor.0).map_or("", String::as_str), cursor.1)
    }

    /// Returns the number of `char`s of the visible character before the cursor, or after it; at least one.
    fn step(&self, forward: bool) -> usize {
        let (line, column) = self.line_and_column();
        let (before, behind) = line.split_at_checked(byte_of(line, column)).unwrap_or((line, ""));
        let grapheme = if forward { behind.graphemes(true).next() } else { before.graphemes(true).next_back() };
        grapheme.map_or(1, |grapheme| grapheme.chars().count())
    }

    fn back(&mut self) -> Edit {
        (0..self.step(false)).for_each(|_| self.area.move_cursor(CursorMove::Back));
        Edit::None
    }

    fn forward(&mut self) -> Edit {
        (0..self.step(true)).for_each(|_| self.area.move_cursor(CursorMove::Forward));
        Edit::None
    }

    fn delete(&mut self) -> Edit {
        changed((0..self.step(false)).fold(false, |done, _| self.area.delete_char() || done))
    }

    fn delete_next(&mut self) -> Edit {
        changed((0..self.step(true)).fold(false, |done, _| self.area.delete_next_char() || done))
    }

    fn up(&mut self) -> Edit {
        if self.is_secret || self.move_row(false) {
            return Edit::None;
        }
        let text = self.text();
        let earlier = self.recall.earlier(&text);
        self.show_recalled(earlier)
    }

    fn down(&mut self) -> Edit {
        if self.is_secret || self.move_row(true) {
            return Edit::None;
        }
        let later = self.recall.later();
        self.show_recalled(later)
    }

    fn show_recalled(&mut self, text: Option<String>) -> Edit {
        text.map_or(Edit::None, |text| {
            self.set_text(&text);
            Edit::Changed
        })
    }

    /// Moves the cursor to the row above or below; `false`: there is none.
    fn move_row(&mut self, down: bool) -> bool {
        let Some((first, next)) = self.widths else { return false };
        let cursor = self.area.cursor();
        let lines = self.area.lines();
        let wrapped = |line: usize| lines.get(line).map(|text| wrap(text, if line == 0 { first } else { next }, next));
        let Some(here) = wrapped(cursor.0) else { return false };
        let (row, column) = here.position(cursor.1);
        let to = match (down, row) {
            (false, 0) => cursor
                .0
                .checked_sub(1)
                .and_then(|line| Some((line, wrapped(line)?)))
                .map(|(line, above)| (line, above.chars_before(above.end.0, column))),
            (false, row) => Some((cursor.0, here.chars_before(row - 1, column))),
            (true, row) if row == here.end.0 => {
                wrapped(cursor.0 + 1).map(|below| (cursor.0 + 1, below.chars_before(0, column)))
            }
            (true, row) => Some((cursor.0, here.chars_before(row + 1, column))),
        };
        let Some((line, chars)) = to else { return false };
        let small = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
        self.area.move_cursor(CursorMove::Jump(small(line), small(chars)));
        true
    }

    /// Returns the text in rows, the first of `first` cells and the others of `next`. The cursor may stand after the
    /// last cell of a row.
    pub fn draw(&mut self, first: usize, next: usize) -> Drawn {
        self.widths = Some((first, next));
        let cursor = self.area.cursor();
        let mut drawn = Drawn { rows: Vec::new(), cursor: (0, 0) };
        for (number, line) in self.area.lines().iter().enumerate() {
            let line = if self.is_secret { HIDDEN.repeat(line.chars().count()) } else { line.clone() };
            let wrapped: Wrapped = wrap(&line, if number == 0 { first } else { next }, next);
            if number == cursor.0 {
                let (row, column) = wrapped.position(cursor.1);
                drawn.cursor = (drawn.rows.len() + row, column);
            }
            drawn.rows.extend(wrapped.rows());
        }
        drawn
    }

    /// Returns the number of rows that the text takes in an area of this width.
    pub fn height(&mut self, width: u16) -> usize {
        self.draw_within(width).rows.len()
    }

    /// Draws the rows around the cursor, and returns the place of the cursor.
    pub fn render(&mut self, area: Rect, buffer: &mut Buffer, style: Style) -> Position {
        let area = area.intersection(buffer.area);
        let drawn = self.draw_within(area.width);
        let top = (drawn.cursor.0 + 1).saturating_sub(usize::from(area.height));
        for (y, row) in (area.top()..area.bottom()).zip(drawn.rows.iter().skip(top)) {
            buffer.set_stringn(area.x, y, row, usize::from(area.width), style);
        }
        let small = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
        let row = drawn.rows.get(drawn.cursor.0).map_or("", String::as_str);
        let x = small(drawn_cells(row, drawn.cursor.1));
        let y = small(drawn.cursor.0.saturating_sub(top));
        Position::new(area.x.saturating_add(x), area.y.saturating_add(y))
    }

    /// Leaves a cell at the end of a row for the cursor.
    fn draw_within(&mut self, width: u16) -> Drawn {
        let cells = usize::from(width.saturating_sub(1)).max(1);
        self.draw(cells, cells)
    }
}

/// Returns the cells of a buffer that the text before a column takes. Rows leave more for a sequence of emoji, which some
/// terminals draw one by one.
fn drawn_cells(row: &str, column: usize) -> usize {
    let mut most = 0;
    let is_before = |grapheme: &&str| {
        most += cells(grapheme);
        most <= column
    };
    row.graphemes(true).take_while(is_before).map(UnicodeWidthStr::width).sum()
}

fn changed(changed: bool) -> Edit {
    if changed { Edit::Changed } else { Edit::None }
}

/// Returns the number of bytes before a `char` of a line.
fn byte_of(line: &str, column: usize) -> usize {
    line.char_indices().nth(column).map_or(line.len(), |(byte, _)| byte)
}
