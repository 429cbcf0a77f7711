//! How long to wait before the next try.

use std::time::{Duration, Instant};

use crate::limits;

/// Doubling waits with jitter, so that the clients of a server that comes back do not all come at
/// once.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    first: Duration,
    wait: Duration,
    until: Option<Instant>,
}

impl Backoff {
    /// The first wait is this long; none is longer than [`limits::MAX_RETRY_DELAY`].
    pub fn new(first: Duration) -> Self {
        Self { first, wait: first, until: None }
    }

    /// It failed at `now`: waits, each time twice as long.
    pub fn failed(&mut self, now: Instant) {
        self.until = Some(now + jitter(self.wait));
        self.wait = (self.wait * 2).min(limits::MAX_RETRY_DELAY);
    }

    /// It worked: the next failure waits as the first did.
    pub fn worked(&mut self) {
        *self = Self::new(self.first);
    }

    /// Something gives hope: the next try may be now. The one after it waits as long as it would.
    pub fn hurry(&mut self) {
        self.until = None;
    }

    /// How long to wait still, from `now`.
    pub fn left(&self, now: Instant) -> Duration {
        self.until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }
}

/// Three quarters of the wait, and a random part of the rest.
fn jitter(wait: Duration) -> Duration {
    let mut random = [0; 2];
    // Without randomness there is no jitter, and nothing worse.
    let _ = getrandom::fill(&mut random);
    wait * 3 / 4 + wait / 4 * u32::from(u16::from_be_bytes(random)) / (1 << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_most_and_begin_anew_after_a_success() {
        let now = Instant::now();
        let mut backoff = Backoff::new(limits::MIN_RETRY_DELAY);
        for seconds in [1, 2, 4, 8, 16, 30, 30] {
            backoff.failed(now);
            let (wait, full) = (backoff.left(now), Duration::from_secs(seconds));
            assert!(wait >= full * 3 / 4 && wait <= full, "{wait:?} of {full:?}");
        }
        backoff.worked();
        assert_eq!(backoff.left(now), Duration::ZERO);
        backoff.failed(now);
        assert!(backoff.left(now) <= Duration::from_secs(1));
    }
}
