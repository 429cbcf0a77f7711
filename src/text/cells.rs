//! The cells that a text takes in a terminal.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Returns the most cells that a terminal gives a text: a terminal that does not know a sequence of emoji draws each.
pub fn cells(text: &str) -> usize {
    let alone: usize = text.chars().map(|c| c.width().unwrap_or(1)).sum();
    alone.max(text.width())
}

/// Cuts a text to this number of cells. The last one has an ellipsis if there was more.
pub fn cut(text: &str, width: usize) -> String {
    if cells(text) <= width {
        return text.to_owned();
    }
    let mut short = String::new();
    for c in text.chars() {
        if cells(&short) + cells(c.encode_utf8(&mut [0; 4])) + 1 > width {
            break;
        }
        short.push(c);
    }
    if width > 0 { short + "…" } else { short }
}

/// Adds the spaces that a text lacks to this number of cells.
pub fn pad(text: &mut String, width: usize) {
    text.extend(std::iter::repeat_n(' ', width.saturating_sub(cells(text))));
}
