//! Certificates: read from files or made, and when they expire.

use std::path::Path;
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, date_time_ymd};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::validity::not_after;
use crate::model::Fingerprint;

/// End of the certificate that a server makes for itself: its first of January. Clients compare its fingerprint.
const CERTIFICATE_YEAR: i32 = 2100;

/// A certificate, those of the authorities that vouch for it, and its key.
pub struct Identity {
    certificate: CertificateDer<'static>,
    authorities: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Reads both from PEM files. The error names the file, and says what to do.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, String> {
        let bad = |path: &Path, error: rustls::pki_types::pem::Error| match error {
            rustls::pki_types::pem::Error::Io(error) => format!("{}: {error}", path.display()),
            error => format!("{}: {error}; a PEM file is wanted", path.display()),
        };
        let chain = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let mut chain = chain.map_err(|error| bad(certificate, error))?.into_iter();
        let missing = || format!("{}: there is no certificate in it; a PEM file is wanted", certificate.display());
        let certificate = chain.next().ok_or_else(missing)?;
        let key = PrivateKeyDer::from_pem_file(key).map_err(|error| bad(key, error))?;
        Ok(Self { certificate, authorities: chain.collect(), key })
    }

    /// Makes a key and a certificate that it signs itself.
    pub fn make() -> Result<Made, rcgen::Error> {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()])?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "wachat");
        // A client that trusts it compares the fingerprint, not the dates.
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(CERTIFICATE_YEAR, 1, 1);
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        Ok(Made { certificate, key })
    }

    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.certificate)
    }

    /// Returns the chain of certificates, and the key.
    pub fn into_parts(self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let chain = std::iter::once(self.certificate).chain(self.authorities);
        (chain.collect(), self.key)
    }

    /// Returns for how long the certificate is valid yet: nothing if it has expired, `None` if it cannot be told.
    pub fn expires_in(&self) -> Option<Duration> {
        Some(not_after(&self.certificate)?.duration_since(SystemTime::now()).unwrap_or_default())
    }
}

/// A new key and certificate.
pub struct Made {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Made {
    /// Returns certificate and key as PEM texts.
    pub fn pem(&self) -> (String, String) {
        (self.certificate.pem(), self.key.serialize_pem())
    }

    pub fn identity(&self) -> Identity {
        let key = PrivateKeyDer::Pkcs8(self.key.serialize_der().into());
        Identity { certificate: self.certificate.der().clone(), authorities: Vec::new(), key }
    }
}
