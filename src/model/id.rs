//! Identifiers of a message: the id that its sender chose, and the sequence number that the server gave.

use std::fmt;

use smol_str::SmolStr;

use crate::limits;
use crate::record::PlainField;

/// A message id, chosen by the sender for duplicate suppression: 1 to 64 of `A-Z a-z 0-9 - _` (protocol, section 5).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(SmolStr);

/// Checks that each character of a text is one of `A-Z a-z 0-9 - _`: those of ids, devices and keys.
pub(super) fn has_id_characters(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

impl MessageId {
    /// Checks an id; `None` if the text is empty, too long, or has any other character in it.
    pub fn new(text: &str) -> Option<Self> {
        let fits = (1..=limits::ID_BYTES).contains(&text.len());
        (fits && has_id_characters(text)).then(|| Self(text.into()))
    }

    /// Returns the id as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PlainField for MessageId {
    fn append_to(&self, out: &mut Vec<u8>) {
        self.0.as_str().append_to(out);
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A sequence number: a position in the one sequence that orders every event (protocol, section 5). 0 is before the
/// first; numbers stay below 2^53.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Seq(u64);

impl Seq {
    /// The number before the first one.
    pub const ZERO: Seq = Seq(0);
    /// The last possible number.
    pub const LAST: Seq = Seq(limits::SEQ_END - 1);

    /// Checks a number; `None` from 2^53 on.
    pub fn new(number: u64) -> Option<Self> {
        (number < limits::SEQ_END).then_some(Self(number))
    }

    /// Reads decimal digits and nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten().and_then(Self::new)
    }

    /// Returns the number.
    pub fn get(self) -> u64 {
        self.0
    }

    /// Returns the number after this one. At a million messages a second the sequence ends after 285 years; then the
    /// last number would be given again, and `apply` refuses it.
    pub fn next(self) -> Self {
        Self((self.0 + 1).min(Self::LAST.0))
    }

    /// Returns the number before this one; 0 for 0.
    pub fn before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl PlainField for Seq {
    fn append_to(&self, out: &mut Vec<u8>) {
        self.0.append_to(out);
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
