//! Lines from a socket: bounded in length, and in time as a whole (protocol, sections 1 and 2).

use std::io::{self, Read};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::{Duration, Instant};

use memchr::memchr;

use super::Socket;
use super::tls::is_clear_text;
use super::web_socket::is_too_long;
use crate::limits;

/// Size in bytes of the input buffer of a connection that sends little, and of one that has filled it once. A long line
/// makes it grow further, for its own time.
const READ_BYTES: usize = 256;
const BUSY_READ_BYTES: usize = 4 << 10;

/// Most bytes discarded in a lingering close.
const LINGER_BYTES: usize = 1 << 20;

/// Precision of a time-out. One that has begun to run by less is not set anew at the socket.
const TIMEOUT_PRECISION: Duration = Duration::from_millis(50);

/// Reasons for which no line was read.
#[derive(Debug)]
pub enum LineError {
    /// The peer has ended its output. Bytes without a line feed after them are no line.
    Closed,
    /// Nothing came in time, or the rest of a line did not.
    Timeout,
    /// A line was longer than it may be.
    TooLong,
    /// The peer speaks clear text where TLS was expected.
    ClearText,
    Io(io::Error),
}

/// Reads whole lines from a socket, however the network has split or joined them.
pub struct LineReader {
    socket: Arc<Socket>,
    /// Received bytes; those before `taken` were returned to the caller.
    buffer: Vec<u8>,
    taken: usize,
    /// End of the bytes after `taken` that are known to hold no line feed.
    searched: usize,
    /// Arrival of the first byte of a line that is not complete yet.
    began: Option<Instant>,
    /// Longest wait for a line.
    pub timeout: Duration,
    /// Longest line in bytes, its line feed included.
    pub max_line: usize,
    /// The read time-out that is set at the socket.
    socket_timeout: Option<Duration>,
}

impl LineReader {
    /// Reads from a socket. `timeout` holds for each line: from now to the end of the first; later from the call
    /// to the next line's first byte, and from there to its end.
    pub fn new(socket: Arc<Socket>, timeout: Duration) -> Self {
        let began = Some(Instant::now());
        let max_line = limits::LINE_BYTES;
        Self { socket, buffer: Vec::new(), taken: 0, searched: 0, began, timeout, max_line, socket_timeout: None }
    }

    /// Reads the next line, without its LF and the CR before it.
    pub fn next_line(&mut self) -> Result<&[u8], LineError> {
        let called = Instant::now();
        self.next_line_since(|| Some(called))
    }

    /// Reads the next line of a peer that owes one: `owed_since` tells since when, or `None` while the peer itself
    /// is owed a reply. The time-out runs from there, or from the line's first byte if that came later.
    pub fn next_line_since(&mut self, owed_since: impl Fn() -> Option<Instant>) -> Result<&[u8], LineError> {
        loop {
            if let Some(feed) = self.find_feed() {
                return Ok(self.take_line(feed));
            }
            if self.buffer.len() - self.taken >= self.max_line {
                return Err(LineError::TooLong);
            }
            let since =
                owed_since().map_or_else(Instant::now, |since| self.began.map_or(since, |began| began.max(since)));
            let left = self.timeout.checked_sub(since.elapsed()).filter(|left| !left.is_zero());
            let left = left.ok_or(LineError::Timeout)?;
            // Setting a socket's time-out is a system call: the full one stays set, and is close enough.
            let full = self.timeout - left < TIMEOUT_PRECISION;
            self.fill(if full { self.timeout } else { left })?;
        }
    }

    /// Returns whether no byte of the next line has been received.
    pub fn is_between_lines(&self) -> bool {
        self.began.is_none()
    }

    /// Returns the next line if it was received already.
    pub fn buffered_line(&mut self) -> Option<&[u8]> {
        let feed = self.find_feed()?;
        Some(self.take_line(feed))
    }

    fn find_feed(&mut self) -> Option<usize> {
        let rest = self.buffer.get(self.searched..).unwrap_or_default();
        let found = memchr(b'\n', rest).map(|at| self.searched + at);
        self.searched = found.unwrap_or(self.buffer.len());
        // A line that is whole but too long is no better than one that is not whole.
        found.filter(|feed| feed - self.taken < self.max_line)
    }

    fn take_line(&mut self, feed: usize) -> &[u8] {
        let start = std::mem::replace(&mut self.taken, feed + 1);
        self.searched = self.taken;
        self.began = (self.taken < self.buffer.len()).then(Instant::now);
        let line = self.buffer.get(start..feed).unwrap_or_default();
        line.strip_suffix(b"\r").unwrap_or(line)
    }

    fn fill(&mut self, left: Duration) -> Result<(), LineError> {
        self.make_space();
        if self.socket_timeout != Some(left) {
            self.socket.tcp().set_read_timeout(Some(left)).map_err(LineError::Io)?;
            self.socket_timeout = Some(left);
        }
        let len = self.buffer.len();
        let space = (self.buffer.capacity() - len).max(READ_BYTES);
        self.buffer.resize(len + space, 0);
        let read = self.socket.read(self.buffer.get_mut(len..).unwrap_or_default());
        self.buffer.truncate(len + read.as_ref().map_or(0, |n| *n));
        if self.buffer.len() == self.buffer.capacity() {
            // A connection that fills its buffer is busy: it gets a larger one, and keeps it.
            self.buffer.reserve_exact(BUSY_READ_BYTES.saturating_sub(self.buffer.len()));
        }
        match read {
            Ok(0) => Err(LineError::Closed),
            Ok(_) => {
                self.began.get_or_insert_with(Instant::now);
                Ok(())
            }
            Err(error) => match error.kind() {
                // The caller decides whether time is up.
                io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Ok(()),
                io::ErrorKind::ConnectionReset => Err(LineError::Closed),
                _ if is_clear_text(&error) => Err(LineError::ClearText),
                _ if is_too_long(&error) => Err(LineError::TooLong),
                _ => Err(LineError::Io(error)),
            },
        }
    }

    /// Removes the bytes that were returned; frees a large buffer when nothing is left in it.
    fn make_space(&mut self) {
        self.buffer.drain(..self.taken.min(self.buffer.len()));
        (self.taken, self.searched) = (0, self.searched.saturating_sub(self.taken));
        if self.buffer.is_empty() && self.buffer.capacity() > BUSY_READ_BYTES {
            self.buffer = Vec::new();
        }
    }
}

/// Writes the last bytes of a connection and closes it so that they arrive: see [`drain_input`].
pub fn linger_close(socket: &Socket, last: &[u8]) {
    if socket.write_all(last).is_ok() && socket.tcp().shutdown(Shutdown::Write).is_ok() {
        drain_input(socket);
    }
}

/// Discards what the peer still sends until it closes, within [`limits::LINGER`] and 1 MiB. Closing a
/// socket with unread input would reset the connection, and the reset destroys bytes that are under way to the peer.
pub fn drain_input(socket: &Socket) {
    let deadline = Instant::now() + limits::LINGER;
    let mut scratch = [0; 512];
    let mut taken = 0;
    while taken < LINGER_BYTES {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || socket.tcp().set_read_timeout(Some(left)).is_err() {
            return;
        }
        match socket.tcp().read(&mut scratch) {
            Ok(n) if n > 0 => taken += n,
            _ => return,
        }
    }
}
