//! The two ports of a server (protocol, section 1).

use std::fmt;

use crate::record::PlainField;

/// One of the two ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Port {
    Send,
    Recv,
}

impl Port {
    /// Both ports, in the order in which addresses of a server are given.
    pub const BOTH: [Self; 2] = [Self::Send, Self::Recv];

    /// Returns the name, as the protocol, traces and logs have it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Send => "SEND",
            Self::Recv => "RECV",
        }
    }

    /// Returns the name in small letters, as the command line and the metrics have it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Recv => "recv",
        }
    }

    /// Reads a name as [`Port::word`] returns it.
    pub fn parse(word: &str) -> Option<Self> {
        Self::BOTH.into_iter().find(|port| port.word() == word)
    }

    /// Returns the value of this port among those of both.
    pub fn of<T>(self, [send, recv]: [T; 2]) -> T {
        match self {
            Self::Send => send,
            Self::Recv => recv,
        }
    }
}

impl PlainField for Port {}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
