//! The rate limits (protocol, section 4): two token buckets a user, one of tokens and one of bytes. Live only.

use std::time::Duration;

use super::command::Policy;
use super::stored::AccountNumber;
use crate::limits;

/// The amounts that a request, or its reply, takes out of the buckets of its user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    pub tokens: u32,
    pub bytes: usize,
}

impl Cost {
    pub fn of_tokens(tokens: usize) -> Self {
        Self { tokens: u32::try_from(tokens).unwrap_or(u32::MAX), bytes: 0 }
    }
}

/// The buckets of every user who has sent a request, by account number.
#[derive(Default)]
pub struct RateLimits(Vec<Buckets>);

/// A bucket is stored as the time, in nanoseconds since the start of the server, at which it will be full again: a bucket
/// that was never used is 0, and none has to be filled as time goes by.
#[derive(Clone, Copy, Default)]
struct Buckets {
    tokens: u64,
    bytes: u64,
}

impl Buckets {
    /// Charges a cost, down to a debt of [`limits::RATE_DEBT`].
    fn charge(&mut self, cost: Cost, policy: &Policy, now: u64) {
        let lowest = empty_at(now).saturating_add(nanoseconds(limits::RATE_DEBT));
        let take = |bucket: &mut u64, amount: u64, rate: u32| {
            let time = amount.saturating_mul(1_000_000_000) / u64::from(rate.max(1));
            *bucket = now.max(*bucket).saturating_add(time).min(lowest);
        };
        if let Some(rate) = policy.rate {
            take(&mut self.tokens, cost.tokens.into(), rate);
        }
        if let Some(rate) = policy.rate_bytes {
            take(&mut self.bytes, cost.bytes as u64, rate);
        }
    }

    /// Returns the time until neither bucket is in debt.
    fn debt(&self, now: u64) -> Duration {
        Duration::from_nanos(self.tokens.max(self.bytes).saturating_sub(empty_at(now)))
    }
}

/// Returns what an empty bucket is stored as.
fn empty_at(now: u64) -> u64 {
    now.saturating_add(nanoseconds(limits::RATE_BURST))
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl RateLimits {
    /// Takes the cost of a request out of a user's buckets. `false`: there is not enough in them, and nothing was taken.
    pub fn charge(&mut self, policy: &Policy, user: AccountNumber, cost: Cost, elapsed: Duration) -> bool {
        let now = nanoseconds(elapsed);
        let Some(buckets) = self.buckets(user) else { return true };
        let mut after = *buckets;
        after.charge(cost, policy, now);
        let is_enough = after.debt(now).is_zero();
        if is_enough {
            *buckets = after;
        }
        is_enough
    }

    /// Takes a cost that cannot be refused.
    pub fn charge_in_any_case(&mut self, policy: &Policy, user: AccountNumber, cost: Cost, elapsed: Duration) {
        if let Some(buckets) = self.buckets(user) {
            buckets.charge(cost, policy, nanoseconds(elapsed));
        }
    }

    /// Returns the time until a user's buckets are not in debt.
    pub fn debt(&mut self, user: AccountNumber, elapsed: Duration) -> Duration {
        self.buckets(user).map_or(Duration::ZERO, |buckets| buckets.debt(nanoseconds(elapsed)))
    }

    fn buckets(&mut self, user: AccountNumber) -> Option<&mut Buckets> {
        if self.0.len() <= user.index() {
            self.0.resize_with(user.index() + 1, Buckets::default);
        }
        self.0.get_mut(user.index())
    }
}
