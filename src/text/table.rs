//! Tables of text.

use super::cells::{cells, pad};

/// Cells between two columns.
const GAP: usize = 2;

/// Appends a column to the lines of a table: its cells begin below each other.
pub fn add_column<'a>(lines: &mut [String], column: impl Iterator<Item = &'a str>) {
    let widest = lines.iter().map(|line| cells(line)).max().filter(|widest| *widest > 0);
    for (line, cell) in lines.iter_mut().zip(column) {
        if let Some(widest) = widest {
            pad(line, widest + GAP);
        }
        line.push_str(cell);
    }
}
