//! The requests whose reply is a list (protocol, section 4).

use super::recv::RecvRequest;
use super::send::SendRequest;
use crate::limits;
use crate::protocol::codec::Codec;

/// A request that is answered by a list.
pub trait ListRequest: Codec {
    /// Returns the most records of its reply; 0: its reply is no list.
    fn most_records(&self) -> usize;
}

impl ListRequest for SendRequest {
    fn most_records(&self) -> usize {
        match self {
            Self::History { limit, .. } => *limit,
            Self::Status { page, .. } | Self::Users { page } | Self::Members { page, .. } => page.limit,
            Self::Chats { page, .. } => page.limit,
            Self::Rooms { page } => page.limit,
            // Lists without a limit: a user has 25 connections, 8 devices and 1,000 permits at most.
            Self::Servers => limits::SERVERS,
            Self::Sessions | Self::Devices | Self::Permits | Self::Help => limits::PAGE_RECORDS,
            _ => 0,
        }
    }
}

impl ListRequest for RecvRequest {
    fn most_records(&self) -> usize {
        if let Self::Poll { max, .. } = self { *max } else { 0 }
    }
}
