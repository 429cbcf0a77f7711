//! The lines of long texts, kept from one drawing to the next: to wrap a text of 60,000 bytes takes longer than to draw
//! the screen.

use std::collections::VecDeque;
use std::rc::Rc;

use ratatui_core::style::Style;

use super::line::{Line, Paragraph, Piece};
use super::theme::Theme;

/// Texts of more bytes than this are kept.
const LONG: usize = 1_000;
/// Most texts that are kept: more than the rows of a screen, since the longest text may have only zero-width characters and
/// take one row.
const KEPT: usize = 256;
/// Most bytes of their lines, and what a line, or a piece of one, takes beside its text.
const KEPT_BYTES: usize = 16 << 20;
const PIECE_BYTES: usize = 64;

/// The long texts that were drawn last, the newest last.
#[derive(Default)]
pub struct LongTexts {
    texts: VecDeque<LongText>,
    /// Bytes of their lines.
    bytes: usize,
}

struct LongText {
    head: Vec<Piece>,
    text: String,
    tail: Vec<Piece>,
    style: Style,
    width: usize,
    theme: Theme,
    mention: String,
    lines: Rc<Vec<Line>>,
    bytes: usize,
}

impl LongText {
    fn is_of(&self, paragraph: &Paragraph, width: usize, theme: Theme, mention: &str) -> bool {
        let is_same_look = self.width == width && self.theme == theme && self.mention == mention;
        is_same_look
            && self.style == paragraph.style
            && self.head == paragraph.head
            && self.tail == paragraph.tail
            && self.text == paragraph.text
    }
}

impl LongTexts {
    /// Returns the lines of a message, as [`Paragraph::lines`] does.
    pub fn lines(&mut self, paragraph: &Paragraph, width: usize, theme: Theme, mention: &str) -> Rc<Vec<Line>> {
        let make = || Rc::new(paragraph.lines(width, theme, mention));
        if paragraph.text.len() <= LONG {
            return make();
        }
        if let Some(known) = self.texts.iter().find(|known| known.is_of(paragraph, width, theme, mention)) {
            return known.lines.clone();
        }
        let lines = make();
        let pieces = lines.iter().flat_map(|line| &line.0).map(|piece| piece.text.len() + PIECE_BYTES);
        let bytes = paragraph.text.len() + PIECE_BYTES * lines.len() + pieces.sum::<usize>();
        let Paragraph { head, text, tail, style, .. } = paragraph;
        self.keep(LongText {
            head: head.clone(),
            text: (*text).to_owned(),
            tail: tail.clone(),
            style: *style,
            width,
            theme,
            mention: mention.to_owned(),
            lines: lines.clone(),
            bytes,
        });
        lines
    }

    fn keep(&mut self, text: LongText) {
        self.bytes += text.bytes;
        self.texts.push_back(text);
        while self.bytes > KEPT_BYTES || self.texts.len() > KEPT {
            let Some(oldest) = self.texts.pop_front() else { return };
            self.bytes -= oldest.bytes;
        }
    }
}
