//! The banned networks, readable from every thread: a connection from one is refused before a password is hashed. The
//! router publishes them when a ban is durable.

use std::net::IpAddr;

use parking_lot::RwLock;

use crate::model::{Network, Timestamp};
use crate::protocol::Ko;
use crate::state_machine::{Ban, StoredState};

#[derive(Default)]
pub(crate) struct BannedNetworks(RwLock<Vec<(Network, Ban)>>);

impl BannedNetworks {
    pub fn new(state: &StoredState) -> Self {
        let banned = Self::default();
        banned.publish(state);
        banned
    }

    /// Takes over the bans of networks that there are now.
    pub fn publish(&self, state: &StoredState) {
        *self.0.write() = state.bans.networks().map(|(network, ban)| (network, ban.clone())).collect();
    }

    /// Returns the KO for an address that is banned.
    pub fn find(&self, address: IpAddr) -> Option<Ko> {
        let banned = self.0.read();
        let now = Timestamp::now();
        let mut fitting = banned.iter().filter(|(network, ban)| network.contains(address) && !ban.has_ended(now));
        fitting.next().map(|(_, ban)| ban.ko())
    }
}
