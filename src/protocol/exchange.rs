//! The exchange of a connection as an observer reads it, a proxy, a trace or a person: which line of a server answers
//! which request, how many records follow it, and what a line says by itself.
//!
//! The verb of the oldest request without a reply is enough to read the next line of the server:
//!
//! ```
//! use wachat::protocol::exchange::Verb;
//!
//! let verb = Verb::of(b"POLL;7");
//! assert_eq!(verb.records_after(b"OK;2"), 2);
//! assert!(!verb.is_answered_by(b"KO;SHUTDOWN;the server is stopping"));
//! ```

use super::codec::Codec as _;
use super::event::Event;
use super::login::LoginKind;
use super::port::Port;
use super::reply::{Accepted, Code, Ko, ListHead, parse_reply};
use super::request::{After, Command, RECV_COMMANDS, RecvRequest, ReplyForm, RequestError, SEND_COMMANDS, SendRequest};
use crate::model::Seq;
use crate::record::Fields;

/// A request after the login line, as the parser of its port reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    Send(SendRequest),
    Recv(RecvRequest),
}

impl Request {
    /// Reads a line without its LF.
    pub fn parse(port: Port, line: &[u8]) -> Result<Self, RequestError> {
        match port {
            Port::Send => SendRequest::parse(line).map(Self::Send),
            Port::Recv => RecvRequest::parse(line).map(Self::Recv),
        }
    }
}

/// The verb of a request, whose other fields may be wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verb {
    Login(LoginKind),
    /// A command, with its name in capital letters and the form of its reply.
    Command(&'static str, ReplyForm),
    /// No command of either port, or no request at all.
    #[default]
    Unknown,
}

impl Verb {
    /// Reads the verb of a line without its LF, in either case.
    pub fn of(line: &[u8]) -> Self {
        let fields = Fields::parse(line);
        let first = |separator| line.split(|byte| *byte == separator).next().unwrap_or_default();
        let command = fields.as_ref().ok().and_then(|fields| fields.get(0)).map_or(first(b';'), str::as_bytes);
        let is_here = |verb: &Self| {
            let word = if verb.is_login() { first(b':') } else { command };
            word.eq_ignore_ascii_case(verb.word().as_bytes())
        };
        Self::all().find(is_here).unwrap_or_default()
    }

    /// Returns the verbs of both ports: the commands, then those of login lines. PING and QUIT, which both ports have,
    /// come twice, and KEY, which is a login line and a request of the RECV port.
    pub fn all() -> impl Iterator<Item = Self> {
        let send = SEND_COMMANDS.iter().map(Self::of_command);
        let recv = RECV_COMMANDS.iter().map(Self::of_command);
        send.chain(recv).chain(LoginKind::ALL.map(Self::Login))
    }

    fn of_command<Request>(command: &'static Command<Request>) -> Self {
        Self::Command(command.verb(), command.reply)
    }

    /// Returns the verb in capital letters; empty: it is unknown.
    pub fn word(self) -> &'static str {
        match self {
            Self::Login(kind) => kind.verb(),
            Self::Command(word, _) => word,
            Self::Unknown => "",
        }
    }

    /// Returns whether it is the verb of a login line.
    pub fn is_login(self) -> bool {
        matches!(self, Self::Login(_))
    }

    /// Returns whether a line of the server, without its LF, is the reply to a request with this verb. If not it is a last
    /// line, which answers no request: the outcome of all requests without a reply is unknown (protocol, section 1).
    pub fn is_answered_by(self, line: &[u8]) -> bool {
        let Ok(Ko { code, .. }) = Ko::parse(line) else { return true };
        !code.closes() || self.is_login() || (code == Code::Auth && matches!(self, Self::Command("PASSWD", _)))
    }

    /// Returns the number of records that follow the first line of a reply, which comes without its LF.
    pub fn records_after(self, head: &[u8]) -> usize {
        match (self, parse_reply(head)) {
            (Self::Command(_, ReplyForm::List), Ok(Ok(ListHead { count }))) => count,
            _ => 0,
        }
    }
}

/// A line as it is known by its port alone, to an observer who may have missed the lines before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    Request(Request),
    /// The reply to a SEND.
    Accepted(Accepted),
    /// A record of the reply to a POLL.
    Event(Event),
    /// A login line, another reply or record, or no record.
    Other,
}

impl Line {
    /// Reads a line of a client or of a server, without its LF.
    pub fn read(port: Port, line: &[u8]) -> Self {
        let request = Request::parse(port, line).ok().map(Self::Request);
        let said = match port {
            Port::Send => Accepted::parse(line).ok().map(Self::Accepted),
            Port::Recv => Event::parse(line).ok().map(Self::Event),
        };
        request.or(said).unwrap_or(Self::Other)
    }
}

/// The events that came on one RECV connection, as far as `POLL;*` depends on them.
#[derive(Clone, Copy, Debug, Default)]
pub struct SentEvents(Seq);

impl SentEvents {
    /// Takes note of an event that the server has sent on the connection.
    pub fn add(&mut self, event: &Event) {
        self.0 = self.0.max(event.seq());
    }

    /// Returns the number up to which a poll acknowledges.
    pub fn acknowledged_by(&self, after: After) -> Seq {
        match after {
            After::Number(seq) => seq,
            After::AllSent => self.0,
        }
    }
}
