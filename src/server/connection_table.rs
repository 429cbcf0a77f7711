//! Counts the open connections, in total and per address, and refuses one too many (protocol, section 1).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use crate::limits;

#[derive(Default)]
pub(super) struct ConnectionTable {
    counts: Mutex<Counts>,
    emptied: Condvar,
}

#[derive(Default)]
struct Counts {
    total: usize,
    per_address: HashMap<IpAddr, usize>,
}

/// One counted connection; dropping it ends the count.
pub(super) struct Slot {
    table: Arc<ConnectionTable>,
    peer: IpAddr,
}

impl ConnectionTable {
    /// Counts a new connection. `None`: there are too many already.
    pub fn admit(self: &Arc<Self>, peer: IpAddr) -> Option<Slot> {
        let mut counts = self.counts.lock();
        let from_peer = counts.per_address.get(&peer).copied().unwrap_or(0);
        if counts.total >= limits::CONNECTIONS || from_peer >= limits::CONNECTIONS_PER_ADDRESS {
            return None;
        }
        counts.total += 1;
        counts.per_address.insert(peer, from_peer + 1);
        Some(Slot { table: self.clone(), peer })
    }

    /// Blocks until no connection is open, but not past the deadline.
    pub fn wait_until_empty(&self, deadline: Instant) {
        let mut counts = self.counts.lock();
        while counts.total > 0 && !self.emptied.wait_until(&mut counts, deadline).timed_out() {}
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut counts = self.table.counts.lock();
        counts.total -= 1;
        if let Some(from_peer) = counts.per_address.get_mut(&self.peer) {
            *from_peer -= 1;
            if *from_peer == 0 {
                counts.per_address.remove(&self.peer);
            }
        }
        if counts.total == 0 {
            self.table.emptied.notify_all();
        }
    }
}
