//! What goes into the state machine and what comes out.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::{ConversationId, Excerpt, Filed, LastOfPeer};
use crate::limits;
use crate::model::{Email, MessageId, Seq, Text, Timestamp, Token, UserName};
use crate::protocol::request::RequestedTarget;
use crate::protocol::{After, Code, Event, Reply};

/// Names a connection. Never used again in the life of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connection {}", self.0)
    }
}

/// The time, handed in: what the wall clock says, for people, and what has passed since the server
/// started, for deadlines.
#[derive(Clone, Copy, Debug, Default)]
pub struct Now {
    pub at: Timestamp,
    pub elapsed: Duration,
}

/// What the administrator chose. Looked at when something is decided, never when a record is applied.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Direct messages that wait for one user.
    pub queue: usize,
    /// Of those, from one sender.
    pub queue_per_sender: usize,
    /// Messages a second from one sender; `None`: as many as the server takes.
    pub rate: Option<u32>,
    /// How long a poll may wait.
    pub poll_wait: Duration,
    /// Whether every new account is in `#lobby`.
    pub lobby: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            queue: limits::QUEUE,
            queue_per_sender: limits::QUEUE_PER_SENDER,
            rate: None,
            poll_wait: limits::TIMEOUT - limits::POLL_MARGIN,
            lobby: true,
        }
    }
}

/// What a connection asks of the state machine. `user` is who has logged in on it.
#[derive(Clone, Debug)]
pub enum Command {
    Register {
        name: UserName,
        password_hash: Arc<str>,
    },
    SetPassword {
        user: UserName,
        password_hash: Arc<str>,
    },
    /// Closes an account for good: the administrator's.
    Remove {
        user: UserName,
    },
    SetEmail {
        user: UserName,
        email: Email,
    },
    Send {
        user: UserName,
        id: MessageId,
        to: RequestedTarget,
        text: Text,
    },
    Read {
        user: UserName,
        target: RequestedTarget,
        seq: Seq,
        last_of_peer: LastOfPeer,
    },
    /// What memory holds of a conversation: for HISTORY and STATUS.
    Excerpt {
        user: UserName,
        target: RequestedTarget,
        limit: usize,
        before: Option<Seq>,
    },
    Chats {
        user: UserName,
    },
    Users,
    Join {
        user: UserName,
        room: RequestedTarget,
    },
    Leave {
        user: UserName,
        room: RequestedTarget,
    },
    Rooms {
        user: UserName,
    },
    Members {
        room: RequestedTarget,
    },
    /// `user` wants to call `callee` directly, with this token.
    Peer {
        user: UserName,
        callee: RequestedTarget,
        token: Token,
    },
    /// A RECV session begins, from an address; one that the user had is told and closed. `order` is when
    /// its login came, among all logins.
    Open {
        user: UserName,
        order: u64,
        address: IpAddr,
    },
    /// Where the session's client takes direct chats; `None`: nowhere.
    Port {
        port: Option<u16>,
    },
    /// `wait`: `None` is as long as a poll may.
    Poll {
        after: After,
        wait: Option<u64>,
        max: usize,
    },
    /// The session's client will ask nothing more: polls are answered at once.
    HungUp,
    /// The session is over.
    Closed,
}

/// What a connection's thread is to be told: a reply for its socket, or what it needs to find one.
#[derive(Clone, Debug)]
pub enum Answer {
    Reply(Reply),
    Excerpt(Excerpt),
    Events(Delivery),
}

/// What a poll brings. A room message that is in the history file already is fetched from there by the
/// connection's thread: the state machine keeps no text for members who are behind.
#[derive(Clone, Debug, Default)]
pub struct Delivery {
    /// What memory holds: first those without a number, then the others, in order.
    pub events: Vec<Event>,
    /// What belongs among them, by number.
    pub filed: Vec<FiledEvents>,
}

/// Messages of a room that are to be read from its history file.
#[derive(Clone, Debug)]
pub struct FiledEvents {
    pub conversation: ConversationId,
    pub filed: Filed,
    /// Their numbers, rising.
    pub seqs: Vec<Seq>,
}

impl Answer {
    /// The reply, where nothing else can be the answer; anything else is a defect of this program.
    pub fn into_reply(self) -> Result<Reply, Code> {
        match self {
            Self::Reply(reply) => Ok(reply),
            Self::Excerpt(_) | Self::Events(_) => Err(Code::Internal),
        }
    }
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        Self::Reply(reply)
    }
}

impl From<Code> for Answer {
    fn from(code: Code) -> Self {
        Self::Reply(code.into())
    }
}

/// What is to happen outside once everything before it is durable.
#[derive(Clone, Debug)]
pub enum Effect {
    /// The oldest unanswered command of a connection has its answer.
    Answer(ConnectionId, Answer),
    /// The waiting poll of a connection has its answer. It depends on all that happened up to a number:
    /// what is in it, and also what is missing because something newer has taken its place.
    Events { to: ConnectionId, delivery: Delivery, depends_on: Seq },
    /// A last KO, then the connection is closed.
    Close(ConnectionId, Code),
    /// An account is there, or has another password.
    Account { name: UserName, password_hash: Arc<str> },
}
