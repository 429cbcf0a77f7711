//! Retention: how long messages are kept, and whether the clock can be trusted with their removal.

use std::time::Duration;

use crate::limits;
use crate::model::Timestamp;
use crate::state_machine::ConversationId;

/// Steps in which the end of the retention moves: a file is rewritten at most this many times in the time for which its
/// messages are kept, but not more than once a day.
const CLEAN_UP_STEPS: u32 = 30;

/// Bounds of the time since the last clean-up after which the clock is not trusted: the shortest retention, but within
/// these. Above it the clock may have jumped, and nothing is removed without `serve --trust-clock`.
const MIN_CLEAN_UP_PAUSE: Duration = Duration::from_secs(2 * 24 * 3_600);
const MAX_CLEAN_UP_PAUSE: Duration = Duration::from_secs(31 * 24 * 3_600);

/// Times for which messages are kept; `None`: for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// In conversations of two users.
    pub direct: Option<Duration>,
    pub rooms: Option<Duration>,
    /// Remove messages although the clock has jumped.
    pub trusts_clock: bool,
}

/// A clean-up: it removes the messages that are older than the retention allows, and the texts that were taken back, in
/// steps.
#[derive(Clone, Copy, Debug)]
pub struct CleanUp {
    pub retention: Retention,
    /// The time at which it began.
    pub now: Timestamp,
    /// The last conversation of the step before; `None`: this is the first step.
    pub after: Option<ConversationId>,
    /// It does all in one step: the server stops.
    pub is_last: bool,
}

impl Retention {
    /// Returns whether nothing is ever removed.
    pub fn is_for_ever(&self) -> bool {
        self.direct.is_none() && self.rooms.is_none()
    }

    /// Returns the longest time between two clean-ups after which the clock is still trusted. A jump that is not noticed
    /// removes messages at most this much too early.
    fn longest_pause(&self) -> Duration {
        let shortest = [self.direct, self.rooms].iter().flatten().min().copied();
        shortest.unwrap_or(Duration::MAX).clamp(MIN_CLEAN_UP_PAUSE, MAX_CLEAN_UP_PAUSE)
    }
}

impl CleanUp {
    /// Returns the clean-up at a clean stop, which removes texts that were taken back alone.
    pub fn at_stop(now: Timestamp) -> Self {
        Self { retention: Retention::default(), now, after: None, is_last: true }
    }

    /// Returns the time before which messages of this conversation are removed; `None`: they are kept for ever.
    ///
    /// It moves in steps of a thirtieth of the retention, so that a file is not rewritten every day.
    pub(super) fn cutoff(&self, id: ConversationId) -> Option<Timestamp> {
        let keep = match id {
            ConversationId::Direct(..) => self.retention.direct,
            ConversationId::Room(_) => self.retention.rooms,
        }?;
        let step = (keep / CLEAN_UP_STEPS).max(limits::CLEAN_UP_INTERVAL);
        Some(self.now.before(keep).rounded_down(step))
    }

    /// Returns why nothing may be removed now: the clock is after the newest message, or has jumped since the last
    /// clean-up (before the first one: since that message).
    pub(super) fn refusal(&self, newest: Option<Timestamp>, last: Option<Timestamp>) -> Option<String> {
        let now = self.now;
        let newest = newest.unwrap_or_default();
        if now < newest {
            return Some(format!("the clock says {now}, and the newest message is of {newest}: set the clock"));
        }
        let reference = last.unwrap_or(newest);
        let is_long = now.since(reference) > self.retention.longest_pause();
        if reference == Timestamp::default() || !is_long || self.retention.trusts_clock {
            return None;
        }
        let what = if last.is_some() { "the last clean-up was at" } else { "the newest message is of" };
        Some(format!(
            "the clock says {now}, and {what} {reference}: if the clock is right, start once with --trust-clock"
        ))
    }
}
