//! The framing of WebSockets (RFC 6455), on the side of the server: between the bytes of a socket and its lines. A text
//! message is a line without its line feed (protocol, section 10).
//!
//! - `header`: the header of a frame, read and written. `close_code`: why a WebSocket ends.
//! - `incoming`: from received bytes to lines, without IO. `utf8`: UTF-8 that comes in parts.
//!
//! Only the owner of the connection writes. A ping is answered with the next lines, or when the owner is told of it; of
//! several that wait only the newest is answered (section 5.5.3). No extension is spoken: nothing is compressed.

mod close_code;
mod header;
mod incoming;
mod utf8;

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::thread;
use std::time::Instant;

use parking_lot::Mutex;

pub use close_code::CloseCode;
use header::{Opcode, write_frame};
pub use incoming::FramingEnd;
use incoming::Incoming;

use crate::limits;

/// Called by the reader when a pong waits to be sent.
pub type Pinged = Box<dyn Fn() + Send + Sync>;

pub(super) struct WebSocket {
    /// Used by the reader alone.
    input: Mutex<Input>,
    /// Payload of the pong that waits.
    pong: Mutex<Option<Vec<u8>>>,
    pinged: Pinged,
    /// The peer has sent a close frame: it takes no more lines.
    is_closed_by_peer: AtomicBool,
    /// Code for the close frame of this side.
    code: AtomicU16,
}

struct Input {
    incoming: Incoming,
    /// Bytes that came with the request for the upgrade.
    early: Vec<u8>,
    end: Option<FramingEnd>,
    /// Time of the last call of `pinged`.
    told: Option<Instant>,
}

impl WebSocket {
    /// `early`: bytes of the WebSocket that were received already.
    pub fn new(early: Vec<u8>, pinged: Pinged) -> Self {
        let (incoming, end, told) = Default::default();
        let input = Mutex::new(Input { incoming, early, end, told });
        let code = CloseCode::NORMAL.0.into();
        Self { input, pong: Mutex::default(), pinged, is_closed_by_peer: AtomicBool::default(), code }
    }

    /// Reads lines, with LF at the end of each; `read` gives the bytes of the socket. [`io::ErrorKind::WouldBlock`]: no byte
    /// of a line came. [`find_framing_end`] tells the end of the framing from other errors.
    pub fn read(&self, buffer: &mut [u8], read: impl FnOnce(&mut [u8]) -> io::Result<usize>) -> io::Result<usize> {
        let mut input = self.input.lock();
        if let Some(end) = input.end {
            return Err(end.into());
        }
        // A line can be one byte longer than what is received for its end.
        let space = buffer.len().saturating_sub(1);
        let mut lines = Vec::new();
        let received = if input.early.is_empty() {
            let length = read(buffer.get_mut(..space).unwrap_or_default())?;
            if length == 0 {
                return Ok(0);
            }
            buffer.get(..length).unwrap_or_default().to_vec()
        } else {
            let taken = space.min(input.early.len());
            let rest = input.early.split_off(taken);
            std::mem::replace(&mut input.early, rest)
        };
        input.end = input.incoming.take(&received, &mut lines).err();
        self.note(&mut input);
        if let Some(to) = buffer.get_mut(..lines.len()).filter(|to| !to.is_empty()) {
            to.copy_from_slice(&lines);
            return Ok(lines.len());
        }
        Err(input.end.map_or_else(|| io::ErrorKind::WouldBlock.into(), io::Error::from))
    }

    /// Takes over what received bytes mean for the output.
    fn note(&self, input: &mut Input) {
        if let Some(end) = input.end {
            self.set_code(end.code);
            self.is_closed_by_peer.fetch_or(end.is_closed_by_peer, Ordering::SeqCst);
            return;
        }
        let Some(payload) = input.incoming.ping.take() else { return };
        if self.pong.lock().replace(payload).is_some() {
            // The owner was told of the one before.
            return;
        }
        // The reader waits, and no other connection: a flood of pings must not wake the owner as often.
        let since = input.told.map_or(limits::WEB_PONG_INTERVAL, |told| told.elapsed());
        thread::sleep(limits::WEB_PONG_INTERVAL.saturating_sub(since));
        input.told = Some(Instant::now());
        (self.pinged)();
    }

    /// Returns the frames for whole lines, after the pong that waits. Nothing, if the peer takes no more.
    pub fn seal(&self, lines: &[u8]) -> Vec<u8> {
        let mut frames = Vec::new();
        if self.is_closed_by_peer.load(Ordering::SeqCst) {
            return frames;
        }
        frames.reserve(lines.len() + 4);
        if let Some(payload) = self.pong.lock().take() {
            write_frame(Opcode::Pong, &payload, &mut frames);
        }
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            write_frame(Opcode::Text, line.strip_suffix(b"\n").unwrap_or(line), &mut frames);
        }
        frames
    }

    pub fn has_pong(&self) -> bool {
        self.pong.lock().is_some()
    }

    pub fn set_code(&self, code: CloseCode) {
        self.code.store(code.0, Ordering::SeqCst);
    }

    /// Returns the close frame.
    pub fn seal_end(&self) -> Vec<u8> {
        let mut frame = Vec::new();
        write_frame(Opcode::Close, &self.code.load(Ordering::SeqCst).to_be_bytes(), &mut frame);
        frame
    }
}

impl std::error::Error for FramingEnd {}

impl fmt::Display for FramingEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cause = if self.is_closed_by_peer { "a close frame" } else { "broken framing" };
        write!(f, "{cause}, code {}", self.code)
    }
}

impl From<FramingEnd> for io::Error {
    fn from(end: FramingEnd) -> Self {
        Self::new(io::ErrorKind::InvalidData, end)
    }
}

/// Returns the end of the framing, if that is what the error of a read says.
pub fn find_framing_end(error: &io::Error) -> Option<FramingEnd> {
    error.get_ref()?.downcast_ref().copied()
}

/// Returns whether the error of a read says that a message is longer than a line may be.
pub(super) fn is_too_long(error: &io::Error) -> bool {
    find_framing_end(error) == Some(CloseCode::TOO_LONG.into())
}
