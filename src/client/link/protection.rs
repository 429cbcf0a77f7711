//! The protection of the connections to a server: TLS, or none.
//!
//! In clear text nothing is sent to a server that is known by a certificate: `--tls` was forgotten, or another machine
//! pretends to be the server. Beyond this machine the user is warned, before any question and before any connection.

use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::sync::Arc;

use super::error::LinkError;
use super::known_servers::KnownServers;
use super::trust::Trust;
use crate::client::exit::note;
use crate::client::p2p::PeerTls;
use crate::net::Socket;
use crate::texts::Phrase;

/// The protection of all connections of one account.
#[derive(Clone)]
pub enum Protection {
    Tls(Arc<Trust>),
    ClearText(ClearText),
}

/// Connections in clear text. The default ones know no server, and stay in this machine.
#[derive(Clone, Default)]
pub struct ClearText {
    /// `None`: this user has no home directory, and so knows no server.
    known: Option<KnownServers>,
    /// The user was warned. Without a warning all bytes stay in this machine, whatever the server's name means later.
    is_warned: bool,
}

impl ClearText {
    /// Refuses servers, each with its SEND port, of which one is known by a certificate; warns the user of each that is beyond
    /// this machine.
    pub fn new(known: Option<KnownServers>, servers: &[(&str, u16)]) -> Result<Self, LinkError> {
        let mut clear_text = Self { known, is_warned: false };
        for (host, send_port) in servers {
            clear_text.check(&server_name(host, *send_port))?;
        }
        for (host, send_port) in servers {
            let addresses: Vec<_> = (*host, *send_port).to_socket_addrs().map(Iterator::collect).unwrap_or_default();
            if leaves_this_machine(addresses.iter().map(SocketAddr::ip)) {
                note(&Phrase::ClearText { server: &server_name(host, *send_port) }.to_string());
                clear_text.is_warned = true;
            }
        }
        Ok(clear_text)
    }

    /// Refuses a server, `<host>:<SEND port>`, that is known by a certificate.
    fn check(&self, server: &str) -> Result<(), LinkError> {
        let Some(servers) = &self.known else { return Ok(()) };
        let Some(known) = servers.find(server)? else { return Ok(()) };
        let path = &servers.path().display();
        let forgotten = Phrase::ForgottenTls { server: &server, line: &known.line, path };
        Err(LinkError::Untrusted(forgotten.to_string()))
    }
}

impl Protection {
    /// Returns the addresses of a port of a server that may be connected to. The error says why nothing is sent to it.
    pub fn addresses(&self, host: &str, send_port: u16, port: u16) -> Result<Vec<SocketAddr>, LinkError> {
        if let Self::ClearText(clear_text) = self {
            // Another client may have noted its certificate since.
            clear_text.check(&server_name(host, send_port))?;
        }
        let found = (host, port).to_socket_addrs();
        let found = found.map_err(|error| LinkError::Away(format!("{}: {error}", server_name(host, port))))?;
        let may_leave = !matches!(self, Self::ClearText(clear_text) if !clear_text.is_warned);
        Ok(found.filter(|address| may_leave || is_here(address.ip())).collect())
    }

    /// Puts a new connection under TLS, and decides about the server's certificate; or leaves it in clear text.
    pub fn secure(&self, stream: TcpStream, host: &str, send_port: u16) -> Result<Socket, LinkError> {
        match self {
            Self::ClearText(_) => Ok(stream.into()),
            Self::Tls(trust) => trust.secure(stream, &server_name(host, send_port), host),
        }
    }

    /// Returns what decides about certificates; `None` in clear text.
    pub fn trust(&self) -> Option<&Arc<Trust>> {
        match self {
            Self::Tls(trust) => Some(trust),
            Self::ClearText(_) => None,
        }
    }

    /// Returns TLS of direct chats.
    pub fn direct(&self) -> Option<&Arc<PeerTls>> {
        self.trust().map(|trust| &trust.direct)
    }

    /// Returns, once, that the server's certificate was seen for the first time.
    pub fn take_news(&self) -> Option<String> {
        self.trust()?.news.lock().take()
    }
}

/// Decides whether bytes to a host with these addresses may leave this machine. A host without an address may get any.
pub fn leaves_this_machine(addresses: impl Iterator<Item = IpAddr>) -> bool {
    let mut addresses = addresses.peekable();
    addresses.peek().is_none() || !addresses.all(is_here)
}

fn is_here(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Returns the name of the server with this host and SEND port.
pub fn server_name(host: &str, send_port: u16) -> String {
    format!("{host}:{send_port}")
}
