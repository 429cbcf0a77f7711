//! The registration of a server of a cluster: where clients find it, and how far its store is.

use crate::model::{Fingerprint, ServerAddress, Timestamp};
use crate::record::{Fields, Writer, optional};

/// Longest name of a server in bytes.
const NAME_BYTES: usize = 64;

/// A server that is registered. Its entries of the log are kept until it has them in a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    pub name: String,
    /// The process that serves under this name: a random number, in hexadecimal digits. Empty: none has yet.
    pub process: String,
    /// `None`: it has not served yet.
    pub address: Option<ServerAddress>,
    /// The newest format of entries that it reads.
    pub format: u64,
    /// The last entry that it has applied.
    pub applied: u64,
    /// The last entry that its newest checkpoint has.
    pub covered: u64,
    /// Its clock when this was written.
    pub time: Timestamp,
}

impl Registration {
    /// Checks that a text can be the name of a server: 1 to 64 letters, digits, `.`, `-` and `_`.
    pub fn is_name(text: &str) -> bool {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        (1..=NAME_BYTES).contains(&text.len()) && text.bytes().all(is_part)
    }

    /// Returns the value of its key:
    /// `<process>;<format>;<applied>;<covered>;<time>[;<host>;<send>;<recv>;<fingerprint>]`.
    pub fn write(&self) -> Vec<u8> {
        let mut line = Vec::new();
        let mut w = Writer::new(&mut line);
        w.plain(&self.process).plain(self.format).plain(self.applied).plain(self.covered).plain(self.time);
        if let Some(ServerAddress { host, send, recv, fingerprint }) = &self.address {
            let fingerprint = fingerprint.map_or(String::new(), |fingerprint| fingerprint.to_string());
            w.text(host).plain(u64::from(*send)).plain(u64::from(*recv)).plain(fingerprint);
        }
        line
    }

    /// Reads the value of the key of a server with this name.
    pub fn parse(name: &str, line: &[u8]) -> Option<Self> {
        let f = Fields::parse(line).ok()?;
        let address = match f.get(5) {
            Some(host) => Some(ServerAddress {
                host: Some(host).filter(|host| ServerAddress::is_host(host))?.to_owned(),
                send: f.get(6)?.parse().ok()?,
                recv: f.get(7)?.parse().ok()?,
                fingerprint: optional(f.get(8)?, Fingerprint::parse)?,
            }),
            None => None,
        };
        Some(Self {
            name: Some(name).filter(|name| Self::is_name(name))?.to_owned(),
            process: f.get(0)?.to_owned(),
            format: f.get(1)?.parse().ok()?,
            applied: f.get(2)?.parse().ok()?,
            covered: f.get(3)?.parse().ok()?,
            time: Timestamp::parse(f.get(4)?)?,
            address,
        })
    }
}
