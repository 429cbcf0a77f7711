//! From a line of text to rows of cells. The client wraps lines itself, so that no text can continue in the first
//! column of the terminal, where it would pass for a line of its own.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;

use super::cells::cells;
use crate::model::safe::safe;

/// Distance of two tab stops.
const TAB: usize = 4;

/// Most `char`s of a grapheme cluster that are shown: no writing puts more marks on a character, and a terminal draws them
/// all at each key.
const GRAPHEME_CHARS: usize = 32;

/// A character as people see it (a grapheme cluster), at its place in the rows.
#[derive(Debug)]
pub struct Placed<'a> {
    /// Number of `char`s before it in the line.
    pub start: usize,
    /// The text that is shown for it: what a terminal would obey is made visible.
    pub shown: Cow<'a, str>,
    pub row: usize,
    pub column: usize,
    pub cells: usize,
    is_space: bool,
}

/// A line in rows.
#[derive(Debug)]
pub struct Wrapped<'a> {
    pub placed: Vec<Placed<'a>>,
    /// Row and column after the last character.
    pub end: (usize, usize),
    /// Number of `char`s of the line.
    pub chars: usize,
}

/// Wraps a line at spaces, and words that are longer than a row within. `first`: cells of the first row; `next`: cells of
/// the others.
pub fn wrap(line: &str, first: usize, next: usize) -> Wrapped<'_> {
    let mut wrapped = Wrapped { placed: Vec::new(), end: (0, 0), chars: 0 };
    // The first character after the last space of the row, where the row may end.
    let mut break_at = 0;
    for grapheme in line.graphemes(true) {
        let piece = wrapped.next_piece(grapheme);
        let width = if wrapped.end.0 == 0 { first } else { next };
        let is_space = piece.is_space;
        let overflows = piece.column + piece.cells > width.max(1);
        let at_start = piece.column == 0;
        wrapped.push(piece);
        wrapped.chars += grapheme.chars().count();
        match (overflows && !at_start, is_space) {
            // A space at the end of a row needs no cell.
            (true, true) => wrapped.hide_last(),
            (true, false) => wrapped.break_row(break_at, next.max(1)),
            (false, _) => {}
        }
        if is_space {
            break_at = wrapped.placed.len();
        }
    }
    wrapped
}

impl<'a> Wrapped<'a> {
    /// Returns the texts of the rows.
    pub fn rows(&self) -> Vec<String> {
        let mut rows = vec![String::new(); self.end.0 + 1];
        for piece in &self.placed {
            if let Some(row) = rows.get_mut(piece.row) {
                row.push_str(&piece.shown);
            }
        }
        rows
    }

    /// Returns row and column of the character before which there are this many `char`s.
    pub fn position(&self, chars: usize) -> (usize, usize) {
        let found = self.placed.partition_point(|piece| piece.start < chars);
        self.placed.get(found).map_or(self.end, |piece| (piece.row, piece.column))
    }

    /// Returns the number of `char`s before the character at this place, or the last one before it in the row.
    pub fn chars_before(&self, row: usize, column: usize) -> usize {
        let behind = self.placed.partition_point(|piece| (piece.row, piece.column + piece.cells) <= (row, column));
        match self.placed.get(behind) {
            None => self.chars,
            Some(piece) if piece.row == row => piece.start,
            // The row is shorter: its last character.
            Some(_) => self.placed.get(behind.saturating_sub(1)).map_or(0, |last| last.start),
        }
    }

    fn next_piece(&self, grapheme: &'a str) -> Placed<'a> {
        let (row, column) = self.end;
        let shown = match grapheme {
            "\t" => Cow::from(" ".repeat(TAB - column % TAB)),
            grapheme => match grapheme.char_indices().nth(GRAPHEME_CHARS) {
                Some((end, _)) => format!("{}…", safe(grapheme.get(..end).unwrap_or_default())).into(),
                None => safe(grapheme),
            },
        };
        let is_space = grapheme.chars().all(char::is_whitespace);
        Placed { start: self.chars, cells: cells(&shown), shown, row, column, is_space }
    }

    fn push(&mut self, piece: Placed<'a>) {
        self.end = (piece.row, piece.column + piece.cells);
        self.placed.push(piece);
    }

    fn hide_last(&mut self) {
        if let Some(last) = self.placed.last_mut() {
            (last.shown, last.cells) = ("".into(), 0);
            self.end = (last.row, last.column);
        }
    }

    /// Moves what follows the break, the word at the end of the row, to the next row, which has `cells` cells; of a longer word
    /// only the last character.
    fn break_row(&mut self, break_at: usize, cells: usize) {
        let (row, end) = self.end;
        let is_whole = |piece: &Placed| piece.row == row && piece.column > 0 && end - piece.column <= cells;
        let fits = self.placed.get(break_at).is_some_and(is_whole);
        let from = if fits { break_at } else { self.placed.len().saturating_sub(1) };
        let mut column = 0;
        for piece in self.placed.iter_mut().skip(from) {
            (piece.row, piece.column) = (row + 1, column);
            column += piece.cells;
        }
        self.end = (row + 1, column);
    }
}

/// Breaks a text between words into rows of at most this number of cells; a longer word has a row of its own.
pub fn break_words(text: &str, width: usize) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match rows.last_mut() {
            Some(row) if cells(row) + 1 + cells(word) <= width => {
                row.push(' ');
                row.push_str(word);
            }
            _ => rows.push(word.to_owned()),
        }
    }
    rows
}
