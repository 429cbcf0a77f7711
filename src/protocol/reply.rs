//! What the server answers (protocol, section 4).

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::event::{Event, ReadError};
use super::request::SEND_COMMANDS;
use crate::model::{Message, MessageId, RoomName, Seq, State, Target, Timestamp, Token, UserName};
use crate::record::{Fields, Writer};

/// The codes of a KO (protocol, section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    Syntax,
    NoUser,
    NoRoom,
    NoMessage,
    Name,
    Password,
    NotMember,
    NoPeer,
    Conflict,
    Seq,
    Quota,
    Rate,
    Full,
    Auth,
    Closed,
    Exists,
    TooLong,
    Timeout,
    Replaced,
    Shutdown,
    Internal,
    /// A later version's: it did not happen, and the text says why. Never sent by this one.
    Unknown,
}

/// Each code, its word on the wire, and what it tells people where nobody says it better.
const CODES: &[(Code, &str, &str)] = &[
    (Code::Syntax, "SYNTAX", "not a request of this port"),
    (Code::NoUser, "NO_USER", "there is no such user"),
    (Code::NoRoom, "NO_ROOM", "there is no such room"),
    (Code::NoMessage, "NO_MESSAGE", "you have no message there with that number"),
    (Code::Name, "NAME", "not a name for a room: # and 1 to 32 letters, digits or signs of one script"),
    (Code::Password, "PASSWORD", "not a good password"),
    (Code::NotMember, "NOT_MEMBER", "you are not in that room"),
    (Code::NoPeer, "NO_PEER", "that user takes no direct chats now"),
    (Code::Conflict, "CONFLICT", "this id was used for another message; choose a new one"),
    (Code::Seq, "SEQ", "that number is past the last there is"),
    (Code::Quota, "QUOTA", "too much waits for that user already; try later"),
    (Code::Rate, "RATE", "you are sending too fast; try later"),
    (Code::Full, "FULL", "the server has no room now; try later"),
    (Code::Auth, "AUTH", "no such user, or not this password"),
    (Code::Closed, "CLOSED", "registration is closed; ask the administrator"),
    (Code::Exists, "EXISTS", "that name is taken"),
    (Code::TooLong, "TOO_LONG", "a line has at most 65536 bytes"),
    (Code::Timeout, "TIMEOUT", "nothing came in time"),
    (Code::Replaced, "REPLACED", "a newer session of yours has taken over"),
    (Code::Shutdown, "SHUTDOWN", "the server is stopping; come back later"),
    (Code::Internal, "INTERNAL", "a defect of the server's; its log has more"),
    (Code::Unknown, "UNKNOWN", "a reason that this version does not know"),
];

impl Code {
    fn row(self) -> (&'static str, &'static str) {
        CODES.iter().find(|(code, ..)| *code == self).map_or(("INTERNAL", ""), |(_, word, text)| (word, text))
    }

    pub fn parse(word: &str) -> Self {
        CODES.iter().find(|(_, known, _)| *known == word).map_or(Self::Unknown, |(code, ..)| *code)
    }

    /// Whether the server closes the connection after this answer to a request (protocol, section 4;
    /// any KO to the login line closes as well).
    pub fn closes(self) -> bool {
        matches!(self, Self::TooLong | Self::Timeout | Self::Replaced | Self::Shutdown | Self::Internal)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().0)
    }
}

/// A KO: it did not happen (INTERNAL excepted).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ko {
    pub code: Code,
    pub text: String,
}

impl Ko {
    /// A KO with a text of its own.
    pub fn new(code: Code, text: impl fmt::Display) -> Self {
        Self { code, text: text.to_string() }
    }
}

impl From<Code> for Ko {
    fn from(code: Code) -> Self {
        Self::new(code, code.row().1)
    }
}

impl fmt::Display for Ko {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.text)
    }
}

/// One line of a `HISTORY` reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryRecord {
    pub message: Arc<Message>,
    pub state: State,
}

impl HistoryRecord {
    pub fn write(&self, out: &mut Vec<u8>) {
        let m = &self.message;
        let mut w = Writer::new(out);
        w.plain(m.seq).plain(&m.id).plain(&m.from).plain(&m.to).plain(m.at).plain(self.state);
        w.text(m.text.as_str()).end();
    }

    /// Reads a record's line, without its LF.
    pub fn parse(line: &[u8]) -> Result<Self, ReadError> {
        let fields = Fields::parse(line).map_err(|_| ReadError)?;
        Self::from_fields(&fields).ok_or(ReadError)
    }

    fn from_fields(f: &Fields) -> Option<Self> {
        let message = Message::from_fields(f, Seq::parse(f.get(0)?)?, 1, 6)?;
        Some(Self { message: Arc::new(message), state: State::parse(f.get(5)?)? })
    }
}

/// One line of a `CHATS` reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chat {
    pub target: Target,
    pub last: Seq,
    pub read: Seq,
}

/// One line of a `USERS` reply. `last_seen` is the last time a RECV session of theirs began or ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub name: UserName,
    pub online: bool,
    pub last_seen: Option<Timestamp>,
}

/// One line of a `ROOMS` reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    pub name: RoomName,
    pub members: usize,
    /// Whether who asks is one of them.
    pub member: bool,
}

/// One line of a `MEMBERS` reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub name: UserName,
    pub online: bool,
}

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    Done,
    /// A login on SEND.
    LoggedIn {
        user: UserName,
    },
    /// A login on RECV.
    Session {
        user: UserName,
        acknowledged: Seq,
        store: Arc<str>,
    },
    Accepted {
        id: MessageId,
        at: Timestamp,
        seq: Seq,
    },
    Statuses(Vec<(UserName, State)>),
    History(Vec<HistoryRecord>),
    Chats(Vec<Chat>),
    Users(Vec<User>),
    Rooms(Vec<Room>),
    Members(Vec<Member>),
    /// Where a user takes direct chats.
    Peer {
        address: IpAddr,
        port: u16,
        token: Token,
    },
    Help,
    Events(Vec<Event>),
    Ko(Ko),
}

impl From<Code> for Reply {
    fn from(code: Code) -> Self {
        Self::Ko(code.into())
    }
}

impl Reply {
    /// Writes the reply, with all its lines.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Done => _ = Writer::new(out).plain("OK").end(),
            Self::LoggedIn { user } => _ = Writer::new(out).plain("OK").plain(user).plain(super::VERSION).end(),
            Self::Session { user, acknowledged, store } => {
                Writer::new(out).plain("OK").plain(user).plain(super::VERSION).plain(acknowledged).plain(store).end();
            }
            Self::Accepted { id, at, seq } => {
                Writer::new(out).plain("OK").plain(id).plain(State::Received).plain(at).plain(seq).end();
            }
            Self::Statuses(list) => write_list(out, list, |(user, state), out| {
                Writer::new(out).plain(user).plain(state).end();
            }),
            Self::History(list) => write_list(out, list, HistoryRecord::write),
            Self::Chats(list) => write_list(out, list, |chat, out| {
                Writer::new(out).plain(&chat.target).plain(chat.last).plain(chat.read).end();
            }),
            Self::Users(list) => write_list(out, list, |user, out| {
                let seen = user.last_seen.map_or(String::new(), |at| at.to_string());
                Writer::new(out).plain(&user.name).plain(presence(user.online)).plain(seen).end();
            }),
            Self::Rooms(list) => write_list(out, list, |room, out| {
                let member = if room.member { "yes" } else { "no" };
                Writer::new(out).plain(&room.name).plain(room.members).plain(member).end();
            }),
            Self::Members(list) => write_list(out, list, |member, out| {
                Writer::new(out).plain(&member.name).plain(presence(member.online)).end();
            }),
            Self::Peer { address, port, token } => {
                Writer::new(out).plain("OK").plain(address).plain(port).plain(token).end();
            }
            Self::Help => write_list(out, SEND_COMMANDS, |command, out| {
                Writer::new(out).text(command.form).text(command.help).end();
            }),
            Self::Events(list) => write_list(out, list, Event::write),
            Self::Ko(ko) => _ = Writer::new(out).plain("KO").plain(ko.code).text(&ko.text).end(),
        }
    }
}

fn presence(online: bool) -> &'static str {
    if online { "online" } else { "offline" }
}

fn write_list<T>(out: &mut Vec<u8>, list: &[T], write: impl Fn(&T, &mut Vec<u8>)) {
    Writer::new(out).plain("OK").plain(list.len()).end();
    for item in list {
        write(item, out);
    }
}

/// The first line of a reply, as a client reads it: the fields after `OK`, or the KO. What the
/// fields mean, and whether lines follow, the client knows from what it asked.
pub fn read_head(line: &[u8]) -> Result<Result<Vec<String>, Ko>, ReadError> {
    let fields = Fields::parse(line).map_err(|_| ReadError)?;
    match fields.get(0) {
        Some("OK") => Ok(Ok(fields.iter().skip(1).map(str::to_owned).collect())),
        Some("KO") => {
            let code = fields.get(1).map(Code::parse).ok_or(ReadError)?;
            Ok(Err(Ko::new(code, fields.get(2).unwrap_or_default())))
        }
        _ => Err(ReadError),
    }
}

/// The fields of a reply to `SEND`: when it was accepted, and its number.
pub fn read_accepted(fields: &[String]) -> Result<(Timestamp, Seq), ReadError> {
    let at = fields.get(2).and_then(|text| Timestamp::parse(text)).ok_or(ReadError)?;
    let seq = fields.get(3).and_then(|text| Seq::parse(text)).ok_or(ReadError)?;
    Ok((at, seq))
}
