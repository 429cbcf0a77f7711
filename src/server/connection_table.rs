//! Counts the open connections, in total and per address, and refuses one too many (protocol, section 1).
//!
//! Connections that have not logged in are counted beside the others and limited to a quarter of all: whoever opens many
//! without a password takes no place of those who have one.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use super::Port;
use crate::limits;

pub(super) struct ConnectionTable {
    /// Most connections at once.
    capacity: usize,
    counts: Mutex<Counts>,
    emptied: Condvar,
}

#[derive(Default)]
struct Counts {
    all: Count,
    send: Count,
    recv: Count,
    per_address: HashMap<IpAddr, Count>,
    /// The most connections at once since [`ConnectionTable::has_shrunk`].
    peak: usize,
}

/// A number of connections.
#[derive(Clone, Copy, Default)]
pub(super) struct Count {
    pub total: usize,
    /// Number of those that have not logged in.
    strangers: usize,
}

impl Count {
    pub fn logged_in(self) -> usize {
        self.total - self.strangers
    }
}

/// One counted connection; dropping it ends the count.
pub(super) struct Slot {
    table: Arc<ConnectionTable>,
    address: IpAddr,
    port: Port,
    logged_in: AtomicBool,
}

impl ConnectionTable {
    pub fn new(capacity: usize) -> Self {
        Self { capacity, counts: Mutex::default(), emptied: Condvar::new() }
    }

    /// Counts a new connection. `None`: there are too many already, or so many `strangers` of its address.
    pub fn admit(self: &Arc<Self>, peer: IpAddr, port: Port, strangers: usize) -> Option<Slot> {
        let (mut counts, address) = (self.counts.lock(), network(peer));
        let (all, from_address) = (counts.all, counts.per_address.get(&address).copied().unwrap_or_default());
        let fits = |count: Count, most: usize, strangers: usize| count.total < most && count.strangers < strangers;
        let fits_all = fits(all, self.capacity, self.capacity / 4);
        if !fits_all || !fits(from_address, limits::CONNECTIONS_PER_ADDRESS, strangers) {
            return None;
        }
        counts.change(address, port, |count| (count.total, count.strangers) = (count.total + 1, count.strangers + 1));
        counts.peak = counts.peak.max(counts.all.total);
        Some(Slot { table: self.clone(), address, port, logged_in: AtomicBool::new(false) })
    }

    /// Counts the open connections of a port.
    pub fn open(&self, port: Port) -> Count {
        let counts = self.counts.lock();
        match port {
            Port::Send => counts.send,
            Port::Recv => counts.recv,
        }
    }

    /// Tells, once, that more than half of many connections have ended: what their threads had in memory is free.
    pub fn has_shrunk(&self) -> bool {
        let mut counts = self.counts.lock();
        let has_shrunk = counts.peak >= limits::MANY_CONNECTIONS && counts.all.total < counts.peak / 2;
        if has_shrunk {
            counts.peak = counts.all.total;
        }
        has_shrunk
    }

    /// Blocks until no connection is open, but not past the deadline.
    pub fn wait_until_empty(&self, deadline: Instant) {
        let mut counts = self.counts.lock();
        while counts.all.total > 0 && !self.emptied.wait_until(&mut counts, deadline).timed_out() {}
    }
}

impl Counts {
    fn change(&mut self, address: IpAddr, port: Port, change: impl Fn(&mut Count)) {
        change(&mut self.all);
        change(match port {
            Port::Send => &mut self.send,
            Port::Recv => &mut self.recv,
        });
        let from_address = self.per_address.entry(address).or_default();
        change(from_address);
        if from_address.total == 0 {
            self.per_address.remove(&address);
        }
    }
}

impl Slot {
    /// Notes that the connection has logged in.
    pub fn log_in(&self) {
        if !self.logged_in.swap(true, Ordering::Relaxed) {
            self.table.counts.lock().change(self.address, self.port, |count| count.strangers -= 1);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let stranger = usize::from(!*self.logged_in.get_mut());
        let mut counts = self.table.counts.lock();
        counts.change(self.address, self.port, |count| {
            count.total -= 1;
            count.strangers -= stranger;
        });
        if counts.all.total == 0 {
            self.table.emptied.notify_all();
        }
    }
}

/// Returns what is counted as one address: in IPv6 the network of 64 bits, since whoever has one address there has all of
/// them.
pub fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address => address,
    }
}
