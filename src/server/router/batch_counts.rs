//! Counts of the batches of the write-ahead log, for `wachat status`.

/// The batches of the write-ahead log since the start of the server.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BatchCounts {
    pub batches: u64,
    pub records: u64,
    pub largest: u64,
}

impl BatchCounts {
    /// Counts a batch of this many records; an empty one is none.
    pub fn add(&mut self, records: u64) {
        self.batches += u64::from(records > 0);
        self.records += records;
        self.largest = self.largest.max(records);
    }
}
