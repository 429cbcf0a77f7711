//! The configurations of TLS on both sides: TLS 1.3 alone, with ring.
//!
//! The handshake proves that the peer has the key of the certificate that it shows. Whether that certificate is the wanted
//! one is decided after the handshake, before the first byte is sent: by its fingerprint, or by the authorities that
//! vouch for it.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    ClientConfig, DigitallySignedStruct, DistinguishedName, Error, PeerMisbehaved, ServerConfig, SignatureScheme,
};

use super::certificate::Identity;

/// Tickets to resume a TLS session that a client gets with each new one: for its two connections.
const TLS_TICKETS: usize = 2;

/// Returns the algorithms of TLS.
pub fn crypto() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// Returns the configuration of a server whose clients show no certificate. A client that comes again resumes its
/// session with a ticket, which costs the server no memory.
pub fn server_config(identity: Identity) -> Result<ServerConfig, Error> {
    let (chain, key) = identity.into_parts();
    let builder = ServerConfig::builder_with_provider(crypto()).with_protocol_versions(VERSIONS)?;
    let mut config = builder.with_no_client_auth().with_single_cert(chain, key)?;
    config.ticketer = ring::Ticketer::new()?;
    config.send_tls13_tickets = TLS_TICKETS;
    Ok(config)
}

/// Returns the configuration of a client that shows no certificate.
pub fn client_config() -> Result<ClientConfig, Error> {
    Ok(client()?.with_no_client_auth())
}

/// Returns the configurations of a peer that calls others and is called by them, with the same certificate.
pub fn peer_configs(identity: Identity) -> Result<(ClientConfig, ServerConfig), Error> {
    let (chain, key) = identity.into_parts();
    let calling = client()?.with_client_auth_cert(chain.clone(), key.clone_key())?;
    let called = ServerConfig::builder_with_provider(crypto()).with_protocol_versions(VERSIONS)?;
    let mut called = called.with_client_cert_verifier(Arc::new(KeyProof::new())).with_single_cert(chain, key)?;
    // A direct chat is not resumed.
    called.send_tls13_tickets = 0;
    Ok((calling, called))
}

const VERSIONS: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS13];

fn client() -> Result<rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>, Error> {
    let builder = ClientConfig::builder_with_provider(crypto()).with_protocol_versions(VERSIONS)?;
    Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(KeyProof::new())))
}

/// Accepts each certificate whose key the peer has.
#[derive(Debug)]
struct KeyProof {
    crypto: Arc<CryptoProvider>,
}

impl KeyProof {
    fn new() -> Self {
        Self { crypto: crypto() }
    }
}

/// The methods of both verifiers that check a signature of the handshake. TLS 1.2 is never spoken.
macro_rules! signatures {
    () => {
        fn verify_tls12_signature(
            &self,
            _message: &[u8],
            _certificate: &CertificateDer,
            _signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Err(PeerMisbehaved::SelectedUnofferedCipherSuite.into())
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls13_signature(message, certificate, signature, &self.crypto.signature_verification_algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.crypto.signature_verification_algorithms.supported_schemes()
        }
    };
}

impl ServerCertVerifier for KeyProof {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer,
        _intermediates: &[CertificateDer],
        _server_name: &ServerName,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    signatures!();
}

impl ClientCertVerifier for KeyProof {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer,
        _intermediates: &[CertificateDer],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    signatures!();
}
