//! The router's side of a connection: its login, its requests in their order, and its replies.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::history_reader::Lookup;
use crate::limits;
use crate::model::{DeviceName, Timestamp, UserName};
use crate::net::{Progress, Stragglers};
use crate::protocol::{Port, Reply};
use crate::server::auth::outcome::PendingAccount;
use crate::server::connections::connection::{CloseReason, Connection};
use crate::server::connections::request::Received;
use crate::state_machine::{AccountNumber, Command, Cost};

/// Most buffers for replies that are kept for the next ones, and the largest of them in bytes.
const REPLY_BUFFERS: usize = 512;
const REPLY_BUFFER_BYTES: usize = 8 << 10;

/// First step of a request.
pub(crate) enum Step {
    Execute(Command),
    Answer(Reply),
    /// Another thread goes on with it.
    Wait,
}

/// State of a connection's login (protocol, section 3).
pub(crate) enum Login {
    /// The login line is still to come, or its password is being verified.
    Pending,
    /// The account is being created. In a box: other logins have no room for it.
    Registering(Box<PendingAccount>),
    /// A RECV session is being opened for this user.
    Opening(UserName),
    Done(UserName),
}

impl Login {
    /// Returns the user whose password was right; the session may still be opening.
    pub fn verified_user(&self) -> Option<&UserName> {
        match self {
            Self::Opening(user) | Self::Done(user) => Some(user),
            Self::Pending | Self::Registering(_) => None,
        }
    }
}

/// Empty buffers for replies. A session has one only while it has replies to send: an idle connection needs no memory
/// for it, and a busy one does not allocate.
#[derive(Default)]
pub(crate) struct Buffers(Vec<Vec<u8>>);

impl Buffers {
    fn get(&mut self) -> Vec<u8> {
        self.0.pop().unwrap_or_default()
    }

    fn put_back(&mut self, mut buffer: Vec<u8>) {
        if buffer.capacity() <= REPLY_BUFFER_BYTES && self.0.len() < REPLY_BUFFERS {
            buffer.clear();
            self.0.push(buffer);
        }
    }
}

pub(crate) struct Session {
    pub connection: Arc<Connection>,
    pub login: Login,
    /// The account of the user, once the user is logged in.
    pub account: Option<AccountNumber>,
    /// The device of the connection, once the password or key was right; `None`: it has none.
    pub device: Option<DeviceName>,
    /// Time at which it was opened.
    pub since: Timestamp,
    /// Requests that wait for their turn. Bounded by the reader's [`super::connection::Window`].
    pub pending: VecDeque<Received>,
    /// Requests that were started and whose replies are not written yet. The login is the first.
    pub started: usize,
    /// The last request that was started has to be answered before the next one: its reply may be large (a list), or comes
    /// from another thread (a poll, the history, a password hash).
    pub exclusive: bool,
    /// The search in a history file that a started HISTORY, STATUS or READ needs. In a box, as `close`: most sessions
    /// have neither, and no room for them.
    pub lookup: Option<Box<Lookup>>,
    /// Replies that are to be sent, and how many they are.
    out: Vec<u8>,
    answered: u64,
    /// The straggler thread has bytes that the socket has refused.
    straggling: bool,
    /// The connection is closed for this reason once everything before is answered.
    pub close: Option<Box<CloseReason>>,
}

impl Session {
    pub fn new(connection: Arc<Connection>) -> Self {
        Self {
            connection,
            login: Login::Pending,
            account: None,
            device: None,
            since: Timestamp::now(),
            pending: VecDeque::new(),
            started: 1,
            exclusive: false,
            lookup: None,
            out: Vec::new(),
            answered: 0,
            straggling: false,
            close: None,
        }
    }

    /// Has the connection closed once everything before is answered; of several reasons the first counts.
    pub fn close_when_over(&mut self, reason: CloseReason) {
        self.close.get_or_insert_with(|| Box::new(reason));
    }

    /// Notes that a user is logged in.
    pub fn log_in(&mut self, user: UserName, account: Option<AccountNumber>) {
        if let Some(trace) = &self.connection.trace {
            trace.set_user(user.shown());
        }
        (self.login, self.account) = (Login::Done(user), account);
        self.connection.slot.log_in();
    }

    pub fn user(&self) -> Option<&UserName> {
        match &self.login {
            Login::Done(user) => Some(user),
            _ => None,
        }
    }

    /// Returns whether the next request may be started: replies keep their order, a client that does not read them is not given
    /// more, and what was written is sent before it is much.
    pub fn may_start(&self) -> bool {
        let is_busy = self.exclusive && self.started > 0;
        let is_full = self.out.len() >= REPLY_BUFFER_BYTES;
        matches!(self.login, Login::Done(_)) && !(is_busy || is_full || self.straggling)
    }

    /// Returns whether everything that was asked is answered, and the connection is to be closed.
    pub fn is_over(&self) -> bool {
        self.close.is_some() && self.started == 0 && self.pending.is_empty()
    }

    /// Writes the reply to the oldest request that has none. Returns whether the session has to be flushed, that is, is
    /// not noted for it yet.
    pub fn answer(&mut self, buffers: &mut Buffers, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let first = self.answered == 0;
        if first {
            self.out = buffers.get();
        }
        write(&mut self.out);
        self.answered += 1;
        self.started = self.started.saturating_sub(1);
        first
    }

    /// Returns what the replies that were written cost their user. Those of polls are paid in tokens alone: what others
    /// write must not use up the bytes of the user.
    pub fn reply_cost(&self) -> Cost {
        match self.connection.port {
            Port::Send => Cost { tokens: 0, bytes: self.out.len() },
            Port::Recv => Cost { tokens: (self.out.len() / limits::POLL_TOKEN_BYTES) as u32, bytes: 0 },
        }
    }

    /// Returns whether there are replies that were not sent.
    pub fn has_output(&self) -> bool {
        !self.out.is_empty()
    }

    /// Sends what was written.
    pub fn flush(&mut self, stragglers: &Stragglers, buffers: &mut Buffers, now: Instant) -> Progress {
        let mut progress = Progress::Done;
        if !self.out.is_empty() {
            if let Some(trace) = &self.connection.trace {
                trace.sent(&self.out);
            }
            progress = self.connection.outgoing.send(&self.out, stragglers);
            self.straggling = progress == Progress::Pending;
            buffers.put_back(std::mem::take(&mut self.out));
        }
        let answered = std::mem::take(&mut self.answered);
        if answered > 0 {
            self.connection.count_answered(answered, now);
        }
        progress
    }

    /// Sends the pong of a WebSocket that waits, if there is one.
    pub fn send_pong(&mut self, stragglers: &Stragglers) -> Progress {
        let progress = self.connection.outgoing.send_pong(stragglers);
        self.straggling |= progress == Progress::Pending;
        progress
    }

    /// Closes the connection after its last replies, with a last KO if there is a reason to tell. Its requests end with
    /// the session: nothing takes effect for a connection that is closed. Returns whether the straggler thread has bytes
    /// of the connection still to send.
    pub fn close(mut self, reason: CloseReason, stragglers: &Stragglers, buffers: &mut Buffers, now: Instant) -> bool {
        if let CloseReason::Ko(ko) = &reason {
            Reply::Ko(ko.clone()).write(&mut self.out);
        }
        self.flush(stragglers, buffers, now);
        if let Some(trace) = &self.connection.trace {
            reason.record(trace);
        }
        if self.straggling || reason != CloseReason::Closed {
            self.connection.outgoing.socket().set_close_code(reason.close_code());
            self.connection.outgoing.close();
        }
        self.connection.outgoing.has_unsent()
    }

    /// Notes that the straggler thread has sent what it had.
    pub fn note_drained(&mut self) {
        self.straggling = self.connection.outgoing.has_unsent();
    }
}
