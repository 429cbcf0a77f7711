//! The records of the lists that the administrator asks for.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::model::{Banned, Email, RoomName, ShortText, Timestamp, UserName};
use crate::protocol::codec::{Codec, Field, codec};
use crate::protocol::port::Port;
use crate::record::{Fields, Writer};

/// An account, also one that was removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub name: UserName,
    pub email: Email,
    pub created_at: Timestamp,
    /// Time at which a RECV session last began or ended.
    pub last_seen: Option<Timestamp>,
    pub removed_at: Option<Timestamp>,
}

codec!(Account: { name, email, created_at, last_seen, removed_at });

/// A room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    pub name: RoomName,
    pub members: usize,
    /// About the size of its messages.
    pub bytes: u64,
    /// The account in whose quota it counts.
    pub creator: Option<UserName>,
}

codec!(Room: { name, members, bytes, creator });

/// A connection that is logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Names the connection, as long as the server runs.
    pub number: u64,
    pub user: UserName,
    pub port: Port,
    pub address: IpAddr,
    pub since: Timestamp,
}

codec!(Session: { number, user, port, address, since });

/// A ban that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ban {
    pub banned: Banned,
    pub at: Timestamp,
    /// `None`: until it is lifted.
    pub until: Option<Timestamp>,
    pub reason: ShortText,
}

codec!(Ban: { banned, at, until, reason });

/// A line of the status: a name, such as `accounts`, and a number or a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    pub name: Cow<'static, str>,
    pub value: Cow<'static, str>,
}

codec!(Figure: { name, value });

impl Field for Banned {
    fn write(&self, record: &mut Writer) {
        record.plain(self);
    }

    fn read(text: &str) -> Option<Self> {
        Self::parse(text)
    }
}

impl Field for ShortText {
    fn write(&self, record: &mut Writer) {
        record.text(self.as_str());
    }

    fn read(text: &str) -> Option<Self> {
        Self::new(text)
    }
}

impl Field for Email {
    fn write(&self, record: &mut Writer) {
        record.text(self.as_str());
    }

    fn read(text: &str) -> Option<Self> {
        Self::new(text)
    }
}
