//! The subject of a ban: a user, or a network of addresses; and the short texts of an administrator.

use std::fmt;
use std::net::IpAddr;

use super::{Text, UserName};
use crate::limits;
use crate::record::PlainField;

/// The subject of a ban.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Banned {
    User(UserName),
    Network(Network),
}

impl Banned {
    /// Reads an address, a network or a user name. A name that looks like an address is written with an `@` before it.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(name) = text.strip_prefix('@') {
            return UserName::new(name).ok().map(Self::User);
        }
        let user = || UserName::new(text).ok().map(Self::User);
        Network::parse(text).map(Self::Network).or_else(user)
    }

    /// Reads what [`Banned::stored`] has written.
    pub fn from_stored(text: &str) -> Option<Self> {
        match text.strip_prefix('@') {
            Some(name) => UserName::from_stored(name).map(Self::User),
            None => Network::parse(text).map(Self::Network),
        }
    }

    /// Returns the form that files hold: `@` and a stored name, or a network.
    pub fn stored(&self) -> String {
        match self {
            Self::User(name) => format!("@{}", name.stored()),
            Self::Network(network) => network.to_string(),
        }
    }
}

impl fmt::Display for Banned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "@{name}"),
            Self::Network(network) => network.fmt(f),
        }
    }
}

impl PlainField for Banned {}

/// The addresses that have their first bits in common: `192.0.2.7`, `192.0.2.0/24`, `2001:db8::/64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    /// Its bits after the prefix are 0.
    address: IpAddr,
    /// Number of those first bits.
    prefix: u8,
}

impl Network {
    /// Reads an address, with or without the length of a prefix. An IPv6 address alone is its network of 64 bits, since
    /// whoever has one address there has all of them.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address = address.parse::<IpAddr>().ok()?.to_canonical();
        let (bits, alone) = if address.is_ipv4() { (32, 32) } else { (128, 64) };
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let prefix = match prefix {
            Some(text) => text.parse().ok().filter(|prefix| *prefix <= bits && is_number(text))?,
            None => alone,
        };
        Some(Self { address: mask(address, prefix), prefix })
    }

    /// Returns what counts as one address, as [`Network::parse`] reads it.
    pub fn of(address: IpAddr) -> Self {
        let prefix = if address.to_canonical().is_ipv4() { 32 } else { 64 };
        Self::around(address, prefix)
    }

    /// Returns the network that an address is in, with a prefix of this length. An IPv4 address that is mapped into IPv6
    /// counts as itself.
    pub fn around(address: IpAddr, prefix: u8) -> Self {
        Self { address: mask(address.to_canonical(), prefix), prefix }
    }

    /// Returns the first address of the network.
    pub fn first_address(&self) -> IpAddr {
        self.address
    }

    /// Returns whether an address is in the network. An IPv4 address that is mapped into IPv6 counts as itself.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && mask(address, self.prefix) == self.address
    }
}

/// Sets the bits after a prefix to 0.
fn mask(address: IpAddr, prefix: u8) -> IpAddr {
    let prefix = u32::from(prefix);
    match address {
        IpAddr::V4(v4) => {
            let kept = u32::MAX.checked_shl(32_u32.saturating_sub(prefix)).unwrap_or(0);
            IpAddr::V4((v4.to_bits() & kept).into())
        }
        IpAddr::V6(v6) => {
            let kept = u128::MAX.checked_shl(128_u32.saturating_sub(prefix)).unwrap_or(0);
            IpAddr::V6((v6.to_bits() & kept).into())
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.address, self.prefix) {
            (IpAddr::V4(address), 32) => address.fmt(f),
            (address, prefix) => write!(f, "{address}/{prefix}"),
        }
    }
}

/// A short text of an administrator: the reason of a ban, or an announcement. All who are online get it at once, so it is
/// far shorter than a message may be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShortText(String);

impl ShortText {
    /// Checks a text; `None` if it is too long or has a control character.
    pub fn new(text: &str) -> Option<Self> {
        let fits = text.len() <= limits::SHORT_TEXT_BYTES && !text.contains(char::is_control);
        fits.then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns it as the text of a message; a short text always is one.
    pub fn to_text(&self) -> Option<Text> {
        Text::new(&self.0)
    }
}
