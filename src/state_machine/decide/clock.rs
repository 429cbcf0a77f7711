//! Whether the age of devices can be judged by the clock: it may have jumped (protocol, section 3).

use std::time::Duration;

use super::{Context, Decided};
use crate::model::Timestamp;
use crate::state_machine::{Record, StateMachine};

/// Bounds of the time without a look at the devices after which the clock is not trusted: that of `--keep-devices`, but
/// within these.
const MIN_PAUSE: Duration = Duration::from_secs(24 * 3_600);
const MAX_PAUSE: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Time after which a trusted time is recorded again: a start compares the clock with the record.
const RECORDED_AFTER: Duration = Duration::from_secs(12 * 3_600);

impl StateMachine {
    /// Returns the last time at which the clock was trusted, if it has jumped ahead since then.
    pub fn clock_jumped_from(&self, now: Timestamp) -> Option<Timestamp> {
        let pause = self.policy.keep_devices.clamp(MIN_PAUSE, MAX_PAUSE);
        self.trusted.filter(|last| !self.policy.trusts_clock && now.since(*last) > pause)
    }

    /// Returns the time by which the age of devices is judged: that of the clock, or after a jump the last one that was trusted.
    pub(super) fn trusted_time(&mut self, now: Timestamp) -> Timestamp {
        let jumped_from = self.clock_jumped_from(now);
        if jumped_from.is_none() {
            self.trusted = self.trusted.max(Some(now));
        }
        jumped_from.unwrap_or(now)
    }

    /// Returns the time at which a device is used. A clock that was set back by much, as to 1970, does not age it.
    pub(super) fn time_of_use(&self, now: Timestamp) -> Timestamp {
        self.trusted.filter(|last| last.since(now) > MIN_PAUSE).unwrap_or(now)
    }

    /// Records the time, if the clock is trusted: what a login records may be of a false clock.
    pub(super) fn record_trusted_time(&mut self, context: &mut Context) -> Decided<()> {
        let now = context.now.at;
        let is_recorded = self.stored.trusted_at().is_some_and(|last| now.since(last) <= RECORDED_AFTER);
        if self.trusted_time(now) != now || is_recorded || self.disk_full {
            return Ok(());
        }
        self.apply_and_emit(Record::Trusted { at: now }, context)
    }
}
