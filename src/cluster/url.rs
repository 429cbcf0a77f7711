//! The address of a cluster: etcd's endpoints, and the prefix of all its keys.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// Longest prefix of the keys in bytes: far more than a name needs.
const PREFIX_BYTES: usize = 100;

/// `http://A:2379,http://B:2379,http://C:2379/class`: etcd's endpoints, all http or all https, and after the last one
/// the prefix of the cluster's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterUrl {
    endpoints: Vec<String>,
    prefix: String,
}

impl ClusterUrl {
    /// Returns the endpoints, each of the form `http://host:port`. There is at least one.
    pub fn endpoints(&self) -> &[String] {
        &self.endpoints
    }

    /// Returns the prefix of all keys, such as `/class`: it begins with a slash, and none is at its end.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }
}

impl FromStr for ClusterUrl {
    type Err = String;

    /// The error is for people: it says which part is wrong, and what is wanted.
    fn from_str(text: &str) -> Result<Self, String> {
        let (mut endpoints, mut path) = (Vec::new(), None);
        for part in text.split(',') {
            if path.is_some() {
                return Err(format!("{text:?}: the prefix of the keys stands once, after the last address"));
            }
            let (scheme, rest) = split_scheme(part)?;
            let (authority, after) = rest.split_once('/').map_or((rest, None), |(name, path)| (name, Some(path)));
            check_authority(authority)?;
            endpoints.push(format!("{scheme}{authority}"));
            path = after;
        }
        let is_one_scheme = endpoints.iter().all(|one| one.starts_with("https:") == endpoints[0].starts_with("https:"));
        if !is_one_scheme {
            return Err(format!("{text:?}: the addresses have to be all http or all https"));
        }
        let prefix = check_prefix(path.unwrap_or_default().trim_end_matches('/'))?;
        Ok(Self { endpoints, prefix })
    }
}

impl fmt::Display for ClusterUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.endpoints.join(","), self.prefix)
    }
}

fn split_scheme(part: &str) -> Result<(&'static str, &str), String> {
    for scheme in ["http://", "https://"] {
        if let Some(rest) = part.strip_prefix(scheme) {
            return Ok((scheme, rest));
        }
    }
    Err(format!("{part:?} is no address of etcd: it begins with http:// or https://, as in http://10.0.0.1:2379"))
}

/// Checks `host:port`. The host is a name, an IPv4 address, or an IPv6 address in brackets.
fn check_authority(text: &str) -> Result<(), String> {
    if text.contains('@') {
        return Err("etcd's user and password do not stand in the address of the cluster, where others see them".into());
    }
    let missing = || format!("{text:?} has no port: etcd's is usually 2379, as in http://10.0.0.1:2379");
    let (host, port) = text.rsplit_once(':').ok_or_else(missing)?;
    if !port.bytes().all(|byte| byte.is_ascii_digit()) || port.parse::<u16>().unwrap_or(0) == 0 {
        return Err(missing());
    }
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let is_host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(is_name),
    };
    if is_host { Ok(()) } else { Err(format!("{host:?} is no name and no address of a machine")) }
}

/// Returns the prefix of the keys, for a path without its first slash.
fn check_prefix(path: &str) -> Result<String, String> {
    let wanted = "the address of a cluster ends in a name for its keys in etcd, as in http://10.0.0.1:2379/class";
    if path.is_empty() {
        return Err(format!("{wanted}: it has none"));
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let is_good = path.split('/').all(|name| !name.is_empty() && name.bytes().all(is_plain));
    if !is_good || path.len() >= PREFIX_BYTES {
        return Err(format!("{wanted}: letters, digits, - . _ and single slashes, at most {PREFIX_BYTES} bytes"));
    }
    Ok(format!("/{path}"))
}
