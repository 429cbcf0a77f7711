//! Counts the callers whom the user has not accepted, in all and from each address: one address keeps nobody else out.

use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::limits;
use crate::model::Network;

/// Most callers whom the user has not accepted, whether they have said who they are or not. Each has a thread, or two, and
/// at most one message in memory.
const CALLERS: usize = 64;

/// The addresses of the callers: an IPv6 address counts as its network of 64 bits.
#[derive(Default)]
pub struct Callers {
    places: Mutex<Vec<Network>>,
}

/// The place of one caller. Dropping it makes room for another.
pub struct Place {
    callers: Arc<Callers>,
    network: Network,
}

impl Callers {
    /// Gives a caller a place. `None`: there are too many, in all or from this address.
    pub fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let network = Network::of(address);
        let mut places = self.places.lock();
        let from_there = places.iter().filter(|taken| **taken == network).count();
        if places.len() >= CALLERS || from_there >= limits::CALLERS_PER_ADDRESS {
            return None;
        }
        places.push(network);
        Some(Place { callers: self.clone(), network })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.callers.places.lock();
        if let Some(at) = places.iter().position(|taken| *taken == self.network) {
            places.swap_remove(at);
        }
    }
}
