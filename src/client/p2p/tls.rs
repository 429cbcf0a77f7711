//! Direct chats of the clients of a TLS server are under TLS, too. Each client has a certificate of its own for as long as
//! it runs. The server tells both ends the fingerprint of the other (protocol, section 8).

use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Instant;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};

use crate::limits;
use crate::model::Fingerprint;
use crate::net::{Identity, Socket, peer_configs};
use crate::texts::Phrase;

/// The certificate of this client, and TLS with it.
pub struct PeerTls {
    pub fingerprint: Fingerprint,
    calling: Arc<ClientConfig>,
    called: Arc<ServerConfig>,
}

impl PeerTls {
    pub fn new() -> Result<Self, String> {
        let identity = Identity::make().map_err(|error| error.to_string())?.identity();
        let fingerprint = identity.fingerprint();
        let (calling, called) = peer_configs(identity).map_err(|error| error.to_string())?;
        Ok(Self { fingerprint, calling: Arc::new(calling), called: Arc::new(called) })
    }

    /// Shakes hands with a peer that this client has called. The error says why it is not the one that the server meant.
    pub fn call(&self, stream: TcpStream, wanted: Option<Fingerprint>) -> Result<Socket, String> {
        let wanted = wanted.ok_or_else(|| Phrase::DirectNoTls.to_string())?;
        // The fingerprint stands for the peer; a name has to exist, and says nothing.
        let name = ServerName::IpAddress(stream.peer_addr().map_err(|error| error.to_string())?.ip().into());
        let connection = ClientConnection::new(self.calling.clone(), name).map_err(|error| error.to_string())?;
        let deadline = Instant::now() + limits::TIMEOUT;
        let socket = shake_hands(stream, connection.into(), deadline).map_err(|error| error.to_string())?;
        let shown = socket.peer_certificates().first().map(|certificate| Fingerprint::of(certificate));
        if shown == Some(wanted) { Ok(socket) } else { Err(Phrase::DirectOtherCertificate.to_string()) }
    }

    /// Shakes hands with a caller, who has to show a certificate: whether it is the announced one the app decides.
    pub fn answer(&self, stream: TcpStream, deadline: Instant) -> io::Result<Socket> {
        let connection = ServerConnection::new(self.called.clone()).map_err(io::Error::other)?;
        shake_hands(stream, connection.into(), deadline)
    }
}

fn shake_hands(stream: TcpStream, connection: rustls::Connection, deadline: Instant) -> io::Result<Socket> {
    let socket = Socket::under_tls(stream, connection)?;
    socket.shake_hands(deadline)?;
    Ok(socket)
}
