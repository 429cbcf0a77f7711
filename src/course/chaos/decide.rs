//! The sources of decisions: rules, random plans, or the log of an earlier run.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::decisions::Script;
use super::fault::Fault;
use super::plan::Plan;
use super::record::{Connection, Record};
use super::rule::Rule;
use crate::limits;
use crate::model::UserName;
use crate::protocol::Port;

/// The source of the faults.
pub enum Source {
    /// The seed is that of the chances.
    Rules {
        rules: Vec<Rule>,
        seed: u64,
    },
    /// Random faults; of each user at each port this number of connections has some, and later ones have none.
    Plans {
        seed: u64,
        connections: u64,
    },
    Replay(Script),
}

/// Decides what happens to each record.
pub(super) struct Decider {
    source: Source,
    /// Number of records that each rule has fitted.
    fitted: Vec<AtomicU64>,
    /// Number of connections so far of each user at each port.
    counts: Mutex<HashMap<(Option<UserName>, Port), u64>>,
    healed: AtomicBool,
}

/// A connection whose login line has come, and its plan.
pub(super) struct Identity {
    pub connection: Connection,
    plan: Plan,
}

impl Decider {
    pub fn new(source: Source) -> Self {
        let rules = if let Source::Rules { rules, .. } = &source { rules.len() } else { 0 };
        let fitted = (0..rules).map(|_| AtomicU64::new(0)).collect();
        Self { source, fitted, counts: Mutex::default(), healed: false.into() }
    }

    /// Disturbs no connection that begins from now on.
    pub fn heal(&self) {
        self.healed.store(true, Ordering::Relaxed);
    }

    /// Counts a new connection, and makes its plan.
    pub fn begin(&self, user: Option<UserName>, port: Port) -> Identity {
        let mut counts = self.counts.lock();
        let user =
            user.filter(|user| counts.len() < limits::CHAOS_USERS || counts.contains_key(&(Some(user.clone()), port)));
        let number = counts.entry((user.clone(), port)).or_default();
        *number += 1;
        let connection = Connection { user, port, number: *number };
        let is_healed = self.healed.load(Ordering::Relaxed);
        let plan = match &self.source {
            Source::Plans { seed, connections } if connection.number <= *connections && !is_healed => {
                Plan::draw(*seed, &connection)
            }
            _ => Plan::default(),
        };
        Identity { connection, plan }
    }

    /// Returns the faults of a record, in their order.
    pub fn decide(&self, identity: &Identity, record: &Record) -> Vec<Fault> {
        let mut faults = match &self.source {
            Source::Rules { rules, seed } => self.apply_rules(rules, *seed, &identity.connection, record),
            Source::Plans { .. } => identity.plan.faults(record),
            Source::Replay(script) => script.faults(&identity.connection, record),
        };
        if let Some(last) = faults.iter().position(Fault::is_last) {
            faults.truncate(last + 1);
        }
        faults
    }

    fn apply_rules(&self, rules: &[Rule], seed: u64, connection: &Connection, record: &Record) -> Vec<Fault> {
        let mut faults = Vec::new();
        for ((rule, fitted), index) in rules.iter().zip(&self.fitted).zip(0..) {
            if rule.fits(connection, record) {
                let number = fitted.fetch_add(1, Ordering::Relaxed) + 1;
                if rule.count.includes(number) && rule.is_drawn(seed ^ index, connection, record) {
                    faults.push(rule.fault.clone());
                }
            }
        }
        faults
    }
}
