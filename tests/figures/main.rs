//! Measured figures: those of README.md in this folder. Each test prints one line and holds its target.
//!
//! ```text
//! cargo test --release --test figures -- --ignored --nocapture --test-threads 1 [name]
//! ```
//!
//! They are for a machine that does nothing else; quote ratios, since absolute times are a machine's
//! own. Every test starts its own server and ends by itself within minutes.

#[path = "../support/mod.rs"]
mod support;

mod cluster;
mod crowd;
mod devices;
mod ids;
mod latency;
mod memory;
mod million;
mod pairs;
mod restart;
mod web;

use std::time::{Duration, Instant};

/// Times something.
fn timed<T>(act: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let result = act();
    (result, start.elapsed())
}

/// The value that this share of the values (0 to 1) does not exceed.
fn quantile<T: Copy + PartialOrd>(values: &mut [T], share: f64) -> T {
    values.sort_by(|a, b| a.partial_cmp(b).expect("numbers"));
    values[((values.len() - 1) as f64 * share).round() as usize]
}

fn median<T: Copy + PartialOrd>(values: &mut [T]) -> T {
    quantile(values, 0.5)
}

/// A size that the environment may change: for a quicker run, or a larger one.
fn size(variable: &str, default: usize) -> usize {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{variable}={text}")))
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
