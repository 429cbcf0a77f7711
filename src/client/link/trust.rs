//! Trust in a server's certificate: since an authority vouches for it, or since it is the one that the
//! server had before (trust on first use).
//!
//! The handshake has proved that the server has the certificate's key; nothing was sent yet.

use std::io;
use std::net::TcpStream;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use parking_lot::Mutex;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::error::LinkError;
use super::known_servers::{Known, KnownServers};
use crate::client::p2p::PeerTls;
use crate::limits;
use crate::model::Fingerprint;
use crate::net::{Socket, client_config, crypto, is_clear_text};
use crate::texts::Phrase;

/// Decides about the certificates of servers.
pub struct Trust {
    /// Shared by all connections, so that a later one resumes the session of an earlier one.
    config: Arc<ClientConfig>,
    /// TLS of direct chats.
    pub direct: Arc<PeerTls>,
    /// The only authorities that count, if the user has named some.
    authorities: Option<RootCertStore>,
    /// The authorities that this machine trusts; looked up once, when they are needed.
    system: OnceLock<RootCertStore>,
    known: KnownServers,
    /// The text for the user that a certificate was seen for the first time; `None`: the user was told.
    pub news: Mutex<Option<String>>,
}

impl Trust {
    /// `authorities`: a PEM file of the only ones that count. The error says what to do.
    pub fn new(authorities: Option<&Path>, known: KnownServers) -> Result<Self, String> {
        let authorities = authorities.map(read_authorities).transpose()?;
        let config = Arc::new(client_config().map_err(|error| error.to_string())?);
        let direct = Arc::new(PeerTls::new()?);
        Ok(Self { config, direct, authorities, system: OnceLock::new(), known, news: Mutex::default() })
    }

    /// Notes the certificate that a trusted server has told for another one, unless that one is known by a certificate or
    /// authorities decide.
    pub(super) fn note_told(&self, server: &str, fingerprint: Fingerprint) -> Result<(), LinkError> {
        // Held as in `decide`.
        let _news = self.news.lock();
        if self.authorities.is_some() { Ok(()) } else { self.known.add_if_new(server, fingerprint) }
    }

    /// Puts a connection under TLS, and decides about the server's certificate. `server`: its name in the file of known
    /// certificates; `host`: the name that a certificate of an authority has to be for.
    pub fn secure(&self, stream: TcpStream, server: &str, host: &str) -> Result<Socket, LinkError> {
        let broken = |error| LinkError::Away(Phrase::ConnectionBroke { error: &error }.to_string());
        let socket = self.open(stream, host).map_err(broken)?;
        socket.shake_hands(Instant::now() + limits::TIMEOUT).map_err(|error| match is_clear_text(&error) {
            true => LinkError::Untrusted(Phrase::NoTls { server: &server }.to_string()),
            false => broken(error),
        })?;
        self.decide(server, host, &socket.peer_certificates())?;
        Ok(socket)
    }

    fn open(&self, stream: TcpStream, host: &str) -> io::Result<Socket> {
        let invalid = |error: &dyn std::fmt::Display| io::Error::new(io::ErrorKind::InvalidInput, error.to_string());
        let name = ServerName::try_from(host.to_owned()).map_err(|error| invalid(&error))?;
        let connection = ClientConnection::new(self.config.clone(), name).map_err(|error| invalid(&error))?;
        Socket::under_tls(stream, connection.into())
    }

    /// Decides about the chain of certificates that a server has shown.
    fn decide(&self, server: &str, host: &str, chain: &[CertificateDer]) -> Result<(), LinkError> {
        let untrusted = |why: &dyn std::fmt::Display| LinkError::Untrusted(why.to_string());
        let first = chain.first().ok_or_else(|| untrusted(&Phrase::NoCertificate { server: &server }))?;
        let shown = Fingerprint::of(first);
        if let Some(authorities) = &self.authorities {
            let vouched = vouch(authorities, host, chain);
            return vouched.map_err(|why| untrusted(&Phrase::NotVouched { server: &server, why: &why }));
        }
        // Held so that two first connections at once note the certificate once.
        let mut news = self.news.lock();
        let known = self.known.find(server)?;
        let is_known = known.as_ref().is_some_and(|known| known.fingerprint == shown);
        if is_known || vouch(self.system.get_or_init(system_authorities), host, chain).is_ok() {
            return Ok(());
        }
        let path = &self.known.path().display();
        if let Some(Known { line, fingerprint }) = &known {
            let server = &server;
            let known = fingerprint;
            let shown = &shown;
            return Err(untrusted(&Phrase::CertificateChanged { server, known, shown, line, path }));
        }
        self.known.add(server, shown)?;
        *news = Some(Phrase::FirstCertificate { server: &server, shown: &shown, path }.to_string());
        Ok(())
    }
}

fn read_authorities(path: &Path) -> Result<RootCertStore, String> {
    let bad =
        |error: &dyn std::fmt::Display| format!("{}: {error}; a PEM file of certificates is wanted", path.display());
    let certificates = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut authorities = RootCertStore::empty();
    authorities.add_parsable_certificates(certificates.map_err(|error| bad(&error))?);
    if authorities.is_empty() { Err(bad(&"there is no certificate in it")) } else { Ok(authorities) }
}

fn system_authorities() -> RootCertStore {
    let mut authorities = RootCertStore::empty();
    authorities.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    authorities
}

/// Checks that one of the authorities vouches for the chain, and its first certificate is for this host, today.
fn vouch(authorities: &RootCertStore, host: &str, chain: &[CertificateDer]) -> Result<(), String> {
    let (first, others) = chain.split_first().ok_or("there is no certificate")?;
    let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
    let verifier = WebPkiServerVerifier::builder_with_provider(authorities.clone().into(), crypto()).build();
    let verifier = verifier.map_err(|error| error.to_string())?;
    let verified = verifier.verify_server_cert(first, others, &name, &[], UnixTime::now());
    verified.map(|_| ()).map_err(|error| error.to_string())
}
