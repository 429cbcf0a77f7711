//! Places in a queue, bounded in all, for each address and for each larger network. While the queue is nearly full they get
//! fewer, so that there is room for those who have none yet.

use std::collections::HashMap;

use super::networks::Networks;
use crate::model::Network;

/// Returns how many places one address may have: such a part of the free ones as is free of all. The fuller it is, the less
/// of what is left an address gets.
pub(crate) fn share(most: usize, taken: usize) -> usize {
    let free = most.saturating_sub(taken);
    (free * free).div_ceil(most.max(1))
}

pub(crate) struct Places {
    /// Most places, and most of one address.
    most: usize,
    most_of_address: usize,
    total: usize,
    taken: HashMap<Network, usize>,
}

impl Places {
    pub fn new(most: usize, most_of_address: usize) -> Self {
        Self { most, most_of_address, total: 0, taken: HashMap::new() }
    }

    /// Returns how many places are taken.
    pub fn total(&self) -> usize {
        self.total
    }

    pub fn taken_by(&self, network: Network) -> usize {
        self.taken.get(&network).copied().unwrap_or(0)
    }

    /// Returns whether there is a place for one more of an address.
    pub fn has_place(&self, networks: &Networks) -> bool {
        let most = share(self.most, self.total).min(self.most_of_address);
        networks.with_factors().all(|(network, factor)| self.taken_by(network) < most * factor)
    }

    pub fn take(&mut self, networks: &Networks) {
        self.total += 1;
        networks.as_slice().iter().for_each(|network| *self.taken.entry(*network).or_default() += 1);
    }

    pub fn free(&mut self, networks: &Networks) {
        self.total = self.total.saturating_sub(1);
        for network in networks.as_slice() {
            if let Some(taken) = self.taken.get_mut(network) {
                *taken -= 1;
                if *taken == 0 {
                    self.taken.remove(network);
                }
            }
        }
    }
}
