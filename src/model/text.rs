//! The text of a message.

use std::fmt;
use std::sync::Arc;

use crate::limits;
use crate::record::{is_printable_ascii, length_in_record};

/// The text of a message: UTF-8 without control characters but TAB, LF and CR, at most 60,000 bytes as a record writes
/// it (protocol, section 2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Text(Arc<str>);

impl Text {
    /// Checks a text; `None` if it is too long or has a character that no record may hold.
    pub fn new(text: &str) -> Option<Self> {
        let holds =
            is_printable_ascii(text) || text.chars().all(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\r'));
        (holds && length_in_record(text) <= limits::TEXT_BYTES).then(|| Self(text.into()))
    }

    /// Returns the text without escapes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
