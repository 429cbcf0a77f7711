//! Counts the open connections, in total and per address, and refuses one too many (protocol, section 1).
//!
//! Connections that have not logged in are counted beside the others and limited to a quarter of all: whoever opens many
//! without a password takes no place of those who have one. An address has the less of that quarter the fuller it is, so that
//! a few addresses take no place of others.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use super::networks::Networks;
use super::places::share;
use crate::limits;
use crate::model::Network;
use crate::protocol::Port;

/// Number of connections from which on it is worth some milliseconds to give memory back when half of them have ended.
const MANY_CONNECTIONS: usize = 64;

pub(crate) struct ConnectionTable {
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
    per_network: HashMap<Network, Count>,
    /// The most connections at once since [`ConnectionTable::has_shrunk`].
    peak: usize,
}

/// A number of connections.
#[derive(Clone, Copy, Default)]
pub(crate) struct Count {
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
pub(crate) struct Slot {
    table: Arc<ConnectionTable>,
    networks: Networks,
    port: Port,
    logged_in: AtomicBool,
}

impl ConnectionTable {
    pub fn new(capacity: usize) -> Self {
        Self { capacity, counts: Mutex::default(), emptied: Condvar::new() }
    }

    /// Counts a new connection. `None`: there are too many already, or this many `strangers` of its address.
    pub fn admit(self: &Arc<Self>, peer: IpAddr, port: Port, strangers: usize) -> Option<Slot> {
        let mut counts = self.counts.lock();
        let networks = Networks::of(peer);
        let fits = |count: Count, most: usize, strangers: usize| count.total < most && count.strangers < strangers;
        if !fits(counts.all, self.capacity, self.capacity / 4) {
            return None;
        }
        let strangers = strangers.min(share(self.capacity / 4, counts.all.strangers));
        let fits_network = |(network, factor): (Network, usize)| {
            let count = counts.per_network.get(&network).copied().unwrap_or_default();
            fits(count, limits::CONNECTIONS_PER_ADDRESS * factor, strangers * factor)
        };
        if !networks.with_factors().all(fits_network) {
            return None;
        }
        counts.change(&networks, port, |count| (count.total, count.strangers) = (count.total + 1, count.strangers + 1));
        counts.peak = counts.peak.max(counts.all.total);
        Some(Slot { table: self.clone(), networks, port, logged_in: AtomicBool::new(false) })
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
        let has_shrunk = counts.peak >= MANY_CONNECTIONS && counts.all.total < counts.peak / 2;
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
    fn change(&mut self, networks: &Networks, port: Port, change: impl Fn(&mut Count)) {
        change(&mut self.all);
        change(match port {
            Port::Send => &mut self.send,
            Port::Recv => &mut self.recv,
        });
        for network in networks.as_slice() {
            let count = self.per_network.entry(*network).or_default();
            change(count);
            if count.total == 0 {
                self.per_network.remove(network);
            }
        }
    }
}

impl Slot {
    /// Notes that the connection has logged in.
    pub fn log_in(&self) {
        if !self.logged_in.swap(true, Ordering::Relaxed) {
            self.table.counts.lock().change(&self.networks, self.port, |count| count.strangers -= 1);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let stranger = usize::from(!*self.logged_in.get_mut());
        let mut counts = self.table.counts.lock();
        counts.change(&self.networks, self.port, |count| {
            count.total -= 1;
            count.strangers -= stranger;
        });
        if counts.all.total == 0 {
            self.table.emptied.notify_all();
        }
    }
}
