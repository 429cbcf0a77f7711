//! The text of a message.

use std::fmt;
use std::sync::Arc;

use crate::limits;

/// What somebody wrote: UTF-8 without control characters but TAB, LF and CR, at most 60,000 bytes
/// as a record writes it (protocol, section 2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Text(Arc<str>);

impl Text {
    /// `None` if it is too long or has a character that no record may hold.
    pub fn new(text: &str) -> Option<Self> {
        let holds =
            is_printable_ascii(text) || text.chars().all(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\r'));
        (holds && length_in_record(text) <= limits::TEXT_BYTES).then(|| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a text is printable ASCII and nothing else. Most are, and this looks at many bytes at once
/// where looking for control characters takes them one by one.
pub fn is_printable_ascii(text: &str) -> bool {
    text.bytes().fold(true, |printable, byte| printable & matches!(byte, b' '..=b'~'))
}

/// How many bytes a text takes in a record, with its escapes and the quotes it needs.
/// [`crate::protocol::record`] writes exactly that.
pub fn length_in_record(text: &str) -> usize {
    let (mut escapes, mut quotes, mut separator) = (0, 0, false);
    for byte in text.bytes() {
        match byte {
            b'\n' | b'\r' | b'\\' => escapes += 1,
            b'"' => quotes += 1,
            b';' => separator = true,
            _ => {}
        }
    }
    let quoted = separator || text.starts_with('"');
    text.len() + escapes + if quoted { quotes + 2 } else { 0 }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
