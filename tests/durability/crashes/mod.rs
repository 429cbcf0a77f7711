//! The real group commit, write-ahead log, checkpoints and recovery on a disk that loses power, or fails, at any
//! call: random workloads, each replayable by its seed, and a small one with every fault at every call.
//!
//! `WACHAT_CRASH_RUNS=100000 cargo test --release --test suite durability::crashes` plays more of the random ones;
//! `WACHAT_CRASH_SEED=17` one.

mod devices;
mod every_call;
mod workload;

use workload::{Counts, Workload};

fn runs(default: u64) -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match number("WACHAT_CRASH_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("WACHAT_CRASH_RUNS").unwrap_or(default),
    }
}

#[test]
fn promises_1_to_6_hold_when_the_power_is_cut_at_any_call() {
    let runs = runs(2_000);
    let mut cuts = 0;
    let mut accepted = 0;
    let mut checkpoints = 0;
    let mut full = 0;
    let mut kicks = 0;
    let mut counts = Counts::default();
    let mut lost = 0;
    let mut keys = 0;
    for seed in runs.clone() {
        let mut workload = Workload::new(seed);
        if let Err(broken) = workload.play() {
            panic!("seed {seed}: {broken}");
        }
        cuts += workload.crashes;
        accepted += workload.checker.accepted_count();
        checkpoints += workload.checkpoints;
        full += workload.full;
        kicks += workload.kicks;
        counts.add(&workload.counts);
        lost += workload.lost;
        keys += workload.keys;
    }
    println!(
        "{} workloads: {cuts} crashes, {accepted} messages accepted, {checkpoints} checkpoints, {full} times FULL; {counts:?}",
        runs.end - runs.start
    );
    if runs.end - runs.start > 100 {
        assert!(cuts > 100 && accepted > 1_000 && checkpoints > 100 && full > 10, "the workloads have become too easy");
        assert!(kicks > 100, "the club is played too seldom");
        assert!(counts.all().iter().all(|count| *count > 100), "too little is taken back");
        assert!(lost > 100 && keys > 100, "the devices are played too seldom: {lost} lost, {keys} keys");
    }
}
