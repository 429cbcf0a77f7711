//! Failed logins: after some, an address has to wait before its next password is verified (protocol, section 3).
//!
//! An address waits for a name after five failures under it, and for any name after three hundred; each further failure
//! doubles the wait. A success forgives the failures under its own name, and no others: a guesser with an account gains
//! nothing by it. No name waits by itself: nobody can shut another out.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use crate::limits;
use crate::model::{Network, UserName};
use crate::server::connections::networks::Networks;

/// The networks from which a login came, and the mapped name that it was for; `None` where the text is no name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    pub networks: Networks,
    pub name: Option<Arc<str>>,
}

impl Origin {
    pub fn new(peer: IpAddr, name: Option<&UserName>) -> Self {
        Self { networks: Networks::of(peer), name: name.map(|name| name.mapped().into()) }
    }

    /// Returns what is counted: each network with the name, and with any name; and the number of failures from which on it
    /// waits.
    fn counted(&self) -> impl Iterator<Item = (Key, usize)> {
        let networks = || self.networks.with_factors();
        let named = networks().filter(|_| self.name.is_some());
        let with_name =
            named.map(|(network, factor)| ((network, self.name.clone()), limits::FAILURES_PER_NAME * factor));
        let with_any = networks().map(|(network, factor)| ((network, None), limits::FAILURES_PER_ADDRESS * factor));
        with_name.chain(with_any)
    }

    fn counts_for(&self, (network, name): &Key) -> bool {
        self.networks.as_slice().contains(network) && (name.is_none() || *name == self.name)
    }
}

type Key = (Network, Option<Arc<str>>);

#[derive(Default)]
pub(crate) struct FailedLogins {
    failures: HashMap<Key, Failures>,
    /// Addresses from which a login has succeeded and none has failed since.
    trusted: HashMap<Network, Instant>,
}

struct Failures {
    count: usize,
    last: Instant,
}

impl FailedLogins {
    /// Returns when the next password of this origin may be verified; `None`: now. Each that is `under_way` counts as a
    /// failure until it has ended, so that guesses at once are no more than one after the other.
    pub fn wait_until(&self, origin: &Origin, under_way: &[Origin], now: Instant) -> Option<Instant> {
        let waits = origin.counted().filter_map(|(key, most)| {
            let failures = self.failures.get(&key)?;
            let unknown = under_way.iter().filter(|other| other.counts_for(&key)).count();
            let beyond = (failures.count + unknown).checked_sub(most)?;
            let wait = limits::FAILURE_WAIT.saturating_mul(2_u32.saturating_pow(beyond.try_into().unwrap_or(u32::MAX)));
            let last = if unknown > 0 { now } else { failures.last };
            Some(last + wait.min(limits::MAX_FAILURE_WAIT))
        });
        waits.max().filter(|due| *due > now)
    }

    pub fn is_trusted(&self, networks: &Networks) -> bool {
        self.trusted.contains_key(&networks.address())
    }

    pub fn succeeded(&mut self, origin: &Origin, now: Instant) {
        for network in origin.networks.as_slice() {
            let own = origin.name.clone().and_then(|name| self.failures.remove(&(*network, Some(name))));
            if let (Some(own), Some(all)) = (own, self.failures.get_mut(&(*network, None))) {
                all.count = all.count.saturating_sub(own.count);
            }
        }
        insert(&mut self.trusted, origin.networks.address(), now, |last| *last);
    }

    pub fn failed(&mut self, origin: &Origin, now: Instant) {
        self.trusted.remove(&origin.networks.address());
        for (key, _) in origin.counted() {
            let known = self.failures.get(&key).map_or(0, |failures| {
                let is_old = now.saturating_duration_since(failures.last) > limits::FAILURE_MEMORY;
                if is_old { 0 } else { failures.count }
            });
            let failures = Failures { count: known.saturating_add(1), last: now };
            insert(&mut self.failures, key, failures, |failures| failures.last);
        }
    }
}

/// Sets an entry of a table; a new one takes the place of the oldest where the table is full.
fn insert<K: Clone + Eq + std::hash::Hash, V>(
    table: &mut HashMap<K, V>,
    key: K,
    value: V,
    time: impl Fn(&V) -> Instant,
) {
    if table.len() >= limits::FAILED_LOGINS
        && !table.contains_key(&key)
        && let Some(oldest) = table.iter().min_by_key(|(_, value)| time(value)).map(|(key, _)| key.clone())
    {
        table.remove(&oldest);
    }
    table.insert(key, value);
}
