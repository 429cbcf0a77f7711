//! The lines of long texts, kept from one drawing to the next: to wrap a text of 60,000 bytes takes longer than to draw
//! the screen.

use std::collections::VecDeque;
use std::rc::Rc;

use super::line::{Line, Paragraph, Piece};
use super::theme::Theme;

/// Texts of more bytes than this are kept: a screen has place for few of them.
const LONG: usize = 1_000;
/// Most texts that are kept: as many as the largest screen shows parts of. Their lines take about 20 MiB at most.
const KEPT: usize = 16;

/// The long texts that were drawn last, the newest last.
#[derive(Default)]
pub struct LongTexts(VecDeque<LongText>);

struct LongText {
    head: Vec<Piece>,
    text: String,
    tail: Vec<Piece>,
    width: usize,
    theme: Theme,
    mention: String,
    lines: Rc<Vec<Line>>,
}

impl LongText {
    fn is_of(&self, paragraph: &Paragraph, width: usize, theme: Theme, mention: &str) -> bool {
        let is_same_look = self.width == width && self.theme == theme && self.mention == mention;
        is_same_look && self.head == paragraph.head && self.tail == paragraph.tail && self.text == paragraph.text
    }
}

impl LongTexts {
    /// Returns the lines of a message, as [`Paragraph::lines`] does.
    pub fn lines(&mut self, paragraph: &Paragraph, width: usize, theme: Theme, mention: &str) -> Rc<Vec<Line>> {
        let make = || Rc::new(paragraph.lines(width, theme, mention));
        if paragraph.text.len() <= LONG {
            return make();
        }
        if let Some(known) = self.0.iter().find(|known| known.is_of(paragraph, width, theme, mention)) {
            return known.lines.clone();
        }
        if self.0.len() >= KEPT {
            self.0.pop_front();
        }
        let lines = make();
        let (head, tail) = (paragraph.head.clone(), paragraph.tail.clone());
        let (text, mention) = (paragraph.text.to_owned(), mention.to_owned());
        self.0.push_back(LongText { head, text, tail, width, theme, mention, lines: lines.clone() });
        lines
    }
}
