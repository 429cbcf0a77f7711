//! The certificate authorities that may vouch for etcd.

use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use ureq::tls::{Certificate, RootCerts};

/// Reads the authorities of a PEM file; without one, those that this machine trusts. The error names the file.
pub fn authorities(file: Option<&Path>) -> Result<RootCerts, String> {
    let certificates = match file {
        Some(path) => read(path).map_err(|why| format!("{}: {why}", path.display()))?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    Ok(RootCerts::from(certificates.iter().map(|one| Certificate::from_der(one).to_owned())))
}

fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match certificates {
        Ok(certificates) if certificates.is_empty() => Err("there is no certificate in it".to_owned()),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(format!("{error}; a PEM file of certificates is wanted")),
    }
}
