//! Refusals: the codes of a KO and its text (protocol, section 4).

use std::fmt;

use crate::model::ServerAddress;
use crate::protocol::codec::{Codec, server_address, write_server_address};
use crate::record::{Fields, PlainField, Writer};

/// The codes of a KO (protocol, section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    Syntax,
    NoUser,
    NoRoom,
    NoMessage,
    Name,
    Password,
    Damaged,
    NotMember,
    NotOwner,
    NotInvited,
    NoPeer,
    NoSession,
    Late,
    Conflict,
    Seq,
    Quota,
    Rate,
    Full,
    Auth,
    Banned,
    Closed,
    Exists,
    TooLong,
    Timeout,
    Replaced,
    Shutdown,
    Internal,
    Tls,
    /// A code of a later version: the request was refused, and the text says why. This version never sends it.
    Unknown,
}

/// Each code, its word on the wire, and its text where the refusing code has none of its own.
const CODES: &[(Code, &str, &str)] = &[
    (Code::Syntax, "SYNTAX", "not a request of this port"),
    (Code::NoUser, "NO_USER", "there is no such user"),
    (Code::NoRoom, "NO_ROOM", "there is no such room"),
    (Code::NoMessage, "NO_MESSAGE", "you have no message there with that number"),
    (Code::Name, "NAME", "not a name: 1 to 32 letters, digits or signs of one script, and # before a room's"),
    (Code::Password, "PASSWORD", "not a good password"),
    (Code::Damaged, "DAMAGED", "that message is damaged on the server"),
    (Code::NotMember, "NOT_MEMBER", "you are not in that room"),
    (Code::NotOwner, "NOT_OWNER", "that room is not yours"),
    (Code::NotInvited, "NOT_INVITED", "you need an invitation to that room"),
    (Code::NoPeer, "NO_PEER", "that user takes no direct chats now, or none from you"),
    (Code::NoSession, "NO_SESSION", "you have no such connection, and no such device"),
    (Code::Late, "LATE", "that message is older than a day"),
    (Code::Conflict, "CONFLICT", "this id was used for another message; choose a new one"),
    (Code::Seq, "SEQ", "that number is past the last there is"),
    (Code::Quota, "QUOTA", "too much waits for that user already; try later"),
    (Code::Rate, "RATE", "you ask for too much at once; try later"),
    (Code::Full, "FULL", "the server has no room now; try later"),
    (Code::Auth, "AUTH", "no such user, or not this password"),
    (Code::Banned, "BANNED", "you are banned"),
    (Code::Closed, "CLOSED", "registration is closed; ask the administrator"),
    (Code::Exists, "EXISTS", "that name is taken"),
    (Code::TooLong, "TOO_LONG", "a line has at most 65536 bytes"),
    (Code::Timeout, "TIMEOUT", "nothing came in time"),
    (Code::Replaced, "REPLACED", "a newer session of yours has taken over"),
    (Code::Shutdown, "SHUTDOWN", "the server is stopping; come back later"),
    (Code::Internal, "INTERNAL", "a defect of the server's; its log has more"),
    (Code::Tls, "TLS", "this server speaks TLS only; connect with --tls"),
    (Code::Unknown, "UNKNOWN", "a reason that this version does not know"),
];

impl Code {
    /// Returns all codes that this version sends.
    pub fn all() -> impl Iterator<Item = Self> {
        CODES.iter().map(|(code, ..)| *code).filter(|code| *code != Self::Unknown)
    }

    fn row(self) -> (&'static str, &'static str) {
        CODES.iter().find(|(code, ..)| *code == self).map_or(("INTERNAL", ""), |(_, word, text)| (word, text))
    }

    /// Returns what the code means, for people.
    pub fn text(self) -> &'static str {
        self.row().1
    }

    /// Reads a code's word; a word that this version does not know is [`Code::Unknown`].
    pub fn parse(word: &str) -> Self {
        CODES.iter().find(|(_, known, _)| *known == word).map_or(Self::Unknown, |(code, ..)| *code)
    }

    /// Returns true if the server closes the connection after this answer to a request (protocol, section 4;
    /// any KO to the login line closes as well).
    pub fn closes(self) -> bool {
        matches!(
            self,
            Self::Auth
                | Self::Banned
                | Self::TooLong
                | Self::Timeout
                | Self::Replaced
                | Self::Shutdown
                | Self::Internal
        )
    }

    /// Returns true if a later try of the same request may succeed (protocol, section 4).
    pub fn is_temporary(self) -> bool {
        matches!(self, Self::Rate | Self::Quota | Self::Full)
    }
}

impl PlainField for Code {}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().0)
    }
}

/// A refusal, `KO;<code>;<text>`: the request had no effect, unless the code closes the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ko {
    pub code: Code,
    /// A sentence for people.
    pub text: String,
    /// After SHUTDOWN: the server that leads, if one is known. Boxed, since hardly any KO has one.
    pub leader: Option<Box<ServerAddress>>,
}

impl Ko {
    /// Makes a KO with a text of its own.
    pub fn new(code: Code, text: impl fmt::Display) -> Self {
        Self { code, text: text.to_string(), leader: None }
    }

    /// Makes the last line of a server that stands by: `leader` is the one that clients go to, if it is known.
    pub fn redirect(leader: Option<ServerAddress>) -> Self {
        Self { leader: leader.map(Box::new), ..Self::new(Code::Shutdown, "another server leads, or soon will") }
    }
}

impl Codec for Ko {
    fn write_fields(&self, record: &mut Writer) {
        record.plain("KO").plain(self.code).text(&self.text);
        if let Some(leader) = &self.leader {
            write_server_address(record, leader);
        }
    }

    fn from_fields(f: &Fields) -> Option<Self> {
        let code = f.get(1).filter(|_| f.get(0) == Some("KO"))?;
        let code = Code::parse(code);
        let leader = if code == Code::Shutdown { server_address(f, 3).map(Box::new) } else { None };
        Some(Self { leader, ..Self::new(code, f.get(2).unwrap_or_default()) })
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
