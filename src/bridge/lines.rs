//! Texts of several lines: those after the first are indented, both ways, so that none passes for a message of its own.

/// The indentation, in spaces.
const INDENT: usize = 4;

/// Returns a text in which LF alone ends a line, whatever a network or a terminal takes for the end of one.
pub fn with_one_break(text: &str) -> String {
    text.replace("\r\n", "\n").replace(['\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}'], "\n")
}

/// Returns a text with the lines after the first indented.
pub fn indented(text: &str) -> String {
    text.replace('\n', &format!("\n{:INDENT$}", ""))
}

/// Returns the UTF-16 code units, the unit of the Bot API, that a character of a text takes once it is indented. Where
/// Telegram counts characters, their number is never higher.
pub fn units(c: char) -> usize {
    c.len_utf16() + if c == '\n' { INDENT } else { 0 }
}
