//! The state machine as a value: the stored state, and what lives beside it until a restart.

use std::time::Duration;

use super::command::Policy;
use super::live::Presence;
use super::rates::{Cost, RateLimits};
use super::record::Acknowledgement;
use super::stored::{AccountNumber, StoredState};
use super::today::StoredToday;
use super::told_calls::ToldCalls;

/// The whole state of a server. The router's thread owns it.
pub struct StateMachine {
    /// Rebuilt by recovery.
    pub stored: StoredState,
    /// Live only, like the rate limits.
    pub(super) presence: Presence,
    pub(super) rate_limits: RateLimits,
    pub(super) today: StoredToday,
    pub(super) told_calls: ToldCalls,
    pub(super) policy: Policy,
    /// Acknowledgements of this batch that are not applied yet: they become one record.
    pub(super) acknowledgements: Vec<Acknowledgement>,
    /// Set while the disk has no room for more records: commands that need one are refused.
    pub disk_full: bool,
}

impl StateMachine {
    /// Makes the state machine of a state that recovery has rebuilt.
    pub fn new(stored: StoredState, policy: Policy) -> Self {
        let (presence, rate_limits, today, told_calls, acknowledgements) = Default::default();
        let mut machine =
            Self { stored, presence, rate_limits, today, told_calls, policy, acknowledgements, disk_full: false };
        machine.stored.begin_tally();
        machine.stored.sort_looks();
        machine.stored.find_crowded();
        machine
    }

    /// Begins to decide after records that were replayed: the log of a cluster has brought them.
    pub fn lead(&mut self) {
        self.stored.find_crowded();
    }

    /// Takes the cost of a request out of a user's buckets. `false`: there is not enough in them, and nothing was taken.
    pub fn charge(&mut self, user: AccountNumber, cost: Cost, elapsed: Duration) -> bool {
        self.rate_limits.charge(&self.policy, user, cost, elapsed)
    }

    /// Takes a cost that cannot be refused.
    pub fn charge_in_any_case(&mut self, user: AccountNumber, cost: Cost, elapsed: Duration) {
        self.rate_limits.charge_in_any_case(&self.policy, user, cost, elapsed);
    }
}
