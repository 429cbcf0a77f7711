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
    /// Those to the web port before the upgrade.
    web: Count,
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

    fn add_stranger(&mut self) {
        self.total += 1;
        self.strangers += 1;
    }

    fn remove_stranger(&mut self) {
        self.total -= 1;
        self.strangers -= 1;
    }
}

/// One counted connection; dropping it ends the count.
pub(crate) struct Slot {
    table: Arc<ConnectionTable>,
    place: Place,
    logged_in: AtomicBool,
}

/// What a connection counts under, beside the total.
struct Place {
    /// `None`: a proxy's, which has not said for whom it is. Its networks are computed where they are counted: kept, they
    /// would be three times as long.
    peer: Option<IpAddr>,
    /// `None`: one to the web port, which has not asked for one.
    port: Option<Port>,
}

impl ConnectionTable {
    pub fn new(capacity: usize) -> Self {
        Self { capacity, counts: Mutex::default(), emptied: Condvar::new() }
    }

    /// Counts a new connection. `None`: there are too many already, or this many `strangers` of its address.
    pub fn admit(self: &Arc<Self>, peer: Option<IpAddr>, port: Option<Port>, strangers: usize) -> Option<Slot> {
        let mut counts = self.counts.lock();
        if !self.has_place(&counts, peer, strangers) {
            return None;
        }
        let place = Place { peer, port };
        counts.change(&place, Count::add_stranger);
        counts.peak = counts.peak.max(counts.all.total);
        Some(Slot { table: self.clone(), place, logged_in: AtomicBool::new(false) })
    }

    fn has_place(&self, counts: &Counts, peer: Option<IpAddr>, strangers: usize) -> bool {
        let fits = |count: Count, most: usize, strangers: usize| count.total < most && count.strangers < strangers;
        if !fits(counts.all, self.capacity, self.capacity / 4) {
            return false;
        }
        let strangers = strangers.min(share(self.capacity / 4, counts.all.strangers));
        let fits_network = |(network, factor): (Network, usize)| {
            let count = counts.per_network.get(&network).copied().unwrap_or_default();
            fits(count, limits::CONNECTIONS_PER_ADDRESS * factor, strangers * factor)
        };
        peer.is_none_or(|peer| Networks::of(peer).with_factors().all(fits_network))
    }

    /// Counts the open connections of a port; `None`: those to the web port before the upgrade.
    pub fn open(&self, port: Option<Port>) -> Count {
        let counts = self.counts.lock();
        match port {
            Some(Port::Send) => counts.send,
            Some(Port::Recv) => counts.recv,
            None => counts.web,
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
    fn change(&mut self, place: &Place, change: impl Fn(&mut Count)) {
        change(&mut self.all);
        match place.port {
            Some(Port::Send) => change(&mut self.send),
            Some(Port::Recv) => change(&mut self.recv),
            None => change(&mut self.web),
        }
        let Some(peer) = place.peer else { return };
        for network in Networks::of(peer).as_slice() {
            let count = self.per_network.entry(*network).or_default();
            change(count);
            if count.total == 0 {
                self.per_network.remove(network);
            }
        }
    }
}

impl Slot {
    /// Counts a connection that has not logged in under another address or port from now on. Returns whether there is a place
    /// for it; else nothing changes.
    pub fn move_to(&mut self, peer: IpAddr, port: Option<Port>, strangers: usize) -> bool {
        let peer = Some(peer);
        let mut counts = self.table.counts.lock();
        counts.change(&self.place, Count::remove_stranger);
        let has_place = self.table.has_place(&counts, peer, strangers);
        if has_place {
            self.place = Place { peer, port };
        }
        counts.change(&self.place, Count::add_stranger);
        has_place
    }

    /// Notes that the connection has logged in.
    pub fn log_in(&self) {
        if !self.logged_in.swap(true, Ordering::Relaxed) {
            self.table.counts.lock().change(&self.place, |count| count.strangers -= 1);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let stranger = usize::from(!*self.logged_in.get_mut());
        let mut counts = self.table.counts.lock();
        counts.change(&self.place, |count| {
            count.total -= 1;
            count.strangers -= stranger;
        });
        if counts.all.total == 0 {
            self.table.emptied.notify_all();
        }
    }
}
