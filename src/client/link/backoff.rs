//! The delay before the next try.

use std::time::{Duration, Instant};

use crate::limits;

/// Doubling delays with jitter, so that the clients of a server that comes back do not all come at once.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    first: Duration,
    delay: Duration,
    until: Option<Instant>,
    /// Number of failures since the last success after which the delay has stayed the first.
    even: u32,
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new(limits::MIN_RETRY_DELAY)
    }
}

impl Backoff {
    /// Makes a back-off with this first delay; none is longer than [`limits::MAX_RETRY_DELAY`].
    pub fn new(first: Duration) -> Self {
        Self { first, delay: first, until: None, even: 0 }
    }

    /// Notes a failure at `now`: the delay begins, and the next one is twice as long. `random` gives the jitter.
    pub fn note_failure(&mut self, now: Instant, random: u16) {
        self.until = Some(now + with_jitter(self.delay, random));
        self.delay = (self.delay * 2).min(limits::MAX_RETRY_DELAY);
    }

    /// Notes that none of several servers was there: one soon will be, so the first delays are all the first one.
    pub fn note_none_of_several(&mut self, now: Instant, random: u16) {
        if self.even >= limits::EVEN_RETRY_DELAYS {
            return self.note_failure(now, random);
        }
        self.even += 1;
        self.until = Some(now + with_jitter(self.first, random));
    }

    /// Notes a success: the next failure is the first again.
    pub fn note_success(&mut self) {
        *self = Self::new(self.first);
    }

    /// Ends the delay. The one after the next failure is as long as it would have been.
    pub fn hurry(&mut self) {
        self.until = None;
    }

    /// Checks that there was a failure since the last success.
    pub fn is_failing(&self) -> bool {
        self.delay > self.first || self.even > 0
    }

    /// Returns the end of the delay, if it is after `now`.
    pub fn deadline(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| *until > now)
    }

    /// Notes a failure now, and returns the delay.
    pub fn next_delay(&mut self) -> Duration {
        self.delay_after(Self::note_failure)
    }

    /// Notes now that none of several servers was there, and returns the delay.
    pub fn next_delay_of_several(&mut self) -> Duration {
        self.delay_after(Self::note_none_of_several)
    }

    fn delay_after(&mut self, note: impl FnOnce(&mut Self, Instant, u16)) -> Duration {
        let mut random = [0; 2];
        // Without randomness there is no jitter, and no other harm.
        let _ = getrandom::fill(&mut random);
        let now = Instant::now();
        note(self, now, u16::from_be_bytes(random));
        self.deadline(now).map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }
}

/// Returns three quarters of a delay, and a random part of the rest.
fn with_jitter(delay: Duration, random: u16) -> Duration {
    delay * 3 / 4 + delay / 4 * u32::from(random) / (1 << 16)
}
