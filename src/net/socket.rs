//! A connected socket. Its bytes travel in clear text or under TLS, its lines as they are or in the frames of a WebSocket;
//! everything above reads and writes lines in the clear.

use std::borrow::Cow;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustls::Connection;
use rustls::pki_types::CertificateDer;

use super::timed::TimedStream;
use super::tls::Tls;
use super::web_socket::{CloseCode, Pinged, WebSocket};
use crate::limits;

pub struct Socket {
    tcp: TcpStream,
    /// In a box, as is the next: a socket in clear text has no room for it.
    tls: Option<Box<Tls>>,
    /// Set by the upgrade.
    web_socket: OnceLock<Box<WebSocket>>,
}

const _: () =
    assert!(size_of::<Socket>() <= 32, "a waiting connection in clear text has room for what it does not use");

impl From<TcpStream> for Socket {
    /// A socket in clear text.
    fn from(tcp: TcpStream) -> Self {
        Self { tcp, tls: None, web_socket: OnceLock::new() }
    }
}

impl Socket {
    /// A socket under TLS. The handshake begins with the first read, or with [`Socket::shake_hands`].
    pub fn under_tls(tcp: TcpStream, connection: Connection) -> io::Result<Self> {
        // The handshake is written by a thread that may wait.
        tcp.set_write_timeout(Some(limits::TIMEOUT))?;
        Ok(Self { tcp, tls: Some(Box::new(Tls::new(connection))), web_socket: OnceLock::new() })
    }

    /// Reads and writes lines in the frames of a WebSocket from now on. `early`: bytes after the request for it, which were
    /// received already. `pinged` is called by the reader when a pong waits: the next lines take it along.
    pub fn upgrade(&self, early: Vec<u8>, pinged: Pinged) {
        let _ = self.web_socket.set(Box::new(WebSocket::new(early, pinged)));
    }

    /// Returns the TCP socket, for its addresses, time-outs and shutdown.
    pub fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    /// Carries out the handshake of TLS, if there is one, and returns when both sides can send. The peer is known by
    /// then; whether it is trusted the caller decides.
    pub fn shake_hands(&self, deadline: Instant) -> io::Result<()> {
        self.tls.as_ref().map_or(Ok(()), |tls| tls.shake_hands(&self.tcp, deadline))
    }

    /// Reads some bytes, as read(2) does: blocks up to the socket's read time-out, and returns 0 at the end.
    /// [`io::ErrorKind::WouldBlock`]: nothing came in time, no whole TLS record, or no byte of a line.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.web_socket.get() {
            None => self.read_bytes(buffer),
            Some(web_socket) => web_socket.read(buffer, |buffer| self.read_bytes(buffer)),
        }
    }

    fn read_bytes(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match &self.tls {
            None => (&self.tcp).read(buffer),
            Some(tls) => tls.read(&self.tcp, buffer),
        }
    }

    /// Writes all bytes. Each system call blocks up to the socket's write time-out.
    pub fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        self.write_to(&self.tcp, bytes)
    }

    /// Writes all bytes within this time, however slowly the peer takes them.
    pub fn write_all_within(&self, time: Duration, bytes: &[u8]) -> io::Result<()> {
        self.write_to(TimedStream::new(&self.tcp, time), bytes)
    }

    fn write_to(&self, mut tcp: impl Write, bytes: &[u8]) -> io::Result<()> {
        let bytes = self.frame(bytes);
        match &self.tls {
            None => tcp.write_all(&bytes),
            Some(tls) => tls.write_all(tcp, &bytes),
        }
    }

    /// Returns whole lines in the frames of a WebSocket, if there is one.
    fn frame<'a>(&self, lines: &'a [u8]) -> Cow<'a, [u8]> {
        self.web_socket.get().map_or(Cow::Borrowed(lines), |web_socket| Cow::Owned(web_socket.seal(lines)))
    }

    /// Returns whole lines as they travel. They have to be sent in the order of these calls.
    pub(super) fn seal<'a>(&self, lines: &'a [u8]) -> io::Result<Cow<'a, [u8]>> {
        let bytes = self.frame(lines);
        match &self.tls {
            None => Ok(bytes),
            Some(tls) => tls.seal(&bytes).map(Cow::Owned),
        }
    }

    /// Sets the code of the close frame, if this is a WebSocket.
    pub fn set_close_code(&self, code: CloseCode) {
        if let Some(web_socket) = self.web_socket.get() {
            web_socket.set_code(code);
        }
    }

    /// Returns whether a pong of a WebSocket waits to be sent.
    pub(super) fn has_pong(&self) -> bool {
        self.web_socket.get().is_some_and(|web_socket| web_socket.has_pong())
    }

    /// Returns the last bytes of the output: the close frame of a WebSocket; under TLS the alert close_notify, without which
    /// the peer cannot tell the end from a cut.
    pub(super) fn seal_end(&self) -> Vec<u8> {
        let frame = self.web_socket.get().map_or_else(Vec::new, |web_socket| web_socket.seal_end());
        match &self.tls {
            None => frame,
            Some(tls) => [tls.seal(&frame).unwrap_or_default(), tls.seal_end()].concat(),
        }
    }

    /// Checks that the peer has closed its side, whether all that it sent is read or not.
    pub fn has_peer_closed(&self) -> bool {
        let mut socket = [PollFd::new(&self.tcp, PollFlags::RDHUP)];
        poll(&mut socket, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|ready| ready > 0)
    }

    /// Returns the certificates that the peer has shown: first the one whose key it has, then those that vouch for it.
    /// Without TLS there are none.
    pub fn peer_certificates(&self) -> Vec<CertificateDer<'static>> {
        self.tls.as_ref().map_or_else(Vec::new, |tls| tls.peer_certificates())
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.tcp.as_fd()
    }
}
