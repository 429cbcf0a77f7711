//! One connection of a process that is traced.

use std::net::{SocketAddr, TcpStream};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::entry::{Event, Link};
use super::mask::{mask, mask_reply, printable};
use super::sink::Trace;
use crate::protocol::Port;

/// The end of a connection that a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It sends requests, and the passwords in them.
    Client,
    /// It receives them.
    Server,
}

/// The end of a connection that has opened or closed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Local,
    /// The peer, or the network.
    Peer,
}

impl By {
    fn word(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Peer => "peer",
        }
    }
}

/// Stands in the text of an `OPEN` of a proxy before the address of the client whose lines the connection carries.
pub const FOR: &str = ": for ";

/// Records the lines of one connection and numbers them.
pub struct Traced {
    trace: Trace,
    link: Link,
    role: Role,
    user: OnceLock<String>,
    received: AtomicU64,
    sent: AtomicU64,
    is_closed: AtomicBool,
}

impl Traced {
    /// Records that a connection is open. `None` where its addresses are not known: it has failed already.
    pub fn open(trace: &Trace, role: Role, port: Port, stream: &TcpStream) -> Option<Self> {
        Self::open_for(trace, role, port, stream, "")
    }

    /// Records that a proxy has opened a connection to a server, which carries the lines of this one.
    pub fn open_next(&self, port: Port, stream: &TcpStream) -> Option<Self> {
        Self::open_for(&self.trace, Role::Client, port, stream, &format!("{FOR}{}", self.link.peer))
    }

    fn open_for(trace: &Trace, role: Role, port: Port, stream: &TcpStream, client: &str) -> Option<Self> {
        let local = canonical(stream.local_addr().ok()?);
        let peer = canonical(stream.peer_addr().ok()?);
        let (user, received, sent, is_closed) = Default::default();
        let link = Link { port, local, peer };
        let traced = Self { trace: trace.clone(), link, role, user, received, sent, is_closed };
        let by = if role == Role::Client { By::Local } else { By::Peer };
        traced.record(Event::Open, 0, &format!("{}{client}", by.word()));
        Some(traced)
    }

    /// Sets the user once the login is done; it stays the same.
    pub fn set_user(&self, user: &str) {
        let _ = self.user.set(user.to_owned());
    }

    /// Records a line that was received, without its LF.
    pub fn received(&self, line: &[u8]) {
        self.line(Event::In, &self.received, self.role == Role::Server, line);
    }

    /// Records lines that are about to be sent, each with its LF.
    pub fn sent(&self, lines: &[u8]) {
        for line in lines.strip_suffix(b"\n").unwrap_or(lines).split(|byte| *byte == b'\n') {
            self.line(Event::Out, &self.sent, self.role == Role::Client, line);
        }
    }

    /// Records copies of the login line, or its beginning: passwords are taken out wherever it comes in the connection.
    pub fn sent_login(&self, lines: &[u8]) {
        for line in lines.strip_suffix(b"\n").unwrap_or(lines).split(|byte| *byte == b'\n') {
            let number = self.sent.fetch_add(1, Ordering::Relaxed) + 1;
            self.record(Event::Out, number, &mask(&printable(line), true));
        }
    }

    /// Records, once, that the connection is closed. `reason` may be empty.
    pub fn close(&self, by: By, reason: &str) {
        if self.is_closed.swap(true, Ordering::Relaxed) {
            return;
        }
        let by = by.word();
        let text = if reason.is_empty() { by.to_owned() } else { format!("{by}: {reason}") };
        self.record(Event::Close, 0, &text);
    }

    fn line(&self, event: Event, count: &AtomicU64, is_request: bool, line: &[u8]) {
        let number = count.fetch_add(1, Ordering::Relaxed) + 1;
        let line = printable(line);
        match is_request {
            true => self.record(event, number, &mask(&line, number == 1)),
            false => self.record(event, number, &mask_reply(&line)),
        }
    }

    fn record(&self, event: Event, number: u64, text: &str) {
        let user = self.user.get().map_or("", String::as_str);
        self.trace.record(event, Some(self.link), user, number, text);
    }
}

/// A connection that nothing has closed before is closed by this process.
impl Drop for Traced {
    fn drop(&mut self) {
        self.close(By::Local, "");
    }
}

/// Returns the one form of an address that both ends write: a listener on `::` sees IPv4 addresses as IPv6.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
