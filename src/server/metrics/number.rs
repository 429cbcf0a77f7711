//! The values of metrics: plain atomics. A writer never waits, and a reader sees each value alone: two of one page can be
//! those of different moments.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A counter or a gauge.
#[derive(Default)]
pub struct Number(AtomicU64);

impl Number {
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A histogram with fixed upper bounds, in integers of some unit.
pub struct Histogram {
    bounds: &'static [u64],
    /// Number of values up to each bound and above the one before; the last number is of those above all bounds.
    counts: Box<[Number]>,
    sum: Number,
}

impl Histogram {
    pub fn new(bounds: &'static [u64]) -> Self {
        Self { bounds, counts: (0..=bounds.len()).map(|_| Number::default()).collect(), sum: Number::default() }
    }

    pub fn record(&self, value: u64) {
        let index = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get(index) {
            count.add(1);
        }
        self.sum.add(value);
    }

    /// Records a time in microseconds.
    pub fn record_time(&self, time: Duration) {
        self.record(micros(time));
    }

    /// Returns each bound with the number of values up to it.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> {
        let up_to = self.counts.iter().scan(0, |total, count| {
            *total += count.get();
            Some(*total)
        });
        self.bounds.iter().copied().zip(up_to)
    }

    /// Returns the number of all values.
    pub fn count(&self) -> u64 {
        self.counts.iter().map(Number::get).sum()
    }

    pub fn sum(&self) -> u64 {
        self.sum.get()
    }
}

pub fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
