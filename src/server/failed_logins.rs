//! Failed logins: after some, an address has to wait before its next password is verified (protocol, section 3).
//!
//! An address waits for a name after five failures under it, and for any name after twenty; each further failure doubles
//! the wait, and a success ends it. No name waits by itself: nobody can shut another out.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use super::connection_table::network;
use crate::limits;
use crate::model::UserName;

/// The address from which a login came (see [`network`]), and the mapped name that it was for;
/// `None` where the text is no name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Origin {
    pub address: IpAddr,
    pub name: Option<Arc<str>>,
}

impl Origin {
    pub fn new(peer: IpAddr, name: Option<&UserName>) -> Self {
        Self { address: network(peer), name: name.map(|name| name.mapped().into()) }
    }

    /// Returns what is counted: the address with the name, and the address with any name; each with the number of
    /// failures from which on it waits.
    fn counted(&self) -> impl Iterator<Item = (Key, u32)> {
        let name = self.name.clone().map(|name| ((self.address, Some(name)), limits::FAILURES_PER_NAME));
        name.into_iter().chain([((self.address, None), limits::FAILURES_PER_ADDRESS)])
    }
}

type Key = (IpAddr, Option<Arc<str>>);

#[derive(Default)]
pub(super) struct FailedLogins {
    failures: HashMap<Key, Failures>,
    /// Addresses from which a login has succeeded and none has failed since.
    trusted: HashMap<IpAddr, Instant>,
}

struct Failures {
    count: u32,
    last: Instant,
}

impl FailedLogins {
    /// Returns when the next password of this origin may be verified; `None`: now.
    pub fn wait_until(&self, origin: &Origin) -> Option<Instant> {
        let waits = origin.counted().filter_map(|(key, most)| {
            let failures = self.failures.get(&key)?;
            let beyond = failures.count.checked_sub(most)?;
            let wait = limits::FAILURE_WAIT.saturating_mul(2_u32.saturating_pow(beyond));
            Some(failures.last + wait.min(limits::MAX_FAILURE_WAIT))
        });
        waits.max()
    }

    pub fn is_trusted(&self, address: IpAddr) -> bool {
        self.trusted.contains_key(&address)
    }

    pub fn succeeded(&mut self, origin: &Origin, now: Instant) {
        for (key, _) in origin.counted() {
            self.failures.remove(&key);
        }
        remove_oldest(&mut self.trusted, |last| *last);
        self.trusted.insert(origin.address, now);
    }

    pub fn failed(&mut self, origin: &Origin, now: Instant) {
        self.trusted.remove(&origin.address);
        for (key, _) in origin.counted() {
            remove_oldest(&mut self.failures, |failures| failures.last);
            let failures = self.failures.entry(key).or_insert(Failures { count: 0, last: now });
            if now.saturating_duration_since(failures.last) > limits::FAILURE_MEMORY {
                failures.count = 0;
            }
            (failures.count, failures.last) = (failures.count.saturating_add(1), now);
        }
    }
}

/// Makes room in a table for one more entry.
fn remove_oldest<K: Clone + Eq + std::hash::Hash, V>(table: &mut HashMap<K, V>, time: impl Fn(&V) -> Instant) {
    if table.len() >= limits::FAILED_LOGINS
        && let Some(oldest) = table.iter().min_by_key(|(_, value)| time(value)).map(|(key, _)| key.clone())
    {
        table.remove(&oldest);
    }
}
