//! TLS on both ports: the server's certificate, and its exchange while the server runs.

use std::io;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use rustls::{ServerConfig, ServerConnection};

use crate::disk::{self, Disk as _, RealDisk};
use crate::model::Fingerprint;
use crate::net::{self, Identity, Socket};

/// The files of the server's certificate and key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateFiles {
    /// In the store's directory, made where they are missing.
    Own,
    /// PEM files of the administrator.
    Named { certificate: PathBuf, key: PathBuf },
}

/// The facts that people are told about a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CertificateInfo {
    pub fingerprint: Fingerprint,
    /// `None`: it cannot be told.
    pub expires_in: Option<Duration>,
}

/// Puts accepted connections under TLS.
pub struct ServerTls {
    certificate: PathBuf,
    key: PathBuf,
    current: RwLock<(Arc<ServerConfig>, CertificateInfo)>,
}

impl ServerTls {
    /// Reads the certificate, or makes it in the store's directory. The error says what to do.
    pub fn open(files: &CertificateFiles, store: &Path) -> Result<Self, String> {
        let (certificate, key) = match files {
            CertificateFiles::Own => make_certificate(&store.join("tls"))?,
            CertificateFiles::Named { certificate, key } => (certificate.clone(), key.clone()),
        };
        let current = RwLock::new(read(&certificate, &key)?);
        Ok(Self { certificate, key, current })
    }

    /// Reads the files again, for connections from now on. After an error the former certificate stays.
    pub fn reload(&self) -> Result<CertificateInfo, String> {
        let new = read(&self.certificate, &self.key)?;
        let info = new.1;
        *self.current.write() = new;
        Ok(info)
    }

    pub fn info(&self) -> CertificateInfo {
        self.current.read().1
    }

    /// Puts a connection under TLS. Its handshake begins with the first read.
    pub fn accept(&self, stream: TcpStream) -> io::Result<Socket> {
        let config = self.current.read().0.clone();
        let connection = ServerConnection::new(config).map_err(io::Error::other)?;
        Socket::under_tls(stream, connection.into())
    }
}

fn read(certificate: &Path, key: &Path) -> Result<(Arc<ServerConfig>, CertificateInfo), String> {
    for path in [certificate, key] {
        disk::check_file(path).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    let identity = Identity::read(certificate, key)?;
    let info = CertificateInfo { fingerprint: identity.fingerprint(), expires_in: identity.expires_in() };
    let unfit = |error| format!("{} with {}: {error}", certificate.display(), key.display());
    Ok((Arc::new(net::server_config(identity).map_err(unfit)?), info))
}

/// Returns the files of a certificate and its key, which are made where they are missing. The certificate is written last:
/// where it is, the key is.
pub fn make_certificate(directory: &Path) -> Result<(PathBuf, PathBuf), String> {
    let certificate = directory.join("certificate.pem");
    let key = directory.join("key.pem");
    if !certificate.exists() {
        let made = Identity::make().map_err(|error| format!("no certificate can be made: {error}"))?;
        let (certificate_text, key_text) = made.pem();
        let unwritten = |error: io::Error| format!("{}: {error}", directory.display());
        RealDisk.create_dir(directory).map_err(unwritten)?;
        let write = |path: &Path, text: &str| disk::replace(&RealDisk, path, text.as_bytes());
        write(&key, &key_text).and_then(|()| write(&certificate, &certificate_text)).map_err(unwritten)?;
    }
    Ok((certificate, key))
}
