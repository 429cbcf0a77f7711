//! Replies (protocol, section 4): a first line `OK...` or `KO...`, and the records that a list has after it.
//!
//! The form of a first line depends on the request, so a client parses it by the type it expects:
//!
//! ```
//! use wachat::protocol::reply::{Accepted, Code, parse_reply};
//!
//! let accepted = parse_reply::<Accepted>(b"OK;m-1;RECEIVED;2026-11-20T23:55:00.123Z;7")?;
//! assert_eq!(accepted.unwrap().seq.get(), 7);
//! let refused = parse_reply::<Accepted>(b"KO;NO_USER;there is no such user")?;
//! assert_eq!(refused.unwrap_err().code, Code::NoUser);
//! # Ok::<(), wachat::protocol::ReadError>(())
//! ```

mod ko;
mod rows;

use std::net::IpAddr;
use std::sync::Arc;

use super::codec::{Codec, Field, ReadError, codec, field, optional_field, write_optional};
use super::event::Event;
use super::login::VERSION;
use super::request::SEND_COMMANDS;
use crate::model::{DeviceKey, Fingerprint, MessageId, Seq, ServerAddress, State, Timestamp, Token, UserName};
use crate::record::{Fields, Writer};

pub use ko::{Code, Ko};
pub use rows::{Chat, CommandHelp, Device, HistoryRecord, Member, OpenSession, Permit, Room, Status, User};

/// `OK`, and no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done;

codec!(Done: "OK", {});

/// The reply to a login on the SEND port (protocol, section 3). `user` is written as it was registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedIn {
    pub user: UserName,
}

impl Codec for LoggedIn {
    fn write_fields(&self, record: &mut Writer) {
        record.plain("OK").plain(&self.user).plain(VERSION);
    }

    fn from_fields(f: &Fields) -> Option<Self> {
        Done::from_fields(f)?;
        Some(Self { user: field(f, 1)? })
    }
}

/// The reply to a login on the RECV port (protocol, section 3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionOpened {
    pub user: UserName,
    /// The last number that the session's device has acknowledged.
    pub acknowledged: Seq,
    /// The name of the server's store (protocol, section 6).
    pub store: Arc<str>,
    /// In a session that was opened by DEVICE or KEY: whether the server had a number of the device.
    pub device: Option<DeviceState>,
}

/// How a device begins its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceState {
    /// It begins at the user's number: what was before that has to be read by HISTORY.
    New,
    /// It continues from its own number.
    Known,
}

impl DeviceState {
    fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Known => "known",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::New, Self::Known].into_iter().find(|state| state.word() == word)
    }
}

impl Codec for SessionOpened {
    fn write_fields(&self, record: &mut Writer) {
        record.plain("OK").plain(&self.user).plain(VERSION).plain(self.acknowledged).text(&self.store);
        self.device.iter().for_each(|device| _ = record.plain(device.word()));
    }

    fn from_fields(f: &Fields) -> Option<Self> {
        let LoggedIn { user } = LoggedIn::from_fields(f)?;
        // A word of a later version says nothing to this one.
        let device = f.get(5).and_then(DeviceState::parse);
        Some(Self { user, acknowledged: field(f, 3)?, store: f.get(4)?.into(), device })
    }
}

/// The reply to SEND: the message is durable, and this is its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    pub id: MessageId,
    pub at: Timestamp,
    pub seq: Seq,
}

impl Codec for Accepted {
    fn write_fields(&self, record: &mut Writer) {
        record.plain("OK").plain(&self.id).plain(State::Received).plain(self.at).plain(self.seq);
    }

    fn from_fields(f: &Fields) -> Option<Self> {
        Done::from_fields(f)?;
        field(f, 2).filter(|state: &State| *state == State::Received)?;
        Some(Self { id: field(f, 1)?, at: field(f, 3)?, seq: field(f, 4)? })
    }
}

/// The reply to PEER: where the callee takes direct chats, the token that admits the caller once, and under TLS the
/// callee's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    pub address: IpAddr,
    pub port: u16,
    pub token: Token,
    pub fingerprint: Option<Fingerprint>,
}

impl Codec for Peer {
    fn write_fields(&self, record: &mut Writer) {
        record.plain("OK").plain(self.address).plain(self.port).plain(&self.token);
        write_optional(record, self.fingerprint.as_ref());
    }

    fn from_fields(f: &Fields) -> Option<Self> {
        Done::from_fields(f)?;
        let address = field(f, 1)?;
        let port = field(f, 2)?;
        let token = field(f, 3)?;
        Some(Self { address, port, token, fingerprint: optional_field(f, 4)? })
    }
}

/// The reply to KEY: the key with which the session's device logs in from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    pub key: DeviceKey,
}

codec!(NewKey: "OK", { key });

/// The first line of a list: the number of records that follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListHead {
    pub count: usize,
}

codec!(ListHead: "OK", { count });

/// A whole reply, as the server writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    Done,
    LoggedIn(LoggedIn),
    SessionOpened(SessionOpened),
    Accepted(Accepted),
    Statuses(Vec<Status>),
    History(Vec<HistoryRecord>),
    Chats(Vec<Chat>),
    Users(Vec<User>),
    Rooms(Vec<Room>),
    Members(Vec<Member>),
    Sessions(Vec<OpenSession>),
    Devices(Vec<Device>),
    Key(NewKey),
    Peer(Peer),
    Permits(Vec<Permit>),
    Servers(Vec<ServerAddress>),
    Help,
    Events(Vec<Event>),
    Ko(Ko),
}

impl Reply {
    /// Appends the reply, with all its lines.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Done => Done.write(out),
            Self::LoggedIn(reply) => reply.write(out),
            Self::SessionOpened(reply) => reply.write(out),
            Self::Accepted(reply) => reply.write(out),
            Self::Statuses(list) => write_list(out, list),
            Self::History(list) => write_list(out, list),
            Self::Chats(list) => write_list(out, list),
            Self::Users(list) => write_list(out, list),
            Self::Rooms(list) => write_list(out, list),
            Self::Members(list) => write_list(out, list),
            Self::Sessions(list) => write_list(out, list),
            Self::Devices(list) => write_list(out, list),
            Self::Key(reply) => reply.write(out),
            Self::Peer(reply) => reply.write(out),
            Self::Permits(list) => write_list(out, list),
            Self::Servers(list) => write_list(out, list),
            Self::Help => write_list(out, &command_help()),
            Self::Events(list) => write_list(out, list),
            Self::Ko(ko) => ko.write(out),
        }
    }
}

impl From<Ko> for Reply {
    fn from(ko: Ko) -> Self {
        Self::Ko(ko)
    }
}

impl From<Code> for Reply {
    fn from(code: Code) -> Self {
        Self::Ko(code.into())
    }
}

/// Appends the first line of a list. The caller appends exactly `count` records after it.
pub fn write_list_head(out: &mut Vec<u8>, count: usize) {
    ListHead { count }.write(out);
}

fn write_list<T: Codec>(out: &mut Vec<u8>, list: &[T]) {
    write_list_head(out, list.len());
    list.iter().for_each(|item| item.write(out));
}

fn command_help() -> Vec<CommandHelp> {
    SEND_COMMANDS.iter().map(|c| CommandHelp { form: c.form.into(), help: c.help.into() }).collect()
}

/// Reads the first line of a reply, without its LF: a KO, or the OK of the request that it answers.
pub fn parse_reply<T: Codec>(line: &[u8]) -> Result<Result<T, Ko>, ReadError> {
    let fields = Fields::parse(line).map_err(|_| ReadError)?;
    match Ko::from_fields(&fields) {
        Some(ko) => Ok(Err(ko)),
        None => T::from_fields(&fields).map(Ok).ok_or(ReadError),
    }
}
