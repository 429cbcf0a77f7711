//! Direct chats: the lines between two clients, without the server (protocol, section 8).

use super::codec::Codec;
use super::reply::{Code, Ko};
use crate::model::{MessageId, Text, Token, UserName};
use crate::record::{Fields, Writer};

/// The first line of a caller. Like the login line it is not a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    pub caller: UserName,
    pub token: Token,
}

impl Hello {
    /// Reads `HELLO:<caller>:<token>`.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let mut parts = std::str::from_utf8(line).ok()?.splitn(3, ':');
        let is_hello = parts.next()?.eq_ignore_ascii_case("HELLO");
        let caller = UserName::new(parts.next()?).ok()?;
        let token = Token::parse(parts.next()?)?;
        is_hello.then_some(Self { caller, token })
    }

    /// Appends the line, with its LF.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("HELLO:{}:{}\n", self.caller, self.token).as_bytes());
    }
}

/// A line after it, in either direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectLine {
    Send {
        id: MessageId,
        text: Text,
    },
    /// `OK;<id>`: the recipient has stored the message.
    Acknowledged(MessageId),
    /// `OK`: the callee admits the caller.
    Admitted,
    Ko(Ko),
}

impl DirectLine {
    /// Returns the answer to a caller who is not expected, or whom the callee does not want to hear: they cannot tell which.
    pub fn refusal() -> Self {
        Self::Ko(Ko::new(Code::Auth, "no caller with this name and token is expected"))
    }

    /// Checks that it ends the chat: a KO does, unless a line was no record.
    pub fn is_last(&self) -> bool {
        matches!(self, Self::Ko(ko) if ko.code != Code::Syntax)
    }

    /// Reads a line without its LF. The error is the KO with which the reader answers.
    pub fn parse(line: &[u8]) -> Result<Self, Ko> {
        let fields = Fields::parse(line).map_err(|error| Ko::new(Code::Syntax, error))?;
        Self::from_fields(&fields).ok_or_else(|| Ko::new(Code::Syntax, "the forms are SEND;<id>;<text> and OK;<id>"))
    }
}

impl Codec for DirectLine {
    fn write_fields(&self, w: &mut Writer) {
        match self {
            Self::Send { id, text } => w.plain("SEND").plain(id).text(text.as_str()),
            Self::Acknowledged(id) => w.plain("OK").plain(id),
            Self::Admitted => w.plain("OK"),
            Self::Ko(ko) => w.plain("KO").plain(ko.code).text(&ko.text),
        };
    }

    fn from_fields(f: &Fields) -> Option<Self> {
        match (f.get(0)?.to_ascii_uppercase().as_str(), f.len()) {
            ("SEND", 3) => Some(Self::Send { id: MessageId::new(f.get(1)?)?, text: Text::new(f.get(2)?)? }),
            ("OK", 1) => Some(Self::Admitted),
            ("OK", _) => MessageId::new(f.get(1)?).map(Self::Acknowledged),
            ("KO", 2..) => Some(Self::Ko(Ko::new(Code::parse(f.get(1)?), f.get(2).unwrap_or_default()))),
            _ => None,
        }
    }
}
