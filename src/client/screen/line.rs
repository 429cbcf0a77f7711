//! From a message to lines of cells: wrapped by words, links whole, mentions marked, with a hanging indent.

use std::ops::Range;
use std::sync::Arc;

use linkify::{LinkFinder, LinkKind};
use ratatui_core::style::Style;

use super::theme::Theme;
use crate::text::{Wrapped, cells, wrap};

/// Longest link that becomes one of the terminal's.
const LINK_BYTES: usize = 2_000;

/// A piece of a line in one style.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Piece {
    pub text: String,
    pub style: Style,
    /// The address that the terminal may open.
    pub link: Option<Arc<str>>,
}

impl Piece {
    /// Makes a piece. The text is safe for a terminal.
    pub fn new(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style, link: None }
    }

    pub fn cells(&self) -> usize {
        cells(&self.text)
    }
}

/// One line of cells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line(pub Vec<Piece>);

impl Line {
    pub fn of(text: impl Into<String>, style: Style) -> Self {
        Self(vec![Piece::new(text, style)])
    }

    pub fn cells(&self) -> usize {
        self.0.iter().map(Piece::cells).sum()
    }

    pub fn text(&self) -> String {
        self.0.iter().map(|piece| piece.text.as_str()).collect()
    }
}

/// A text with what stands before its first line and after its last one.
pub struct Paragraph<'a> {
    pub head: Vec<Piece>,
    pub text: &'a str,
    pub style: Style,
    pub tail: Vec<Piece>,
    /// Cells by which the lines after the first are indented.
    pub indent: usize,
    /// Each line of the text begins without that indent; what is wrapped has it.
    pub is_list: bool,
}

impl<'a> Paragraph<'a> {
    /// Makes a text without a style, head or tail; lines after the first are indented by two cells.
    pub fn plain(text: &'a str) -> Self {
        Self { head: Vec::new(), text, style: Style::new(), tail: Vec::new(), indent: 2, is_list: false }
    }

    /// Wraps the text into lines of at most this many cells. `mention`: the user's own name, in small letters.
    pub fn lines(&self, width: usize, theme: Theme, mention: &str) -> Vec<Line> {
        let indent = if width >= 3 * self.indent { self.indent } else { 0 };
        let mut lines = vec![Line(self.head.clone())];
        for (number, text) in self.text.split('\n').enumerate() {
            if number > 0 {
                lines.push(if self.is_list { Line::default() } else { indented(indent) });
            }
            let used = lines.last().map_or(0, Line::cells);
            let wrapped = wrap(text, width.saturating_sub(used).max(1), width.saturating_sub(indent).max(1));
            self.append(&mut lines, &wrapped, &marks(text, theme, mention), indent);
        }
        self.append_tail(&mut lines, width, indent);
        lines
    }

    fn append(&self, lines: &mut Vec<Line>, wrapped: &Wrapped, marks: &[Mark], indent: usize) {
        let mut marks = Cursor(marks);
        let mut row = 0;
        for placed in &wrapped.placed {
            while row < placed.row {
                lines.push(indented(indent));
                row += 1;
            }
            let mark = marks.at(placed.start);
            let (style, link) = mark.map_or((self.style, None), |mark| (mark.style, mark.link.clone()));
            let Some(Line(pieces)) = lines.last_mut() else { return };
            match pieces.last_mut().filter(|piece| piece.style == style && piece.link == link) {
                Some(piece) => piece.text.push_str(&placed.shown),
                None => pieces.push(Piece { text: placed.shown.to_string(), style, link }),
            }
        }
    }

    fn append_tail(&self, lines: &mut Vec<Line>, width: usize, indent: usize) {
        let cells: usize = self.tail.iter().map(Piece::cells).sum();
        if cells == 0 {
            return;
        }
        if lines.last().map_or(0, Line::cells) + 1 + cells > width {
            lines.push(indented(indent));
        } else if let Some(Line(pieces)) = lines.last_mut() {
            pieces.push(Piece::new(" ", self.style));
        }
        if let Some(Line(pieces)) = lines.last_mut() {
            pieces.extend(self.tail.iter().cloned());
        }
    }
}

fn indented(indent: usize) -> Line {
    Line::of(" ".repeat(indent), Style::new())
}

/// A part of a line that has a style of its own.
struct Mark {
    chars: Range<usize>,
    style: Style,
    link: Option<Arc<str>>,
}

/// The marks that are at a place or after it, for places that only go forward: a text costs as much as it is long, however
/// many marks it has.
struct Cursor<'a>(&'a [Mark]);

impl<'a> Cursor<'a> {
    fn at(&mut self, place: usize) -> Option<&'a Mark> {
        while let [first, rest @ ..] = self.0
            && first.chars.end <= place
        {
            self.0 = rest;
        }
        self.0.first().filter(|mark| mark.chars.contains(&place))
    }
}

/// Returns the links of a text, and the mentions outside them, in order.
fn marks(text: &str, theme: Theme, mention: &str) -> Vec<Mark> {
    let mut marks = links(text, theme);
    let mut in_links = Cursor(&marks);
    let mut found = mentions(text, mention);
    found.retain(|range| in_links.at(range.start).is_none());
    marks.extend(found.into_iter().map(|chars| Mark { chars, style: theme.mention(), link: None }));
    marks.sort_by_key(|mark| mark.chars.start);
    marks
}

fn links(text: &str, theme: Theme) -> Vec<Mark> {
    let mut finder = LinkFinder::new();
    finder.kinds(&[LinkKind::Url]);
    let mut bytes = 0;
    let mut chars = 0;
    let mut chars_before = |end: usize| {
        chars += text.get(bytes..end).map_or(0, |between| between.chars().count());
        bytes = end;
        chars
    };
    let mark = |link: linkify::Link| Mark {
        chars: chars_before(link.start())..chars_before(link.end()),
        style: theme.link(),
        link: is_plain(link.as_str()).then(|| link.as_str().into()),
    };
    finder.links(text).map(mark).collect()
}

/// Checks that a link can be given to a terminal: no character of it could end the sequence that holds it.
fn is_plain(link: &str) -> bool {
    link.len() <= LINK_BYTES && link.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Returns where a name, given in small letters, is a word of a text, in `char`s.
pub fn mentions(text: &str, name: &str) -> Vec<Range<usize>> {
    let chars: Vec<char> = text.chars().collect();
    let is_word = |c: &char| c.is_alphanumeric() || *c == '_';
    let mut found = Vec::new();
    let mut start = 0;
    while start < chars.len() {
        let end = start + chars.iter().skip(start).take_while(|c| is_word(c)).count();
        let word = chars.iter().skip(start).take(end - start).flat_map(|c| c.to_lowercase());
        if end > start && word.eq(name.chars()) {
            found.push(start..end);
        }
        start = end.max(start + 1);
    }
    found
}
