//! A sequence diagram for the terminal, in the width that there is.

use unicode_width::UnicodeWidthChar as _;

use super::graph::Lifeline;
use super::rows::{Kind, Label, Part, Row};
use crate::model::safe::safe;
use crate::text;

/// Cells between two lifelines at least: below that no label can be read.
const LEAST_GAP: usize = 14;

/// The places of the lifelines.
struct Layout {
    gap: usize,
    width: usize,
    lifelines: usize,
}

/// One row of cells. A character of two cells is followed by an empty cell.
struct Cells(Vec<String>);

pub fn write(lifelines: &[Lifeline], rows: &[Row], columns: usize) -> String {
    let gap = (columns / lifelines.len().max(1)).max(LEAST_GAP);
    let layout = Layout { gap, width: (gap * lifelines.len()).max(columns), lifelines: lifelines.len() };
    let head = layout.head(lifelines);
    let mut text = head.clone();
    rows.iter().for_each(|row| text.push_str(&layout.row(row)));
    text.push_str(&head);
    text
}

impl Layout {
    fn x(&self, lifeline: usize) -> usize {
        self.gap / 2 + lifeline * self.gap
    }

    fn head(&self, lifelines: &[Lifeline]) -> String {
        let mut cells = Cells(vec![" ".to_owned(); self.width]);
        for (index, lifeline) in lifelines.iter().enumerate() {
            let name = text::cut(&safe(&lifeline.name), self.gap - 2);
            cells.put(self.x(index).saturating_sub(text::cells(&name) / 2), &name);
        }
        cells.line()
    }

    fn row(&self, row: &Row) -> String {
        let mut cells = Cells(vec![" ".to_owned(); self.width]);
        (0..self.lifelines).for_each(|lifeline| cells.put(self.x(lifeline), "│"));
        match row {
            Row::Arrow { from, to, part, label, .. } => {
                self.draw_arrow(&mut cells, *from, *to, *part, label);
                if row.ends_at_proxy() {
                    cells.put(self.x(*to), "✗");
                }
            }
            Row::Note { at, label, kind } => self.draw_note(&mut cells, self.x(*at), label, *kind),
        }
        cells.line()
    }

    /// Draws a line from one lifeline to another; a part of its way is dashed.
    fn draw_arrow(&self, cells: &mut Cells, from: usize, to: usize, part: Part, label: &Label) {
        let left = self.x(from.min(to)) + 1;
        let right = self.x(from.max(to));
        let stroke = if matches!(part, Part::Whole | Part::Lost) { "─" } else { "╌" };
        (left..right).for_each(|x| cells.put(x, stroke));
        let label = label.fit(right.saturating_sub(left + 6));
        cells.put(left + 2, &format!(" {label} "));
        let end = |distance: usize| if to > from { right - 1 - distance } else { left + distance };
        match part {
            Part::Whole | Part::Arrival => cells.put(end(0), if to > from { ">" } else { "<" }),
            Part::Lost => {
                cells.put(end(0), " ");
                cells.put(end(1), "✗");
            }
            Part::Departure => {}
        }
    }

    /// Draws what happens at one lifeline: to its right, or to its left where there is more room.
    fn draw_note(&self, cells: &mut Cells, x: usize, label: &Label, kind: Kind) {
        let symbol = match kind {
            Kind::Sync => "●",
            Kind::Trouble => "✗",
            _ => "○",
        };
        cells.put(x, symbol);
        let label = label.whole();
        let right = self.width.saturating_sub(x + 2);
        let left = x.saturating_sub(1);
        if text::cells(&label) <= right || right >= left {
            cells.put(x + 2, &text::cut(&label, right));
        } else {
            let label = text::cut(&label, left);
            cells.put(left - text::cells(&label), &label);
        }
    }
}

impl Cells {
    fn put(&mut self, mut x: usize, text: &str) {
        for c in text.chars() {
            let width = c.width().unwrap_or(0);
            match width {
                // It belongs to the character before it.
                0 => {
                    if let Some(cell) = x.checked_sub(1).and_then(|x| self.0.get_mut(x)) {
                        cell.push(c);
                    }
                }
                _ => {
                    if let Some(cell) = self.0.get_mut(x) {
                        *cell = c.to_string();
                    }
                }
            }
            for covered in x + 1..x + width {
                if let Some(cell) = self.0.get_mut(covered) {
                    cell.clear();
                }
            }
            x += width;
        }
    }

    fn line(self) -> String {
        format!("{}\n", self.0.concat().trim_end())
    }
}
