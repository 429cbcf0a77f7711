//! A connection to a server, line by line, with deadlines: single bytes, half lines, floods.

use std::fmt;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::net::{LineError, LineReader, Socket};

/// Longest wait for a server that reads nothing.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// Characters of a line that are shown.
const SHOWN_CHARS: usize = 200;

/// The result of a read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Came {
    Line(String),
    /// A line that is no UTF-8, or longer than the protocol allows.
    NoText(String),
    /// Nothing came in time.
    Nothing,
    /// The server has closed the connection, or has reset it.
    End,
}

impl fmt::Display for Came {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => f.write_str(&shorten(line)),
            Self::NoText(what) => f.write_str(what),
            Self::Nothing => f.write_str("nothing in time"),
            Self::End => f.write_str("the end of the connection"),
        }
    }
}

pub struct Wire {
    socket: Arc<Socket>,
    lines: LineReader,
    patience: Duration,
}

impl Wire {
    pub fn open(address: SocketAddr, patience: Duration) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, patience)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
        let socket = Arc::new(Socket::from(stream));
        Ok(Self { lines: LineReader::new(socket.clone(), patience), socket, patience })
    }

    /// Sends bytes. A server that has closed is noticed when its last line is read.
    pub fn send(&self, bytes: &[u8]) {
        let _ = self.socket.write_all(bytes);
    }

    /// Sends each byte by itself, with a pause in which it is read.
    pub fn send_bytes(&self, bytes: &[u8]) {
        for byte in bytes {
            self.send(&[*byte]);
            thread::sleep(pause_after(*byte));
        }
    }

    /// Sends bytes `most` times, as long as the socket takes all of them within this time; returns how often.
    pub fn flood(&self, bytes: &[u8], most: usize, time: Duration) -> usize {
        let _ = self.socket.tcp().set_write_timeout(Some(time));
        (0..most).take_while(|_| self.socket.write_all(bytes).is_ok()).count()
    }

    pub fn local_address(&self) -> Option<SocketAddr> {
        self.socket.tcp().local_addr().ok()
    }

    /// Reads the next line; waits as long as the test is patient.
    pub fn read(&mut self) -> Came {
        self.read_within(self.patience)
    }

    pub fn read_within(&mut self, time: Duration) -> Came {
        self.lines.timeout = time;
        match self.lines.next_line() {
            Ok(line) => match std::str::from_utf8(line) {
                Ok(text) => Came::Line(text.to_owned()),
                Err(_) => Came::NoText("a line that is no UTF-8".to_owned()),
            },
            Err(LineError::Timeout) => Came::Nothing,
            Err(LineError::TooLong) => Came::NoText("a line of more than 65,536 bytes".to_owned()),
            Err(LineError::Closed | LineError::ClearText | LineError::Io(_)) => Came::End,
        }
    }

    /// Ends this side's output.
    pub fn shut(&self) {
        let _ = self.socket.tcp().shutdown(Shutdown::Write);
    }
}

/// Returns the pause after a byte that is sent by itself: a long one in the middle of a character.
pub fn pause_after(byte: u8) -> Duration {
    Duration::from_millis(if byte < 0xC0 { 1 } else { 60 })
}

/// Cuts a text that is too long to be read.
pub fn shorten(text: &str) -> String {
    cut(text, text.len())
}

/// Cuts a text that stands for this number of bytes.
pub fn cut(text: &str, bytes: usize) -> String {
    let end = text.char_indices().nth(SHOWN_CHARS).map_or(text.len(), |(at, _)| at);
    match text.split_at_checked(end) {
        Some((start, rest)) if !rest.is_empty() => format!("{start}… ({bytes} bytes)"),
        _ => text.to_owned(),
    }
}
