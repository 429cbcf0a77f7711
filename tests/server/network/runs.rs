//! Many runs at once: mostly they wait.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use parking_lot::Mutex;

use crate::support::World;
use crate::support::proxy::Proxy;

/// A run between a proxy's harm and a server.
pub struct Run {
    pub seed: u64,
    pub proxy: Proxy,
}

/// Counts of the harm in all runs.
#[derive(Debug, Default)]
pub struct Harm {
    pub connections: u64,
    pub duplicates: u64,
}

impl Run {
    /// Starts a run in which the first connections of each user at each port, this many, are harmed.
    pub fn start(seed: u64, world: &World, harmed: u64) -> Self {
        Self { seed, proxy: Proxy::start(seed, world.addresses(), harmed) }
    }

    /// Asserts that no duplicate was answered otherwise than the first.
    pub fn finish(self) -> Harm {
        Harm { connections: self.proxy.harm_done(), duplicates: self.proxy.assert_same_answers() }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("WACHAT_NETWORK_SEED={} fails; the network did:\n{}", self.seed, self.proxy.story());
        }
    }
}

impl Harm {
    fn add(&mut self, other: Self) {
        assert!(other.connections > 0, "a network that harms nobody tests nothing");
        self.connections += other.connections;
        self.duplicates += other.duplicates;
    }
}

/// Plays a run for every seed, this many at once, on one server. There is harm in each.
pub fn play(seeds: Range<u64>, at_once: u64, run: impl Fn(u64, &World) -> Harm + Sync) {
    let seeds = match std::env::var("WACHAT_NETWORK_SEED") {
        Ok(seed) => one(seed.parse().expect("WACHAT_NETWORK_SEED is a number")),
        Err(_) => seeds,
    };
    let mut world = World::new(&["--timeout", "5"]);
    let next = AtomicU64::new(seeds.start);
    let sum = Mutex::new(Harm::default());
    thread::scope(|scope| {
        for _ in 0..at_once.min(seeds.end - seeds.start) {
            scope.spawn(|| {
                while let Some(seed) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|seed| seeds.contains(seed)) {
                    let harm = run(seed, &world);
                    sum.lock().add(harm);
                }
            });
        }
    });
    world.stop();
    world.assert_undamaged();
    println!("{:?}", sum.into_inner());
}

fn one(seed: u64) -> Range<u64> {
    seed..seed + 1
}
