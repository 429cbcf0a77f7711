//! The networks that count as one address (protocol, section 1): an IPv4 address, and in IPv6 a network of 64 bits, since whoever has
//! one address there has all of them. The networks of 56 and 48 bits around it, which one customer can have, too, count
//! beside it, with larger limits.

use std::net::IpAddr;

use crate::model::Network;

/// Factors by which the limits of a network of 64, of 56 and of 48 bits in IPv6 exceed those of an address.
const NETWORK_FACTORS: [usize; 3] = [1, 2, 4];

/// The networks of a peer that count, from the largest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Networks {
    V4([Network; 1]),
    V6([Network; 3]),
}

impl Networks {
    pub fn of(peer: IpAddr) -> Self {
        match peer.to_canonical() {
            IpAddr::V4(address) => Self::V4([Network::around(address.into(), 32)]),
            IpAddr::V6(address) => Self::V6([48, 56, 64].map(|prefix| Network::around(address.into(), prefix))),
        }
    }

    pub fn as_slice(&self) -> &[Network] {
        match self {
            Self::V4(networks) => networks,
            Self::V6(networks) => networks,
        }
    }

    /// Returns what counts as the address.
    pub fn address(&self) -> Network {
        let (Self::V4([address]) | Self::V6([_, _, address])) = self;
        *address
    }

    /// Returns each network with the factor by which its limits exceed those of an address.
    pub fn with_factors(&self) -> impl Iterator<Item = (Network, usize)> {
        self.as_slice().iter().rev().copied().zip(NETWORK_FACTORS)
    }
}

/// Returns what counts as the address, as an address: the first one of its network.
pub fn network(peer: IpAddr) -> IpAddr {
    Networks::of(peer).address().first_address()
}
