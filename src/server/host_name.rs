//! The name of a host.

use std::fmt;

use rustix::system::uname;

/// Longest name of a host in bytes (RFC 1035, section 2.3.4).
const NAME_BYTES: usize = 253;

/// The name of a host, in small letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName(String);

impl HostName {
    /// Checks a name; `None`: no name of a host is like that.
    pub fn parse(text: &str) -> Option<Self> {
        let is_valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        let fits = !text.is_empty() && text.len() <= NAME_BYTES && text.chars().all(is_valid);
        fits.then(|| Self(text.to_ascii_lowercase()))
    }

    /// Returns the names under which this machine is reached in its network: its own, with and without its domain, and with
    /// that of multicast DNS.
    pub(crate) fn of_this_machine() -> Vec<Self> {
        let name = uname().nodename().to_string_lossy().into_owned();
        let first = name.split('.').next().unwrap_or_default();
        let names = ["localhost".to_owned(), name.clone(), first.to_owned(), format!("{first}.local")];
        names.iter().filter_map(|name| Self::parse(name)).collect()
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
