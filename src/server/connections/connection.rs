//! One accepted connection: what its reader thread and the router share.
//!
//! The reader counts the requests that it enqueues, the router those that it has answered. The difference is how far
//! the client is ahead: it stops the reader (back-pressure), and while it is not zero no time-out runs.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::connection_table::Slot;
use crate::limits;
use crate::net::{CloseCode, FramingEnd, LineError, Outgoing, Socket, find_framing_end};
use crate::protocol::{Code, Ko, Port};
use crate::state_machine::ConnectionId;
use crate::trace::{By, Traced};

/// Reason for which a connection is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CloseReason {
    /// A last KO tells the client.
    Ko(Ko),
    /// The client has sent QUIT and has its answer.
    Quit,
    /// The client has closed its output, or the connection failed.
    Closed,
    /// The client has sent the close frame of a WebSocket, or what is no frame of one: a close frame tells.
    Framing(FramingEnd),
}

impl CloseReason {
    /// Returns the code of the close frame, if the connection is a WebSocket.
    pub fn close_code(&self) -> CloseCode {
        match self {
            Self::Ko(ko) if ko.code == Code::TooLong => CloseCode::TOO_LONG,
            Self::Ko(ko) if ko.code == Code::Shutdown => CloseCode::GOING_AWAY,
            Self::Ko(_) | Self::Quit | Self::Closed => CloseCode::NORMAL,
            Self::Framing(end) => end.code,
        }
    }

    /// Records that the connection is closed.
    pub fn record(&self, trace: &Traced) {
        match self {
            Self::Ko(ko) => trace.close(By::Local, &ko.code.to_string()),
            Self::Quit => trace.close(By::Local, "QUIT"),
            Self::Closed => trace.close(By::Peer, ""),
            Self::Framing(end) => {
                trace.close(if end.is_closed_by_peer { By::Peer } else { By::Local }, &end.to_string());
            }
        }
    }
}

impl From<Code> for CloseReason {
    fn from(code: Code) -> Self {
        Self::Ko(code.into())
    }
}

impl From<Ko> for CloseReason {
    fn from(ko: Ko) -> Self {
        Self::Ko(ko)
    }
}

impl From<LineError> for CloseReason {
    fn from(error: LineError) -> Self {
        match error {
            LineError::Timeout => Code::Timeout.into(),
            LineError::TooLong => Code::TooLong.into(),
            LineError::Io(error) => find_framing_end(&error).map_or(Self::Closed, Self::Framing),
            LineError::Closed | LineError::ClearText => Self::Closed,
        }
    }
}

pub(crate) struct Connection {
    pub id: ConnectionId,
    pub port: Port,
    pub peer: IpAddr,
    pub outgoing: Arc<Outgoing>,
    /// Number of answered requests; written by the router.
    answered: AtomicU64,
    /// Time of the last answer, in microseconds after `opened`.
    answered_at: AtomicU64,
    opened: Instant,
    /// The reader is parked until this many are answered; 0 while it is not parked.
    wake_at: AtomicU64,
    /// There was a request whose user is above the rate.
    is_too_fast: AtomicBool,
    /// Counts the connection until it is dropped.
    pub slot: Slot,
    /// Records its lines, if the server is traced. In a box: other connections have no room for it.
    pub trace: Option<Box<Traced>>,
}

impl Connection {
    pub fn new(
        id: ConnectionId,
        port: Port,
        peer: IpAddr,
        socket: Arc<Socket>,
        slot: Slot,
        trace: Option<Traced>,
    ) -> Self {
        let outgoing = Arc::new(Outgoing::new(id.0, socket));
        let opened = Instant::now();
        let trace = trace.map(Box::new);
        let (answered, answered_at, wake_at, is_too_fast) = Default::default();
        Self { id, port, peer, outgoing, answered, answered_at, opened, wake_at, is_too_fast, slot, trace }
    }

    /// Records a line of the client before it is handled.
    pub fn trace_received(&self, line: &[u8]) {
        if let Some(trace) = &self.trace {
            trace.received(line);
        }
    }

    /// Makes the reader pause before its next line: its user is above the rate. Called by the router.
    pub fn slow_down(&self) {
        self.is_too_fast.store(true, Ordering::Relaxed);
    }

    /// Parks the reader for [`limits::RATE_PAUSE`], if it is to slow down.
    pub fn pause_if_too_fast(&self) {
        if !self.is_too_fast.load(Ordering::Relaxed) {
            return;
        }
        self.is_too_fast.store(false, Ordering::Relaxed);
        let end = Instant::now() + limits::RATE_PAUSE;
        while !self.outgoing.is_closed()
            && let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
        {
            thread::park_timeout(left);
        }
    }

    /// Counts requests as answered. Called by the router when it has sent their replies.
    pub fn count_answered(&self, count: u64, now: Instant) {
        let elapsed = now.saturating_duration_since(self.opened).as_micros();
        self.answered_at.store(u64::try_from(elapsed).unwrap_or(u64::MAX), Ordering::Relaxed);
        let answered = self.answered.load(Ordering::Relaxed) + count;
        self.answered.store(answered, Ordering::SeqCst);
        let wake_at = self.wake_at.load(Ordering::SeqCst);
        if wake_at != 0 && answered >= wake_at {
            self.wake_at.store(0, Ordering::SeqCst);
            self.outgoing.unpark_reader();
        }
    }
}

/// The requests of a connection that were enqueued and not answered. Owned by the reader thread.
pub(crate) struct Window<'a> {
    connection: &'a Connection,
    /// Number of requests that were enqueued.
    enqueued: u64,
    /// The lengths of the unanswered ones' lines, oldest first, and their sum.
    lengths: VecDeque<usize>,
    bytes: usize,
}

impl<'a> Window<'a> {
    pub fn new(connection: &'a Connection) -> Self {
        Self { connection, enqueued: 0, lengths: VecDeque::new(), bytes: 0 }
    }

    /// Counts a request that is enqueued now.
    pub fn add(&mut self, length: usize) {
        self.enqueued += 1;
        self.lengths.push_back(length);
        self.bytes += length;
    }

    /// Parks the reader while too much is unanswered (back-pressure).
    pub fn wait_for_room(&mut self) {
        while !self.has_room() && !self.connection.outgoing.is_closed() {
            let half = self.enqueued - self.lengths.len() as u64 / 2;
            self.connection.wake_at.store(half.max(1), Ordering::SeqCst);
            if !self.has_room() && !self.connection.outgoing.is_closed() {
                // Bounded, in case the answers came between the two looks.
                thread::park_timeout(Duration::from_millis(100));
            }
            self.connection.wake_at.store(0, Ordering::SeqCst);
        }
    }

    fn has_room(&mut self) -> bool {
        let unanswered = self.unanswered();
        while self.lengths.len() as u64 > unanswered {
            self.bytes -= self.lengths.pop_front().unwrap_or(0);
        }
        if self.lengths.is_empty() {
            // An idle connection keeps no memory that it does not need.
            self.lengths = VecDeque::new();
        }
        self.lengths.len() < limits::PIPELINE && self.bytes < limits::PIPELINE_BYTES
    }

    fn unanswered(&self) -> u64 {
        self.enqueued.saturating_sub(self.connection.answered.load(Ordering::SeqCst))
    }

    /// Returns since when the client owes a request; `None` while the server owes a reply (protocol, section 1).
    pub fn idle_since(&self) -> Option<Instant> {
        let answered_at = Duration::from_micros(self.connection.answered_at.load(Ordering::Relaxed));
        (self.unanswered() == 0).then(|| self.connection.opened + answered_at)
    }
}
