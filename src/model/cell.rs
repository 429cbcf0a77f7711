//! Cells of a table for a spreadsheet: none is taken for a formula.

use std::borrow::Cow;

/// The first characters of what a spreadsheet takes for a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Returns a text as a cell: with a `'` before it if it begins as a formula. A `'` there already is kept by another one.
pub fn harmless(text: &str) -> Cow<'_, str> {
    if text.trim_start_matches('\'').starts_with(FORMULA) { format!("'{text}").into() } else { text.into() }
}

/// Returns the text that [`harmless`] has made a cell of.
pub fn original(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(text) if text.trim_start_matches('\'').starts_with(FORMULA) => text,
        _ => cell,
    }
}
