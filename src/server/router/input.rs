//! The inputs of the router: what other threads tell it.

use std::sync::Arc;

use crossbeam_channel::Sender;

use super::history_reader::Done;
use crate::cluster::News;
use crate::net::Progress;
use crate::protocol::Ko;
use crate::protocol::control::ControlRequest;
use crate::server::auth::outcome::Outcome;
use crate::server::connections::connection::{CloseReason, Connection};
use crate::server::connections::request::Received;
use crate::state_machine::ConnectionId;

/// One input of the router's queue. Large ones are boxed: a reader's thread holds copies of one on its stack, the pages of
/// which a connection keeps.
pub(crate) enum Input {
    /// A connection was accepted: its reader thread runs.
    Accepted(Arc<Connection>),
    /// The login line was no login or did not come in time, or the reader thread has panicked.
    ReadingFailed(ConnectionId, CloseReason),
    /// An auth thread, or the login cache, has decided about a login.
    Login(ConnectionId, Box<Outcome>),
    Request(ConnectionId, Received),
    /// The reader thread will enqueue no more requests.
    ReadingEnded(ConnectionId, CloseReason),
    /// An auth thread has compared the old password and hashed the new one, or the change is refused.
    PasswordHashed(ConnectionId, Result<PasswordChange, Ko>),
    /// A history thread has done its job.
    HistoryRead(Box<Done>),
    /// A request of the administrator.
    Control(Box<Asked>),
    /// A pong of a WebSocket waits to be sent.
    Pinged(ConnectionId),
    /// The straggler thread has no more bytes of this connection.
    OutputEnded(ConnectionId, Progress),
    /// The free space has fallen below the floor, or risen above it.
    DiskBelowFloor(bool),
    /// A worker has done something: `Maintenance::run` takes it.
    WorkDone,
    /// The metrics port asks whether messages can be stored.
    Health(Sender<Result<(), String>>),
    /// The thread of the cluster has found something.
    Cluster(News),
    /// The server is stopping: answer what was asked, and close every connection.
    ShutDown,
    /// The last input there is.
    Stop,
}

const _: () = assert!(size_of::<Input>() <= 120, "a waiting connection takes another page for its stack");

impl Input {
    /// Returns whether the client has closed its output, or the connection failed.
    pub fn client_is_gone(&self) -> bool {
        matches!(self, Self::ReadingFailed(_, CloseReason::Closed) | Self::ReadingEnded(_, CloseReason::Closed))
    }
}

/// A change of a password whose old one was right.
pub(crate) struct PasswordChange {
    /// The hash that the old password was compared with.
    pub old_hash: Arc<str>,
    pub new_hash: Arc<str>,
}

/// A request for the router, and where its reply goes: all its lines.
pub(crate) struct Asked {
    pub request: ControlRequest,
    pub reply: Sender<Vec<u8>>,
}
