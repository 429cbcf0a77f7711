//! One direct connection: a thread that reads lines, and one that writes them.

use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, never};

use super::callers::Place;
use super::event::DirectEvent;
use crate::limits;
use crate::model::{MessageId, Text};
use crate::net::{LineError, LineReader, Socket, drain_input};
use crate::protocol::{Code, Codec as _, DirectLine, Ko};
use crate::texts::{Phrase, words};

/// Time between two looks whether a caller that waits for an answer is still there.
const CALLER_CHECK: Duration = Duration::from_secs(2);

/// An event, and with the first one of a connection what the owner needs to act on it.
pub struct Report {
    pub event: DirectEvent,
    pub(super) handle: Option<Handle>,
}

/// The owner's end of a connection.
pub struct Handle {
    pub(super) number: u64,
    /// The answer to the reader's last report. There is room for one, and never more than one.
    pub(super) answers: Sender<DirectLine>,
    pub(super) lines: Sender<DirectLine>,
    /// The place of a caller whom the user has not accepted.
    pub(super) place: Option<Place>,
    socket: Arc<Socket>,
}

impl Handle {
    /// Closes the connection; its reader reports that.
    pub fn close(&self) {
        let _ = self.socket.tcp().shutdown(Shutdown::Both);
    }
}

/// The threads' end of a connection.
pub struct Connection {
    pub number: u64,
    socket: Arc<Socket>,
    reader: LineReader,
    pub answers: Receiver<DirectLine>,
    lines: Sender<DirectLine>,
    to_write: Receiver<DirectLine>,
    reports: Sender<Report>,
}

static NUMBERS: AtomicU64 = AtomicU64::new(1);

impl Connection {
    /// Makes both ends of a connection. `place`: that of a caller.
    pub fn new(
        socket: Arc<Socket>,
        reader: LineReader,
        reports: Sender<Report>,
        place: Option<Place>,
    ) -> (Self, Handle) {
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let (answer, answers) = bounded(1);
        // Beside the unconfirmed messages of this side, the reader's answer.
        let (lines, to_write) = bounded(limits::DIRECT_LINES + 1);
        let handle = Handle { number, answers: answer, lines: lines.clone(), place, socket: socket.clone() };
        (Self { number, socket, reader, answers, lines, to_write, reports }, handle)
    }

    /// Reports an event. `false`: the owner has ended.
    pub fn report(&self, event: DirectEvent, handle: Option<Handle>) -> bool {
        self.reports.send(Report { event, handle }).is_ok()
    }

    /// Carries lines both ways until the connection is closed, and reports that.
    pub fn run(mut self) {
        // The writer alone has it: without the writer nothing waits for room in the channel.
        let lines = std::mem::replace(&mut self.to_write, never());
        let socket = self.socket.clone();
        let writer = thread::Builder::new().name("direct writer".to_owned());
        let why = match writer.spawn(move || write_lines(&socket, &lines)) {
            Ok(_) => self.read_lines(),
            Err(error) => error.to_string(),
        };
        self.close(why);
    }

    /// Closes the connection and reports that.
    pub fn close(&self, why: String) {
        let _ = self.socket.tcp().shutdown(Shutdown::Both);
        self.report(DirectEvent::Closed { number: self.number, why }, None);
    }

    /// Reads until the connection is closed, and returns the reason.
    fn read_lines(&mut self) -> String {
        loop {
            let line = match self.reader.next_line().map(DirectLine::parse) {
                Ok(line) => line,
                // The app watches over confirmations.
                Err(LineError::Timeout) if self.reader.is_between_lines() => continue,
                Err(LineError::Timeout) => return Phrase::NoAnswer.to_string(),
                Err(LineError::Closed) => return String::new(),
                Err(LineError::TooLong) => return Phrase::PeerTooLong.to_string(),
                Err(LineError::ClearText) => return Phrase::Strange.to_string(),
                Err(LineError::Io(error)) => return error.to_string(),
            };
            let number = self.number;
            let goes_on = match line {
                Ok(DirectLine::Send { id, text }) => match self.hand_over(id, text) {
                    Ok(()) => true,
                    Err(why) => return why,
                },
                Ok(DirectLine::Acknowledged(id)) => self.report(DirectEvent::Confirmed { number, id }, None),
                Ok(DirectLine::Ko(ko)) => return explain(&ko),
                Ok(DirectLine::Admitted) => true,
                Err(ko) => self.lines.send(DirectLine::Ko(ko)).is_ok(),
            };
            if !goes_on {
                return Phrase::PeerTakesNothing.to_string();
            }
        }
    }

    /// Reports a message, and passes the owner's answer on to the writer. The error: the reason why the chat ends.
    fn hand_over(&self, id: MessageId, text: Text) -> Result<(), String> {
        let ended = || Phrase::PeerTakesNothing.to_string();
        if !self.report(DirectEvent::Said { number: self.number, id, text }, None) {
            return Err(ended());
        }
        let answer = self.wait_for_answer()?;
        let is_last = answer.is_last();
        self.lines.send(answer).map_err(|_| ended())?;
        if is_last {
            drain_input(&self.socket);
            return Err(String::new());
        }
        Ok(())
    }

    /// Waits for the owner's answer: as long as the user has not accepted the caller, and the caller exists.
    fn wait_for_answer(&self) -> Result<DirectLine, String> {
        loop {
            match self.answers.recv_timeout(CALLER_CHECK) {
                Ok(answer) => return Ok(answer),
                Err(RecvTimeoutError::Timeout) if self.socket.has_peer_closed() => return Err(String::new()),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(Phrase::PeerTakesNothing.to_string()),
            }
        }
    }
}

/// Returns what a KO says to the user.
fn explain(ko: &Ko) -> String {
    match ko.code {
        Code::Quota => Phrase::DirectQuotaThere.to_string(),
        _ => words::ko(ko),
    }
}

/// Writes lines until there are no more, or the peer takes none.
fn write_lines(socket: &Socket, lines: &Receiver<DirectLine>) {
    for line in lines {
        if socket.write_all(&line.line()).is_err() {
            // The reader notices, and reports it.
            let _ = socket.tcp().shutdown(Shutdown::Both);
            return;
        }
        if line.is_last() {
            // The reader waits until the peer has it, and closes.
            let _ = socket.tcp().shutdown(Shutdown::Write);
            return;
        }
    }
}
