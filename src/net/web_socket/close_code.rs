//! Why a WebSocket ends (RFC 6455, section 7.4).

use std::fmt;

/// Number in a close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseCode(pub(super) u16);

impl CloseCode {
    pub const NORMAL: Self = Self(1000);
    pub const GOING_AWAY: Self = Self(1001);
    pub const PROTOCOL_ERROR: Self = Self(1002);
    pub const UNSUPPORTED: Self = Self(1003);
    pub const NOT_UTF8: Self = Self(1007);
    pub const POLICY: Self = Self(1008);
    pub const TOO_LONG: Self = Self(1009);

    /// Checks a code that a peer has sent: one that an endpoint may send.
    pub(super) fn received(code: u16) -> Option<Self> {
        matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999).then_some(Self(code))
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
