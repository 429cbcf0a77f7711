//! The delay before the next try.

use std::time::{Duration, Instant};

use crate::limits;

/// Doubling delays with jitter, so that the clients of a server that comes back do not all come at once.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    first: Duration,
    delay: Duration,
    until: Option<Instant>,
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new(limits::MIN_RETRY_DELAY)
    }
}

impl Backoff {
    /// Makes a back-off with this first delay; none is longer than [`limits::MAX_RETRY_DELAY`].
    pub fn new(first: Duration) -> Self {
        Self { first, delay: first, until: None }
    }

    /// Notes a failure at `now`: the delay begins, and the next one is twice as long. `random` gives the jitter.
    pub fn note_failure(&mut self, now: Instant, random: u16) {
        self.until = Some(now + with_jitter(self.delay, random));
        self.delay = (self.delay * 2).min(limits::MAX_RETRY_DELAY);
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
        self.delay > self.first
    }

    /// Returns the end of the delay, if it is after `now`.
    pub fn deadline(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| *until > now)
    }

    /// Notes a failure now, and returns the delay.
    pub fn next_delay(&mut self) -> Duration {
        let mut random = [0; 2];
        // Without randomness there is no jitter, and no other harm.
        let _ = getrandom::fill(&mut random);
        let now = Instant::now();
        self.note_failure(now, u16::from_be_bytes(random));
        self.deadline(now).map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }
}

/// Returns three quarters of a delay, and a random part of the rest.
fn with_jitter(delay: Duration, random: u16) -> Duration {
    delay * 3 / 4 + delay / 4 * u32::from(random) / (1 << 16)
}
