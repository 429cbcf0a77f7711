//! The servers that this client has spoken TLS with, and the certificates that they had.
//!
//! Each is a line of a file, `<host>:<SEND port>;<fingerprint>;<time>`, which a person may edit. A host has several spellings
//! and one line: `localhost`, `LOCALHOST.`, `127.0.0.1` and `[::1]` are one server. Files of earlier versions have any of them.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::error::LinkError;
use crate::disk::{self, Disk as _, RealDisk};
use crate::model::safe::safe;
use crate::model::{Fingerprint, Timestamp};
use crate::record::{Fields, Writer};
use crate::texts::Phrase;

/// The spelling of this machine, under all its names.
const THIS_MACHINE: &str = "127.0.0.1";

/// The file of known certificates.
#[derive(Clone)]
pub struct KnownServers {
    path: PathBuf,
}

/// A server with its certificate.
pub struct Known {
    /// The server as its line has it.
    pub line: String,
    pub fingerprint: Fingerprint,
}

impl KnownServers {
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the certificate that a server, `<host>:<SEND port>`, is known by. The last line counts; a line of another
    /// form counts nothing.
    pub fn find(&self, server: &str) -> Result<Option<Known>, LinkError> {
        find(&self.path, &canonical(server)).map_err(|error| self.unreadable(&error))
    }

    /// Notes a certificate durably, unless the server is known by one.
    pub fn add_if_new(&self, server: &str, fingerprint: Fingerprint) -> Result<(), LinkError> {
        if self.find(server)?.is_none() { self.add(server, fingerprint) } else { Ok(()) }
    }

    /// Notes a certificate durably.
    pub fn add(&self, server: &str, fingerprint: Fingerprint) -> Result<(), LinkError> {
        add(&self.path, &canonical(server), fingerprint).map_err(|error| self.unreadable(&error))
    }

    fn unreadable(&self, error: &io::Error) -> LinkError {
        LinkError::Untrusted(Phrase::NoKnownServers { path: &self.path.display(), error }.to_string())
    }
}

/// Returns the one spelling of a server, `<host>:<port>`.
pub(super) fn canonical(server: &str) -> String {
    match server.rsplit_once(':') {
        Some((host, port)) => format!("{}:{port}", canonical_host(host)),
        None => canonical_host(server),
    }
}

fn canonical_host(host: &str) -> String {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let name = bare.strip_suffix('.').unwrap_or(bare).to_ascii_lowercase();
    match name.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V6(address)) if address.is_loopback() => THIS_MACHINE.to_owned(),
        Ok(address) => address.to_string(),
        Err(_) if name == "localhost" => THIS_MACHINE.to_owned(),
        Err(_) => name,
    }
}

fn find(path: &Path, server: &str) -> io::Result<Option<Known>> {
    let text = match fs::read(path) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        text => text?,
    };
    disk::check_file(path)?;
    let of_server = |line: &[u8]| {
        let fields = Fields::parse(line).ok()?;
        let name = fields.get(0).filter(|name| canonical(name) == server)?;
        Some(Known { fingerprint: Fingerprint::parse(fields.get(1)?)?, line: safe(name).into_owned() })
    };
    Ok(text.rsplit(|byte| *byte == b'\n').find_map(of_server))
}

/// Checks that a line can be appended to a file. One that is empty or missing has no line that a new one could end up in.
fn ends_with_line_feed(path: &Path) -> io::Result<bool> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        content => Ok(content?.last().is_none_or(|last| *last == b'\n')),
    }
}

fn add(path: &Path, server: &str, fingerprint: Fingerprint) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        RealDisk.create_dir(directory)?;
    }
    let mut line = Vec::new();
    // A person, or a crash, may have left the last line without its end: nothing is appended to that line.
    if !ends_with_line_feed(path)? {
        line.push(b'\n');
    }
    Writer::new(&mut line).plain(server).plain(fingerprint).plain(Timestamp::now()).end();
    disk::append(path, &line)
}
