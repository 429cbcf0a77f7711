//! The times at which the state machine looks for devices that are not to be kept.

use std::time::{Duration, Instant};

use crate::limits;
use crate::model::Timestamp;
use crate::state_machine::Review;

/// Longest time between two looks (before the first one: since the server was last used) after which the clock is trusted.
/// Above it the clock may have jumped, and without `serve --trust-clock` nothing is forgotten until the next start.
const TRUSTED_PAUSE: Duration = Duration::from_secs(7 * 24 * 3_600);

pub(crate) struct Reviews {
    started: Instant,
    /// Time of the next look, which begins with the first device.
    next: Instant,
    /// A look that goes on.
    rest: Option<Review>,
    /// Time of the clock at the last look, or when the store was last used.
    last: Option<Timestamp>,
    trusts_clock: bool,
    clock_has_jumped: bool,
}

impl Reviews {
    /// `newest`: the time at which the store was last used.
    pub fn new(trusts_clock: bool, newest: Option<Timestamp>) -> Self {
        let now = Instant::now();
        Self { started: now, next: now, rest: None, last: newest, trusts_clock, clock_has_jumped: false }
    }

    pub fn due(&self) -> Instant {
        if self.rest.is_some() { self.started } else { self.next }
    }

    /// Lets the next look begin now: retention has removed messages.
    pub fn hasten(&mut self) {
        self.next = Instant::now();
    }

    /// Notes what is left of a look, or that there is something to see from a device on.
    pub fn put_off(&mut self, rest: Review) {
        let before = self.rest.unwrap_or(rest);
        let may_forget = before.may_forget || rest.may_forget;
        self.rest = Some(Review { from: before.from.min(rest.from), may_forget });
    }

    /// Returns the look that is due.
    pub fn begin(&mut self, now: Timestamp) -> Option<Review> {
        if self.next <= Instant::now() {
            self.next = Instant::now() + limits::REVIEW_INTERVAL;
            self.check_clock(now);
            // A device may have had a session for long when the server ended: it has time to come back.
            let may_forget = !self.clock_has_jumped && self.started.elapsed() >= limits::REVIEW_INTERVAL;
            self.rest = Some(Review { from: None, may_forget });
        }
        self.rest.take()
    }

    fn check_clock(&mut self, now: Timestamp) {
        let last = self.last.replace(now).filter(|last| now.since(*last) > TRUSTED_PAUSE);
        if let Some(last) = last.filter(|_| !self.trusts_clock && !self.clock_has_jumped) {
            self.clock_has_jumped = true;
            log::warn!(
                "--keep-devices forgets nothing: the clock says {now}, and the server was last used at {last}: if the \
                 clock is right, start once with --trust-clock"
            );
        }
    }
}
