//! The tokens that requests cost (protocol, section 4): about what the router and the history threads spend on them,
//! where a SEND is 1. Measured: 12 microseconds for a SEND with a batch of its own, 200 for 1,000 records of HISTORY, 35
//! for 500 of ROOMS. What a request takes beside that is charged when it is known: replies, the members whom a JOIN is told
//! to, and what is read from history files.

use super::recv::RecvRequest;
use super::send::SendRequest;

/// Tokens of a line that is not a request.
pub const INVALID_COST: u32 = 1;

impl SendRequest {
    /// Returns the tokens that the request costs.
    pub fn cost(&self) -> u32 {
        match self {
            // The end of a connection is never refused.
            Self::Quit => 0,
            Self::Send { .. } | Self::Read { .. } | Self::Ping => 1,
            // A long reply, or a search in a history file.
            Self::Status { .. } | Self::History { .. } | Self::Members { .. } => 10,
            Self::Chats { .. } | Self::Users { .. } | Self::Rooms { .. } => 10,
            Self::Sessions | Self::Devices | Self::Servers | Self::Help => 10,
            // An event for other users, or a record that no user needs often.
            Self::Join { .. } | Self::Leave { .. } | Self::Peer { .. } | Self::Email { .. } => 20,
            Self::Erase { .. } | Self::Room { .. } | Self::Topic { .. } | Self::Owner { .. } => 20,
            Self::Invite { .. } | Self::Kick { .. } | Self::Logout { .. } => 20,
            Self::Permit { .. } | Self::Permits => 20,
            // Two Argon2id hashes, of tens of milliseconds each.
            Self::Passwd { .. } => 200,
        }
    }
}

impl RecvRequest {
    /// Returns the tokens that the request costs. The reply to a POLL costs more: for its events, rooms and bytes.
    pub fn cost(&self) -> u32 {
        match self {
            Self::Quit => 0,
            Self::Poll { .. } | Self::Port { .. } | Self::Ping => 1,
            Self::Key => 20,
        }
    }
}
