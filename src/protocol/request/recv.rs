//! The requests of the RECV port (protocol, section 6).

use super::command::{self, Command, ReplyForm, RequestError};
use super::fields::number;
use crate::limits;
use crate::model::{Fingerprint, Seq};
use crate::protocol::codec::{Codec, field, optional_field, write_optional};
use crate::record::{Fields, Writer};

/// A request on the RECV port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecvRequest {
    Poll {
        after: After,
        /// In seconds; `None`: as long as the server allows.
        wait: Option<u64>,
        max: usize,
    },
    /// `None`: the client takes no direct chats.
    Port {
        port: Option<u16>,
        /// The certificate that callers will be shown; `None`: direct chats are in clear text.
        fingerprint: Option<Fingerprint>,
    },
    /// Asks for a key with which the session's device logs in from now on.
    Key,
    Ping,
    Quit,
}

/// The events that a poll acknowledges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// All up to this number.
    Number(Seq),
    /// `POLL;*`: all that the server has sent on this connection.
    AllSent,
}

/// The commands of the RECV port.
pub const RECV_COMMANDS: &[Command<RecvRequest>] = &[
    Command {
        form: "POLL;<after or *>[;<wait in seconds>[;<max 1 to 1000>]]",
        help: "acknowledge all events up to a number, and wait for the next",
        reply: ReplyForm::List,
        read: |f| {
            let after = match f.get(1)? {
                "*" => After::AllSent,
                _ => After::Number(field(f, 1)?),
            };
            let wait = if f.len() > 2 { Some(field::<Seq>(f, 2)?.get()) } else { None };
            let max = number(f, 3, limits::POLL_EVENTS, 1..=limits::MAX_POLL_EVENTS)?;
            Some(RecvRequest::Poll { after, wait, max })
        },
    },
    Command {
        form: "PORT;<tcp port or 0>[;<fingerprint>]",
        help: "take direct chats at this port; 0: no longer",
        reply: ReplyForm::Line,
        read: |f| {
            let port = u16::try_from(field::<Seq>(f, 1)?.get()).ok()?;
            Some(RecvRequest::Port { port: (port > 0).then_some(port), fingerprint: optional_field(f, 2)? })
        },
    },
    Command {
        form: "KEY",
        help: "get a key with which this device logs in without a password",
        reply: ReplyForm::Line,
        read: |_| Some(RecvRequest::Key),
    },
    Command { form: "PING", help: "check the connection", reply: ReplyForm::Line, read: |_| Some(RecvRequest::Ping) },
    Command { form: "QUIT", help: "end the connection", reply: ReplyForm::Line, read: |_| Some(RecvRequest::Quit) },
];

impl RecvRequest {
    /// Reads a line without its LF.
    pub fn parse(line: &[u8]) -> Result<Self, RequestError> {
        command::parse(RECV_COMMANDS, line)
    }
}

impl Codec for RecvRequest {
    fn write_fields(&self, w: &mut Writer) {
        match self {
            Self::Poll { after, wait, max } => {
                match after {
                    After::Number(seq) => w.plain("POLL").plain(seq),
                    After::AllSent => w.plain("POLL").plain("*"),
                };
                wait.iter().fold(w, |w, wait| w.plain(wait).plain(max))
            }
            Self::Port { port, fingerprint } => {
                write_optional(w.plain("PORT").plain(port.unwrap_or(0)), fingerprint.as_ref())
            }
            Self::Key => w.plain("KEY"),
            Self::Ping => w.plain("PING"),
            Self::Quit => w.plain("QUIT"),
        };
    }

    fn from_fields(fields: &Fields) -> Option<Self> {
        command::read(RECV_COMMANDS, fields).ok()
    }
}
