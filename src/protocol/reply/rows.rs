//! The records of a list, one type for each request that is answered by one (protocol, section 5).

use std::borrow::Cow;
use std::sync::Arc;

use crate::model::{Message, RoomName, Seq, State, Target, Timestamp, UserName};
use crate::protocol::Codec;
use crate::record::{Fields, Writer};

/// A record of a STATUS reply: how far a message has come with one of its recipients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    pub user: UserName,
    pub state: State,
}

impl Codec for Status {
    fn write_fields(&self, record: &mut Writer) {
        record.plain(&self.user).plain(self.state);
    }

    fn from_fields(f: &Fields) -> Option<Self> {
        Some(Self { user: UserName::new(f.get(0)?).ok()?, state: State::parse(f.get(1)?)? })
    }
}

/// A record of a HISTORY reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryRecord {
    pub message: Arc<Message>,
    pub state: State,
}

impl Codec for HistoryRecord {
    fn write_fields(&self, record: &mut Writer) {
        let m = &self.message;
        record.plain(m.seq).plain(&m.id).plain(&m.from).plain(&m.to).plain(m.at).plain(self.state);
        record.text(m.text.as_str());
    }

    fn from_fields(f: &Fields) -> Option<Self> {
        let message = Message::from_fields(f, Seq::parse(f.get(0)?)?, 1, 6)?;
        Some(Self { message: Arc::new(message), state: State::parse(f.get(5)?)? })
    }
}

/// A record of a CHATS reply: a conversation, its last number, and how far the user has read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chat {
    pub target: Target,
    pub last: Seq,
    pub read: Seq,
}

impl Codec for Chat {
    fn write_fields(&self, record: &mut Writer) {
        record.plain(&self.target).plain(self.last).plain(self.read);
    }

    fn from_fields(f: &Fields) -> Option<Self> {
        let target = Target::parse(f.get(0)?).ok()?;
        Some(Self { target, last: Seq::parse(f.get(1)?)?, read: Seq::parse(f.get(2)?)? })
    }
}

/// A record of a USERS reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub name: UserName,
    pub online: bool,
    /// The time at which a RECV session of the user last began or ended; `None` (an empty field): never.
    pub last_seen: Option<Timestamp>,
}

impl Codec for User {
    fn write_fields(&self, record: &mut Writer) {
        record.plain(&self.name).plain(presence(self.online));
        match self.last_seen {
            Some(at) => record.plain(at),
            None => record.plain(""),
        };
    }

    fn from_fields(f: &Fields) -> Option<Self> {
        let last_seen = match f.get(2)? {
            "" => None,
            time => Some(Timestamp::parse(time)?),
        };
        Some(Self { name: UserName::new(f.get(0)?).ok()?, online: parse_presence(f.get(1)?)?, last_seen })
    }
}

/// A record of a ROOMS reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    pub name: RoomName,
    pub members: usize,
    /// True if the user that sent ROOMS is a member.
    pub member: bool,
}

impl Codec for Room {
    fn write_fields(&self, record: &mut Writer) {
        record.plain(&self.name).plain(self.members).plain(if self.member { "yes" } else { "no" });
    }

    fn from_fields(f: &Fields) -> Option<Self> {
        let member = match f.get(2)? {
            "yes" => true,
            "no" => false,
            _ => return None,
        };
        Some(Self { name: RoomName::new(f.get(0)?).ok()?, members: super::number(f, 1)?, member })
    }
}

/// A record of a MEMBERS reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub name: UserName,
    pub online: bool,
}

impl Codec for Member {
    fn write_fields(&self, record: &mut Writer) {
        record.plain(&self.name).plain(presence(self.online));
    }

    fn from_fields(f: &Fields) -> Option<Self> {
        Some(Self { name: UserName::new(f.get(0)?).ok()?, online: parse_presence(f.get(1)?)? })
    }
}

/// A record of a HELP reply: the form of a command, and its purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandHelp {
    pub form: Cow<'static, str>,
    pub help: Cow<'static, str>,
}

impl Codec for CommandHelp {
    fn write_fields(&self, record: &mut Writer) {
        record.text(&self.form).text(&self.help);
    }

    fn from_fields(f: &Fields) -> Option<Self> {
        Some(Self { form: f.get(0)?.to_owned().into(), help: f.get(1)?.to_owned().into() })
    }
}

fn presence(online: bool) -> &'static str {
    if online { "online" } else { "offline" }
}

fn parse_presence(word: &str) -> Option<bool> {
    match word {
        "online" => Some(true),
        "offline" => Some(false),
        _ => None,
    }
}
