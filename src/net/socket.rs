//! A connected socket. Its bytes travel in clear text or under TLS; everything above reads and writes them in the clear.

use std::borrow::Cow;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustls::Connection;
use rustls::pki_types::CertificateDer;

use super::tls::Tls;
use crate::limits;

pub struct Socket {
    tcp: TcpStream,
    tls: Option<Tls>,
}

impl From<TcpStream> for Socket {
    /// A socket in clear text.
    fn from(tcp: TcpStream) -> Self {
        Self { tcp, tls: None }
    }
}

impl Socket {
    /// A socket under TLS. The handshake begins with the first read, or with [`Socket::shake_hands`].
    pub fn under_tls(tcp: TcpStream, connection: Connection) -> io::Result<Self> {
        // The handshake is written by a thread that may wait.
        tcp.set_write_timeout(Some(limits::TIMEOUT))?;
        Ok(Self { tcp, tls: Some(Tls::new(connection)) })
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
    /// [`io::ErrorKind::WouldBlock`]: nothing came in time, or no whole TLS record.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match &self.tls {
            None => (&self.tcp).read(buffer),
            Some(tls) => tls.read(&self.tcp, buffer),
        }
    }

    /// Writes all bytes; blocks up to the socket's write time-out.
    pub fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        match &self.tls {
            None => (&self.tcp).write_all(bytes),
            Some(tls) => tls.write_all(&self.tcp, bytes),
        }
    }

    /// Returns the bytes as they travel. They have to be sent in the order of these calls.
    pub(super) fn seal<'a>(&self, bytes: &'a [u8]) -> io::Result<Cow<'a, [u8]>> {
        match &self.tls {
            None => Ok(Cow::Borrowed(bytes)),
            Some(tls) => tls.seal(bytes).map(Cow::Owned),
        }
    }

    /// Returns the last bytes of the output: under TLS the alert close_notify, without which the peer cannot tell the end
    /// from a cut.
    pub(super) fn seal_end(&self) -> Vec<u8> {
        self.tls.as_ref().map_or_else(Vec::new, Tls::seal_end)
    }

    /// Checks that the peer has closed its side, whether all that it sent is read or not.
    pub fn has_peer_closed(&self) -> bool {
        let mut socket = [PollFd::new(&self.tcp, PollFlags::RDHUP)];
        poll(&mut socket, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|ready| ready > 0)
    }

    /// Returns the certificates that the peer has shown: first the one whose key it has, then those that vouch for it.
    /// Without TLS there are none.
    pub fn peer_certificates(&self) -> Vec<CertificateDer<'static>> {
        self.tls.as_ref().map_or_else(Vec::new, Tls::peer_certificates)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.tcp.as_fd()
    }
}
