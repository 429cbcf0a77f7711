//! Turns of the tests that start whole clusters: each is many processes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::wait_within;

/// Clusters that run at the same time.
const CLUSTERS: usize = 2;

/// Time in which all the others are done.
const PATIENCE: Duration = Duration::from_secs(1_800);

static TAKEN: AtomicUsize = AtomicUsize::new(0);

/// The right to run a cluster, until it is dropped.
pub struct Turn(());

impl Turn {
    pub fn take() -> Self {
        let take = |taken| (taken < CLUSTERS).then_some(taken + 1);
        let look = || TAKEN.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).ok();
        wait_within(PATIENCE, look, || "waited in vain for a turn".to_owned());
        Self(())
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        TAKEN.fetch_sub(1, Ordering::Relaxed);
    }
}
