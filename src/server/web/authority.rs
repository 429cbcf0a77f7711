//! Hosts and ports, as `Host` and `Origin` name them (RFC 3986, section 3.2).

use std::net::{IpAddr, Ipv6Addr};

use crate::server::host_name::HostName;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Host {
    Address(IpAddr),
    Name(HostName),
}

/// A host, and its port if one is named.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Authority {
    pub host: Host,
    port: Option<u16>,
}

impl Authority {
    pub fn parse(text: &str) -> Option<Self> {
        if let Some((address, rest)) = text.strip_prefix('[').and_then(|text| text.split_once(']')) {
            let port = match rest {
                "" => None,
                rest => Some(parse_port(rest.strip_prefix(':')?)?),
            };
            return Some(Self { host: Host::Address(address.parse::<Ipv6Addr>().ok()?.into()), port });
        }
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (host, Some(parse_port(port)?)),
            None => (text, None),
        };
        let host = match host.parse() {
            Ok(address) => Host::Address(IpAddr::V4(address)),
            Err(_) => Host::Name(HostName::parse(host)?),
        };
        Some(Self { host, port })
    }

    /// Returns whether an origin (RFC 6454) has this host and port. Without a port both have that of the origin's scheme:
    /// before a server in clear text a proxy may speak TLS.
    pub fn is_of_origin(&self, origin: &str) -> bool {
        let schemes = [("http://", 80), ("https://", 443)];
        let parsed = schemes.iter().find_map(|(scheme, port)| Some((origin.strip_prefix(scheme)?, *port)));
        let Some((authority, usual)) = parsed else { return false };
        let port = |authority: &Self| authority.port.unwrap_or(usual);
        Self::parse(authority).is_some_and(|other| other.host == self.host && port(&other) == port(self))
    }
}

fn parse_port(text: &str) -> Option<u16> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}
