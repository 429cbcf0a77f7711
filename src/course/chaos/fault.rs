//! The faults: what happens to one record, or to its connection.

use std::fmt;
use std::time::Duration;

use super::record::Kind;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The record is not passed on; of a list, neither are its records.
    Drop,
    /// The record is passed on twice. The reply to the second of two requests is kept from the client, which knows of one.
    Duplicate,
    Delay(Duration),
    /// The record, and all after it in its direction, waits for something.
    Hold(Until),
    /// One byte at a time.
    Split,
    End(End),
    /// SENDs of the user that were answered, and those without an answer, come once more on another connection.
    Resend,
}

/// The end of a hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Until {
    /// The Enter key at the terminal of the proxy.
    Enter,
    /// A record of the same user, on any connection.
    Record { kind: Kind, words: Vec<String> },
}

/// The end of a connection, or of one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    pub how: How,
    /// Number of bytes of the record that still pass. With 0 of a reply the request was executed, and the client does
    /// not know.
    pub after: usize,
    /// SENDs without an answer reach the server later, on another connection, while the client retries them.
    pub late: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Cut,
    Reset,
    /// This direction is closed; the other goes on.
    HalfClose,
    /// Nothing more passes in this direction, and neither side is told.
    Silence,
}

impl How {
    const WORDS: [(Self, &'static str); 4] =
        [(Self::Cut, "cut"), (Self::Reset, "reset"), (Self::HalfClose, "half-close"), (Self::Silence, "silence")];

    pub(super) fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(how, _)| *how == self).map_or("", |(_, word)| word)
    }

    pub(super) fn parse(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(_, known)| *known == word).map(|(how, _)| *how)
    }
}

impl Fault {
    /// Checks that no later fault of the record can have an effect.
    pub(super) fn is_last(&self) -> bool {
        matches!(self, Self::Drop | Self::End(_))
    }

    /// Returns the action of a rule with this fault.
    pub(super) fn action(&self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Duplicate => "duplicate",
            Self::Delay(_) => "delay",
            Self::Hold(_) => "hold",
            Self::Split => "split",
            Self::End(End { how, .. }) => how.word(),
            Self::Resend => "resend",
        }
    }
}

/// In the words of a rule, which reads it back.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.action())?;
        match self {
            Self::Delay(time) => write!(f, " by {} ms", time.as_millis()),
            Self::Hold(Until::Enter) => f.write_str(" until Enter"),
            Self::Hold(Until::Record { kind, words }) => write!(f, " until the next {} {kind}", words.join(" ")),
            Self::End(End { after, late, .. }) => {
                write!(f, " after byte {after}{}", if *late { " late" } else { "" })
            }
            _ => Ok(()),
        }
    }
}
