//! The keys of a cluster in etcd, and the values of those that are one line.
//!
//! | key | value |
//! |---|---|
//! | `<prefix>/log/<20 digits>` | an entry |
//! | `<prefix>/head` | the position of the last entry |
//! | `<prefix>/base` | the position before the first entry that is kept |
//! | `<prefix>/leader` | the name of the server that leads, under its lease |
//! | `<prefix>/server/<name>` | the registration of a server |
//! | `<prefix>/members` | written whenever a server is registered or forgotten |
//! | `<prefix>/format` | the format in which entries are written |

use super::entry::{EntryHash, Link};
use super::registration::Registration;
use crate::model::Timestamp;
use crate::record::{Fields, Writer};

/// The keys below a prefix.
#[derive(Clone, Debug)]
pub struct Keys {
    prefix: String,
}

impl Keys {
    pub fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    pub fn head(&self) -> String {
        format!("{}/head", self.prefix)
    }

    pub fn base(&self) -> String {
        format!("{}/base", self.prefix)
    }

    pub fn leader(&self) -> String {
        format!("{}/leader", self.prefix)
    }

    pub fn members(&self) -> String {
        format!("{}/members", self.prefix)
    }

    pub fn format(&self) -> String {
        format!("{}/format", self.prefix)
    }

    pub fn entry(&self, number: u64) -> String {
        format!("{}/log/{number:020}", self.prefix)
    }

    /// Returns the end of the range of all entries: the key after the last.
    pub fn log_end(&self) -> String {
        format!("{}/log0", self.prefix)
    }

    pub fn server(&self, name: &str) -> String {
        format!("{}/server/{name}", self.prefix)
    }

    /// Returns the range of all registrations.
    pub fn servers(&self) -> (String, String) {
        (format!("{}/server/", self.prefix), format!("{}/server0", self.prefix))
    }

    /// Returns the number of the entry that a key stands for.
    pub fn number_of(&self, key: &str) -> Option<u64> {
        key.strip_prefix(&self.prefix)?.strip_prefix("/log/")?.parse().ok()
    }
}

/// Returns the value of the keys `head` and `base`: `<number>;<hash>;<bytes>;<time>`.
pub fn write_link(link: &Link) -> Vec<u8> {
    let mut line = Vec::new();
    Writer::new(&mut line).plain(link.number).plain(link.hash).plain(link.bytes).plain(link.time);
    line
}

/// Reads the value of the keys `head` and `base`.
pub fn parse_link(line: &[u8]) -> Option<Link> {
    let f = Fields::parse(line).ok()?;
    Some(Link {
        number: f.get(0)?.parse().ok()?,
        hash: EntryHash::parse(f.get(1)?)?,
        bytes: f.get(2)?.parse().ok()?,
        time: Timestamp::parse(f.get(3)?)?,
    })
}

/// Reads the value of the key `format`.
pub fn parse_format(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// Reads a registration from its key and value.
pub fn parse_server(keys: &Keys, key: &str, value: &[u8]) -> Option<Registration> {
    let name = key.strip_prefix(&keys.servers().0)?;
    Registration::parse(name, value)
}
