//! What a client asks (protocol, sections 5 and 6). One table says which requests there are; the
//! parser, `HELP` and the tests are made from it.

use std::fmt;

use crate::limits;
use crate::model::{Email, MessageId, NoSuchTarget, Seq, Target, Text};
use crate::record::{Fields, SyntaxError, Writer};

/// A place as a request named it: a text that cannot be a name is answered like a name nobody has,
/// but only when its turn comes (a known id is looked at before anything else).
pub type RequestedTarget = Result<Target, NoSuchTarget>;

/// The commands of the SEND port (protocol, section 5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendRequest {
    Send { id: MessageId, to: RequestedTarget, text: Text },
    Read { target: RequestedTarget, seq: Seq },
    Status { target: RequestedTarget, seq: Seq },
    History { target: RequestedTarget, limit: usize, before: Option<Seq> },
    Chats,
    Users,
    Join { room: RequestedTarget },
    Leave { room: RequestedTarget },
    Rooms,
    Members { room: RequestedTarget },
    Peer { user: RequestedTarget },
    Passwd { password: String },
    Email { address: Email },
    Ping,
    Help,
    Quit,
}

/// The commands of the RECV port (protocol, section 6). `wait` is in seconds; without one it is the
/// longest there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecvRequest {
    Poll {
        after: After,
        wait: Option<u64>,
        max: usize,
    },
    /// `None`: no direct chats any more.
    Port {
        port: Option<u16>,
    },
    Ping,
    Quit,
}

/// What a poll acknowledges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    Number(Seq),
    /// `POLL;*`: all that this connection was sent.
    AllSent,
}

/// Why a line is not a request of this port: what a `KO;SYNTAX` tells people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestError {
    Record(SyntaxError),
    /// No command of this port; these are.
    Unknown(String),
    /// The request's form, as the table has it.
    Form(&'static str),
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record(error) => error.fmt(f),
            Self::Unknown(verbs) => write!(f, "no such command on this port; there are {verbs}"),
            Self::Form(form) => write!(f, "the form is {form}"),
        }
    }
}

/// One command: its verb, how many fields may follow it, its form and what it is for, and how its
/// fields are read (`None`: not of that form).
pub struct Command<Request> {
    pub verb: &'static str,
    fields: std::ops::RangeInclusive<usize>,
    pub form: &'static str,
    pub help: &'static str,
    read: fn(&Fields) -> Option<Request>,
}

pub const SEND_COMMANDS: &[Command<SendRequest>] = &[
    Command {
        verb: "SEND",
        fields: 3..=3,
        form: "SEND;<id>;<to>;<text>",
        help: "send a message; the same id again never sends it twice",
        read: |f| {
            Some(SendRequest::Send { id: MessageId::new(f.get(1)?)?, to: target(f, 2)?, text: Text::new(f.get(3)?)? })
        },
    },
    Command {
        verb: "READ",
        fields: 2..=2,
        form: "READ;<user or #room>;<seq>",
        help: "say that you have seen everything there up to this number",
        read: |f| Some(SendRequest::Read { target: target(f, 1)?, seq: seq(f, 2)? }),
    },
    Command {
        verb: "STATUS",
        fields: 2..=2,
        form: "STATUS;<user or #room>;<seq>",
        help: "how far your message with this number has come",
        read: |f| Some(SendRequest::Status { target: target(f, 1)?, seq: seq(f, 2)? }),
    },
    Command {
        verb: "HISTORY",
        fields: 1..=3,
        form: "HISTORY;<user or #room>[;<limit 1 to 1000>[;<before>]]",
        help: "the last messages there, or the last below a number, oldest first",
        read: |f| {
            let limit = number(f, 2, limits::HISTORY_RECORDS, 1..=limits::MAX_HISTORY_RECORDS)?;
            let before = if f.len() > 3 { Some(seq(f, 3)?) } else { None };
            Some(SendRequest::History { target: target(f, 1)?, limit, before })
        },
    },
    Command {
        verb: "CHATS",
        fields: 0..=0,
        form: "CHATS",
        help: "where you have talked, latest first",
        read: |_| Some(SendRequest::Chats),
    },
    Command {
        verb: "USERS",
        fields: 0..=0,
        form: "USERS",
        help: "everybody, and who is online",
        read: |_| Some(SendRequest::Users),
    },
    Command {
        verb: "JOIN",
        fields: 1..=1,
        form: "JOIN;<#room>",
        help: "be in that room from now on; makes it if it is not there",
        read: |f| Some(SendRequest::Join { room: target(f, 1)? }),
    },
    Command {
        verb: "LEAVE",
        fields: 1..=1,
        form: "LEAVE;<#room>",
        help: "be in that room no longer",
        read: |f| Some(SendRequest::Leave { room: target(f, 1)? }),
    },
    Command {
        verb: "ROOMS",
        fields: 0..=0,
        form: "ROOMS",
        help: "all rooms, how many are in them, and whether you are",
        read: |_| Some(SendRequest::Rooms),
    },
    Command {
        verb: "MEMBERS",
        fields: 1..=1,
        form: "MEMBERS;<#room>",
        help: "who is in that room, and who of them is online",
        read: |f| Some(SendRequest::Members { room: target(f, 1)? }),
    },
    Command {
        verb: "PEER",
        fields: 1..=1,
        form: "PEER;<user>",
        help: "where that user takes direct chats, and a token that lets you in once",
        read: |f| Some(SendRequest::Peer { user: target(f, 1)? }),
    },
    Command {
        verb: "PASSWD",
        fields: 1..=1,
        form: "PASSWD;<new password>",
        help: "change your password",
        read: |f| Some(SendRequest::Passwd { password: f.get(1)?.to_owned() }),
    },
    Command {
        verb: "EMAIL",
        fields: 1..=1,
        form: "EMAIL;<address>",
        help: "leave an address for the administrator",
        read: |f| Some(SendRequest::Email { address: Email::new(f.get(1)?)? }),
    },
    Command {
        verb: "PING",
        fields: 0..=0,
        form: "PING",
        help: "ask whether the server is there",
        read: |_| Some(SendRequest::Ping),
    },
    Command {
        verb: "HELP",
        fields: 0..=0,
        form: "HELP",
        help: "list these commands",
        read: |_| Some(SendRequest::Help),
    },
    Command {
        verb: "QUIT",
        fields: 0..=0,
        form: "QUIT",
        help: "say goodbye; the server closes",
        read: |_| Some(SendRequest::Quit),
    },
];

pub const RECV_COMMANDS: &[Command<RecvRequest>] = &[
    Command {
        verb: "POLL",
        fields: 1..=3,
        form: "POLL;<after or *>[;<wait in seconds>[;<max 1 to 1000>]]",
        help: "acknowledge all up to <after>, and wait for what comes",
        read: |f| {
            let after = match f.get(1)? {
                "*" => After::AllSent,
                _ => After::Number(seq(f, 1)?),
            };
            let wait = if f.len() > 2 { Some(seq(f, 2)?.get()) } else { None };
            let max = number(f, 3, limits::POLL_EVENTS, 1..=limits::MAX_POLL_EVENTS)?;
            Some(RecvRequest::Poll { after, wait, max })
        },
    },
    Command {
        verb: "PORT",
        fields: 1..=1,
        form: "PORT;<tcp port or 0>",
        help: "say where you take direct chats; 0: nowhere",
        read: |f| {
            let port = u16::try_from(seq(f, 1)?.get()).ok()?;
            Some(RecvRequest::Port { port: (port > 0).then_some(port) })
        },
    },
    Command {
        verb: "PING",
        fields: 0..=0,
        form: "PING",
        help: "ask whether the server is there",
        read: |_| Some(RecvRequest::Ping),
    },
    Command {
        verb: "QUIT",
        fields: 0..=0,
        form: "QUIT",
        help: "say goodbye; the server closes",
        read: |_| Some(RecvRequest::Quit),
    },
];

impl SendRequest {
    pub fn parse(line: &[u8]) -> Result<Self, RequestError> {
        parse(SEND_COMMANDS, line)
    }

    /// Writes the request as one line: what a client sends.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut w = Writer::new(out);
        match self {
            Self::Send { id, to, text } => w.plain("SEND").plain(id).text(&named(to)).text(text.as_str()),
            Self::Read { target, seq } => w.plain("READ").text(&named(target)).plain(seq),
            Self::Status { target, seq } => w.plain("STATUS").text(&named(target)).plain(seq),
            Self::History { target, limit, before } => {
                w.plain("HISTORY").text(&named(target)).plain(limit);
                if let Some(before) = before {
                    w.plain(before);
                }
                &mut w
            }
            Self::Chats => w.plain("CHATS"),
            Self::Users => w.plain("USERS"),
            Self::Join { room } => w.plain("JOIN").text(&named(room)),
            Self::Leave { room } => w.plain("LEAVE").text(&named(room)),
            Self::Rooms => w.plain("ROOMS"),
            Self::Members { room } => w.plain("MEMBERS").text(&named(room)),
            Self::Peer { user } => w.plain("PEER").text(&named(user)),
            Self::Passwd { password } => w.plain("PASSWD").text(password),
            Self::Email { address } => w.plain("EMAIL").text(address.as_str()),
            Self::Ping => w.plain("PING"),
            Self::Help => w.plain("HELP"),
            Self::Quit => w.plain("QUIT"),
        };
        w.end();
    }
}

impl RecvRequest {
    pub fn parse(line: &[u8]) -> Result<Self, RequestError> {
        parse(RECV_COMMANDS, line)
    }

    /// Writes the request as one line: what a client sends.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut w = Writer::new(out);
        match self {
            Self::Poll { after, wait, max } => {
                match after {
                    After::Number(seq) => w.plain("POLL").plain(seq),
                    After::AllSent => w.plain("POLL").plain('*'),
                };
                if let Some(wait) = wait {
                    w.plain(wait).plain(max);
                }
            }
            Self::Port { port } => _ = w.plain("PORT").plain(port.unwrap_or(0)),
            Self::Ping => _ = w.plain("PING"),
            Self::Quit => _ = w.plain("QUIT"),
        }
        w.end();
    }
}

fn parse<Request>(commands: &[Command<Request>], line: &[u8]) -> Result<Request, RequestError> {
    let fields = Fields::parse(line).map_err(RequestError::Record)?;
    let verb = fields.get(0).unwrap_or_default();
    let command = commands.iter().find(|c| c.verb.eq_ignore_ascii_case(verb)).ok_or_else(|| unknown(commands))?;
    if !command.fields.contains(&(fields.len() - 1)) {
        return Err(RequestError::Form(command.form));
    }
    (command.read)(&fields).ok_or(RequestError::Form(command.form))
}

fn unknown<Request>(commands: &[Command<Request>]) -> RequestError {
    let verbs: Vec<_> = commands.iter().map(|command| command.verb).collect();
    RequestError::Unknown(verbs.join(", "))
}

/// A user's or a room's name. Only an empty field is not of the form.
fn target(fields: &Fields, index: usize) -> Option<RequestedTarget> {
    fields.get(index).filter(|text| !text.is_empty()).map(Target::parse)
}

fn named(target: &RequestedTarget) -> String {
    match target {
        Ok(target) => target.to_string(),
        Err(NoSuchTarget::User) => "@".to_owned(),
        Err(NoSuchTarget::Room) => "#".to_owned(),
    }
}

fn seq(fields: &Fields, index: usize) -> Option<Seq> {
    fields.get(index).and_then(Seq::parse)
}

/// A number of some range; where the field is not there, the default.
fn number(fields: &Fields, index: usize, default: usize, range: std::ops::RangeInclusive<usize>) -> Option<usize> {
    if fields.len() <= index {
        return Some(default);
    }
    usize::try_from(seq(fields, index)?.get()).ok().filter(|n| range.contains(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_in_either_case_and_fields_counted() {
        assert_eq!(SendRequest::parse(b"ping"), Ok(SendRequest::Ping));
        for wrong in [
            &b"PING;"[..],
            b"SEND;1;luis",
            b"SEND;1;luis;a;b",
            b"SEND;;luis;a",
            b"SEND;1;;a",
            b"READ;luis;-1",
            b"READ;luis;",
            b"READ;luis;9007199254740992",
            b"HISTORY;luis;0",
            b"HISTORY;luis;1001",
            b"HISTORY;luis;5;x",
            b"EMAIL;none",
        ] {
            let text = String::from_utf8_lossy(wrong);
            assert!(matches!(SendRequest::parse(wrong), Err(RequestError::Form(_))), "{text}");
        }
        for unknown in [&b""[..], b"POLL;0", b"SENDX;1;2;3", b" PING"] {
            assert!(matches!(SendRequest::parse(unknown), Err(RequestError::Unknown(_))));
        }
    }

    #[test]
    fn polls() {
        let poll = |line: &[u8]| RecvRequest::parse(line).ok();
        let number = |n| After::Number(Seq::new(n).unwrap());
        assert_eq!(poll(b"POLL;7"), Some(RecvRequest::Poll { after: number(7), wait: None, max: 100 }));
        assert_eq!(poll(b"poll;*;0;1000"), Some(RecvRequest::Poll { after: After::AllSent, wait: Some(0), max: 1000 }));
        for wrong in [&b"POLL"[..], b"POLL;x", b"POLL;0;x", b"POLL;0;1;0", b"POLL;0;1;1001", b"POLL;0;1;1;1"] {
            assert_eq!(poll(wrong), None, "{}", String::from_utf8_lossy(wrong));
        }
    }
}
