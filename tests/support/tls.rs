//! TLS in the tests: a test may want it, and with `WACHAT_TEST_TLS` set all servers and connections speak it.

use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::CertificateDer;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, ClientConnection, ServerConfig};
use wachat::net::{Identity, Socket, client_config, peer_configs};

use super::TIMEOUT;

/// Every server and every connection of the tests speaks TLS.
pub fn is_everywhere() -> bool {
    std::env::var_os("WACHAT_TEST_TLS").is_some()
}

/// Puts a connection under TLS, whatever certificate the server has.
pub fn secure(stream: TcpStream) -> io::Result<Socket> {
    let socket = Socket::under_tls(stream, new_connection().into())?;
    socket.shake_hands(Instant::now() + TIMEOUT)?;
    Ok(socket)
}

/// Makes the state of a connection whose handshake has not begun.
pub fn new_connection() -> ClientConnection {
    let name = "localhost".try_into().expect("a name");
    ClientConnection::new(Arc::new(client_config().expect("TLS")), name).expect("TLS")
}

/// Returns the configurations of a peer that shows a copy of a certificate, and signs with another key.
pub fn copied(certificate: &CertificateDer) -> (ClientConfig, ServerConfig) {
    let other = || Identity::make().expect("a certificate").identity();
    let (_, key) = other().into_parts();
    let key = any_supported_type(&key).expect("a key");
    let shown = Arc::new(SingleCertAndKey::from(CertifiedKey::new(vec![certificate.clone().into_owned()], key)));
    let (mut calling, mut called) = peer_configs(other()).expect("TLS");
    calling.client_auth_cert_resolver = shown.clone();
    called.cert_resolver = shown;
    (calling, called)
}

/// Returns the certificate of an identity.
pub fn certificate_of(identity: Identity) -> CertificateDer<'static> {
    identity.into_parts().0.swap_remove(0)
}

/// A socket as [`Read`] has it: blocks until there are bytes, or the time-out is over.
pub struct Reader {
    pub socket: Socket,
    pub timeout: Duration,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let deadline = Instant::now() + self.timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            self.socket.tcp().set_read_timeout(Some(left))?;
            match self.socket.read(buffer) {
                // A part of a record of TLS is nothing yet.
                Err(error) if error.kind() == ErrorKind::WouldBlock && Instant::now() < deadline => {}
                read => return read,
            }
        }
    }
}
