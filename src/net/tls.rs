//! One connection under TLS: between the bytes of a socket and those of its user stands rustls, behind a lock.
//!
//! No thread waits for the network while it holds the lock: a reader that waits for its peer does not stop the thread that
//! writes. Nothing but the handshake is written by a reader. Later answers of TLS itself (to a key update) leave with
//! the next bytes of the user.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use parking_lot::Mutex;
use rustls::pki_types::CertificateDer;
use rustls::{Connection, InvalidMessage};

use crate::limits;

/// Most bytes that are read from a socket under TLS at once: with them its buffer holds no more than two records.
const TLS_READ_BYTES: usize = 4 << 10;

/// Stack of a thread that calculates for a handshake, in bytes. It takes some 20 KiB of it. More than four times the stack of
/// a reader, so that glibc, which keeps the stacks of ended threads, never gives a used one to a reader.
const HANDSHAKE_STACK: usize = 1 << 20;

/// Returns whether the peer's bytes are no TLS at all.
pub fn is_clear_text(error: &io::Error) -> bool {
    let tls = error.get_ref().and_then(|error| error.downcast_ref());
    matches!(tls, Some(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)))
}

pub(super) struct Tls {
    connection: Mutex<Connection>,
    /// Held from the sealing of bytes to their last one's write: they must not overtake each other.
    writing: Mutex<()>,
    /// Number of bytes that were received since the user of the socket got any. Written by the reader.
    bytes_since_plaintext: AtomicUsize,
    /// Received bytes that rustls has no room for until its plaintext is taken. Used by the reader alone.
    left: Mutex<Vec<u8>>,
}

impl Tls {
    pub fn new(mut connection: Connection) -> Self {
        // Sealed bytes are taken immediately; the user of the socket bounds it.
        connection.set_buffer_limit(None);
        Self {
            connection: Mutex::new(connection),
            writing: Mutex::default(),
            bytes_since_plaintext: AtomicUsize::default(),
            left: Mutex::default(),
        }
    }

    pub fn shake_hands(&self, tcp: &TcpStream, deadline: Instant) -> io::Result<()> {
        let first = take_output(&mut self.connection.lock());
        (&mut &*tcp).write_all(&first)?;
        let mut scratch = [0; TLS_READ_BYTES];
        while self.connection.lock().is_handshaking() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            tcp.set_read_timeout(Some(left))?;
            match self.receive(tcp, &mut scratch) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    pub fn read(&self, tcp: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
        match take_input(&mut self.connection.lock(), buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            read => return read,
        }
        // The buffer holds the bytes under TLS first: opened they are fewer.
        self.receive(tcp, buffer)?;
        let read = take_input(&mut self.connection.lock(), buffer)?;
        self.bytes_since_plaintext.store(0, Ordering::Relaxed);
        Ok(read)
    }

    /// Hands rustls the bytes that are left; if there are none, bytes from the socket, read into `scratch`. Returns their
    /// number, 0 at the end.
    fn receive(&self, tcp: &TcpStream, scratch: &mut [u8]) -> io::Result<usize> {
        let space = scratch.len().min(TLS_READ_BYTES);
        let space = scratch.get_mut(..space).unwrap_or_default();
        let left = std::mem::take(&mut *self.left.lock());
        let mut bytes = left.as_slice();
        if left.is_empty() {
            let read = (&mut &*tcp).read(space)?;
            if self.bytes_since_plaintext.fetch_add(read, Ordering::Relaxed) + read > limits::TLS_BYTES_SINCE_PLAINTEXT
            {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "too many bytes of TLS without one of the protocol",
                ));
            }
            bytes = space.get(..read).unwrap_or_default();
        }
        let received = bytes.len();
        let is_handshaking = self.connection.lock().is_handshaking();
        if is_handshaking { self.go_on_shaking(tcp, bytes) } else { self.open_records(bytes) }?;
        Ok(received)
    }

    /// Takes a step of the handshake: bytes of the peer lead to bytes for it.
    ///
    /// On a thread of its own, which ends with the step, if there is one left: the pages that its stack takes would stay
    /// resident as long as the connection is open if they were the reader's.
    #[inline(never)]
    fn go_on_shaking(&self, tcp: &TcpStream, bytes: &[u8]) -> io::Result<()> {
        let step = || {
            let opened = self.open_records(bytes);
            (opened, take_output(&mut self.connection.lock()))
        };
        let done =
            thread::scope(|scope| match thread::Builder::new().stack_size(HANDSHAKE_STACK).spawn_scoped(scope, step) {
                Ok(thread) => thread.join(),
                Err(_) => Ok(step()),
            });
        let Ok((opened, output)) = done else { return Err(io::Error::other("the handshake has panicked")) };
        // An alert, too, is the handshake's: it says why there is none.
        if !opened.as_ref().is_err_and(is_clear_text) {
            (&mut &*tcp).write_all(&output)?;
        }
        opened
    }

    /// Hands rustls received bytes, and keeps those that it has no room for.
    fn open_records(&self, mut bytes: &[u8]) -> io::Result<()> {
        let opened = process(&mut self.connection.lock(), &mut bytes);
        *self.left.lock() = bytes.to_vec();
        opened
    }

    pub fn write_all(&self, mut tcp: impl Write, bytes: &[u8]) -> io::Result<()> {
        let _writing = self.writing.lock();
        let sealed = self.seal(bytes)?;
        tcp.write_all(&sealed)
    }

    pub fn seal(&self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut connection = self.connection.lock();
        connection.writer().write_all(bytes)?;
        Ok(take_output(&mut connection))
    }

    pub fn seal_end(&self) -> Vec<u8> {
        let mut connection = self.connection.lock();
        connection.send_close_notify();
        take_output(&mut connection)
    }

    pub fn peer_certificates(&self) -> Vec<CertificateDer<'static>> {
        let connection = self.connection.lock();
        connection.peer_certificates().unwrap_or_default().iter().map(|shown| shown.clone().into_owned()).collect()
    }
}

/// Hands bytes to rustls, which may take them in parts: up to the end of a record. It refuses bytes while its plaintext
/// exceeds a longest record, so `bytes` keeps the rest as soon as there is plaintext. No bytes: the peer has ended.
fn process(connection: &mut Connection, bytes: &mut &[u8]) -> io::Result<()> {
    loop {
        let taken = connection.read_tls(bytes)?;
        let processed = connection.process_new_packets();
        let state = processed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        if taken == 0 {
            // rustls reads nothing after the end that the peer has announced.
            *bytes = &[];
        }
        if bytes.is_empty() || state.plaintext_bytes_to_read() > 0 {
            return Ok(());
        }
    }
}

/// Returns what rustls has to send.
fn take_output(connection: &mut Connection) -> Vec<u8> {
    let mut output = Vec::new();
    // Writing to memory does not fail.
    while connection.wants_write() && connection.write_tls(&mut output).is_ok_and(|written| written > 0) {}
    output
}

/// Moves opened bytes into the buffer. An end without close_notify is an end: lines and replies tell what is missing.
fn take_input(connection: &mut Connection, buffer: &mut [u8]) -> io::Result<usize> {
    match connection.reader().read(buffer) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
        read => read,
    }
}
