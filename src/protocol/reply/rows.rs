//! The records of a list, one type for each request that is answered by one (protocol, section 5).

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use serde::Serialize;

use crate::model::{
    DeviceName, Message, RoomKind, RoomName, Seq, ServerAddress, State, Target, Timestamp, Topic, UserName,
};
use crate::protocol::codec::{Codec, Field, codec, field, optional_field, server_address, write_server_address};
use crate::protocol::port::Port;
use crate::record::{Fields, Writer};

/// A record of a STATUS reply: how far a message has come with one of its recipients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    pub user: UserName,
    pub state: State,
}

codec!(Status: { user, state });

/// The word of a record about messages that are damaged on the server.
const DAMAGED: &str = "DAMAGED";

/// A record of a HISTORY reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HistoryRecord {
    Message {
        message: Arc<Message>,
        state: State,
    },
    /// The messages with these numbers, as far as they are of the conversation, are damaged on the server.
    Damaged {
        first: Seq,
        last: Seq,
    },
}

impl HistoryRecord {
    /// Returns its message, unless it is damaged.
    pub fn message(&self) -> Option<&Arc<Message>> {
        match self {
            Self::Message { message, .. } => Some(message),
            Self::Damaged { .. } => None,
        }
    }

    /// Returns the first and the last number that it is about.
    pub fn numbers(&self) -> (Seq, Seq) {
        match self {
            Self::Message { message, .. } => (message.seq, message.seq),
            Self::Damaged { first, last } => (*first, *last),
        }
    }
}

impl Codec for HistoryRecord {
    fn write_fields(&self, record: &mut Writer) {
        match self {
            Self::Message { message: m, state } => {
                record.plain(m.seq).plain(&m.id).plain(&m.from).plain(&m.to).plain(m.at).plain(state);
                m.text.write(record)
            }
            Self::Damaged { first, last } => record.plain(DAMAGED).plain(first).plain(last),
        };
    }

    fn from_fields(f: &Fields) -> Option<Self> {
        if f.get(0)? == DAMAGED {
            return Some(Self::Damaged { first: field(f, 1)?, last: field(f, 2)? });
        }
        let message = Message::from_fields(f, field(f, 0)?, 1, 6)?;
        Some(Self::Message { message: Arc::new(message), state: field(f, 5)? })
    }
}

/// A record of a CHATS reply: a conversation, its last number, how far the user has read it, and its length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chat {
    pub target: Target,
    pub last: Seq,
    pub read: Seq,
    /// Number of its messages.
    pub count: u64,
    /// Number of those among them that are erased.
    pub erased: u64,
}

/// Read by hand: in an older server no message is erased.
impl Codec for Chat {
    fn write_fields(&self, record: &mut Writer) {
        record.plain(&self.target).plain(self.last).plain(self.read).plain(self.count).plain(self.erased);
    }

    fn from_fields(f: &Fields) -> Option<Self> {
        Some(Self {
            target: field(f, 0)?,
            last: field(f, 1)?,
            read: field(f, 2)?,
            count: field(f, 3)?,
            erased: optional_field(f, 4)?.unwrap_or_default(),
        })
    }
}

/// A record of a USERS reply, which `wachat users --json` prints as well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct User {
    pub name: UserName,
    pub online: bool,
    /// The time at which a RECV session of the user last began or ended; `None` (an empty field): never.
    pub last_seen: Option<Timestamp>,
}

codec!(User: { name, online: "online" or "offline", last_seen });

/// A record of a ROOMS reply, which `wachat rooms --json` prints as well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Room {
    pub name: RoomName,
    pub members: usize,
    /// True if the user that sent ROOMS is a member.
    pub member: bool,
    pub kind: RoomKind,
    /// `None` (an empty field): nobody owns it.
    pub owner: Option<UserName>,
    pub topic: Topic,
}

/// Read by hand: in an older server all rooms are open, and nobody owns one.
impl Codec for Room {
    fn write_fields(&self, record: &mut Writer) {
        record.plain(&self.name).plain(self.members).plain(if self.member { "yes" } else { "no" }).plain(self.kind);
        Field::write(&self.owner, record);
        record.text(self.topic.as_str());
    }

    fn from_fields(f: &Fields) -> Option<Self> {
        Some(Self {
            name: field(f, 0)?,
            members: field(f, 1)?,
            member: ["no", "yes"].iter().position(|word| f.get(2) == Some(word))? == 1,
            kind: optional_field(f, 3)?.unwrap_or_default(),
            owner: optional_field::<Option<UserName>>(f, 4)?.flatten(),
            topic: optional_field(f, 5)?.unwrap_or_default(),
        })
    }
}

/// A record of a MEMBERS reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub name: UserName,
    pub online: bool,
}

codec!(Member: { name, online: "online" or "offline" });

/// A record of a SESSIONS reply: a connection of the user that asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenSession {
    /// Names the connection, as long as the server runs.
    pub number: u64,
    pub port: Port,
    pub address: IpAddr,
    pub since: Timestamp,
    /// True of the connection on which SESSIONS was sent.
    pub this: bool,
    /// Its device; `None` (an empty field): it has logged in by LOGIN or REGISTER.
    pub device: Option<DeviceName>,
}

/// Read by hand: an older server has no devices.
impl Codec for OpenSession {
    fn write_fields(&self, record: &mut Writer) {
        record.plain(self.number).plain(self.port).plain(self.address).plain(self.since);
        record.plain(if self.this { "this" } else { "other" });
        Field::write(&self.device, record);
    }

    fn from_fields(f: &Fields) -> Option<Self> {
        Some(Self {
            number: field(f, 0)?,
            port: field(f, 1)?,
            address: field(f, 2)?,
            since: field(f, 3)?,
            this: ["other", "this"].iter().position(|word| f.get(4) == Some(word))? == 1,
            device: optional_field::<Option<DeviceName>>(f, 5)?.flatten(),
        })
    }
}

/// A record of a DEVICES reply: a device of the user that asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    pub name: DeviceName,
    /// The time at which a session of the device last began or ended.
    pub last_used: Timestamp,
    pub online: bool,
    /// It logs in with a key.
    pub has_key: bool,
}

codec!(Device: { name, last_used, online: "online" or "offline", has_key: "key" or "password" });

/// A record of a PERMIT reply: a user whom the user that asks lets call, or does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permit {
    pub user: UserName,
    pub permitted: bool,
}

codec!(Permit: { user, permitted: "yes" or "no" });

/// A record of a SERVERS reply.
impl Codec for ServerAddress {
    fn write_fields(&self, record: &mut Writer) {
        write_server_address(record, self);
    }

    fn from_fields(f: &Fields) -> Option<Self> {
        server_address(f, 0)
    }
}

/// A record of a HELP reply: the form of a command, and its purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandHelp {
    pub form: Cow<'static, str>,
    pub help: Cow<'static, str>,
}

codec!(CommandHelp: { form, help });
