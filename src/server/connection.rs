//! One connection: its socket, and the place where the router leaves answers for its thread.

use std::collections::VecDeque;
use std::net::{IpAddr, Shutdown, TcpStream};
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use super::auth::Busy;
use crate::net::{LineError, linger_close};
use crate::protocol::{Code, Ko, Reply};
use crate::state_machine::{Answer, ConnectionId};

/// Why a connection is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CloseReason {
    /// A last KO, then the end.
    Ko(Ko),
    /// The server is stopping: what was asked is still answered, then a last KO.
    Shutdown,
    /// The client has said goodbye and has its answer: nothing comes after that.
    Quit,
    /// The client is gone, or the server cannot answer any more.
    Silent,
}

impl CloseReason {
    /// A file that cannot be read is for the log; the client is told that it is not its fault.
    pub fn internal(error: impl std::fmt::Display) -> Self {
        log::error!("{error}");
        Code::Internal.into()
    }
}

impl From<Code> for CloseReason {
    fn from(code: Code) -> Self {
        Self::Ko(code.into())
    }
}

impl From<Busy> for Ko {
    fn from(_: Busy) -> Self {
        Self::new(Code::Full, "too many passwords are being verified; try later")
    }
}

impl From<Busy> for CloseReason {
    fn from(busy: Busy) -> Self {
        Self::Ko(busy.into())
    }
}

impl From<LineError> for CloseReason {
    fn from(error: LineError) -> Self {
        match error {
            LineError::Timeout => Code::Timeout.into(),
            LineError::TooLong => Code::TooLong.into(),
            LineError::Closed | LineError::Io(_) => Self::Silent,
        }
    }
}

pub(super) struct Connection {
    pub id: ConnectionId,
    pub peer: IpAddr,
    pub stream: Arc<TcpStream>,
    inbox: Mutex<Inbox>,
    changed: Condvar,
}

/// Bounded by what the connection's thread has asked and not yet been answered.
#[derive(Default)]
struct Inbox {
    answers: VecDeque<Answer>,
    /// How many of them the thread waits for: it is woken once, when all are there.
    wanted: usize,
    ending: Option<CloseReason>,
}

impl Connection {
    pub fn new(id: ConnectionId, peer: IpAddr, stream: TcpStream) -> Self {
        let stream = Arc::new(stream);
        Self { id, peer, stream, inbox: Mutex::default(), changed: Condvar::new() }
    }

    /// The answer to the oldest command that has none. Called by the router; never blocks.
    pub fn answer(&self, answer: Answer) {
        let mut inbox = self.inbox.lock();
        inbox.answers.push_back(answer);
        let enough = inbox.answers.len() >= inbox.wanted;
        drop(inbox);
        if enough {
            self.changed.notify_one();
        }
    }

    /// Ends the connection from outside its thread, which is woken wherever it waits.
    pub fn end(&self, ending: CloseReason) {
        let mut inbox = self.inbox.lock();
        // A stopping server may still fail; otherwise the first word stands.
        if inbox.ending.is_none() || ending == CloseReason::Silent {
            inbox.ending = Some(ending);
        }
        drop(inbox);
        self.changed.notify_one();
        // It may be gone already.
        let _ = self.stream.shutdown(Shutdown::Read);
    }

    /// Waits for the answer to the oldest command that has none; `asked` have none.
    pub fn wait(&self, asked: usize) -> Result<Answer, CloseReason> {
        let mut inbox = self.inbox.lock();
        loop {
            if let Some(answer) = inbox.answers.pop_front() {
                return Ok(answer);
            }
            inbox.wanted = asked;
            match &inbox.ending {
                None | Some(CloseReason::Shutdown) => self.changed.wait(&mut inbox),
                Some(ending) => return Err(ending.clone()),
            }
        }
    }

    /// Says goodbye and closes. What the connection was told from outside goes before what its own
    /// thread found (a socket that was shut down looks as if the client had gone).
    pub fn close(&self, found: CloseReason) {
        let told = self.inbox.lock().ending.clone().filter(|_| found != CloseReason::Quit);
        let mut last = Vec::new();
        match told.unwrap_or(found) {
            CloseReason::Ko(ko) => Reply::Ko(ko).write(&mut last),
            CloseReason::Shutdown => Reply::from(Code::Shutdown).write(&mut last),
            CloseReason::Quit | CloseReason::Silent => {}
        }
        linger_close(&self.stream, &last);
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Closes a connection that gets no thread, without waiting for anything.
    pub fn turn_away(&self, why: &str) {
        turn_away(&self.stream, why);
    }
}

/// Says FULL to a connection that is not served.
pub(super) fn turn_away(stream: &TcpStream, why: &str) {
    use std::io::Write;
    let mut last = Vec::new();
    Reply::Ko(Ko::new(Code::Full, why)).write(&mut last);
    let _ = stream.set_nonblocking(true);
    let _ = (&*stream).write_all(&last);
    let _ = stream.shutdown(Shutdown::Both);
}
