//! Metrics of a running server, for `--metrics`.
//!
//! - `number`: counters, gauges and histograms, which are plain atomics.
//! - `page`: the page that Prometheus reads; it is the table of all metrics.
//! - `http`: the port that serves it, and `/healthz`.
//!
//! The router stores the numbers that it owns once a batch. No label is the name of a user or of a room: there can be any
//! number of them, and the page has no password.

pub(crate) mod http;
mod number;
mod page;

pub use number::{Histogram, Number};

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::model::Timestamp;
use crate::net::Backlog;
use crate::protocol::{Code, Ko, Port};
use crate::server::router::group_commit::GroupCommit;
use crate::store::{Checkpointed, StoreError};

/// Bounds of the number of records in a batch.
const BATCH_RECORDS: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048, 4_096];

/// Bounds of the time of a commit, in microseconds: from a fast disk to one that stalls.
const COMMIT_MICROS: &[u64] = &[
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    10_000_000,
];

/// The numbers. All threads of the server share them; each is written by one of them.
pub struct Metrics {
    pub started: Timestamp,
    pub accepted_connections: PerPort,
    pub refused_connections: PerPort,
    pub logins: Logins,
    /// The refusals of each code, by the index of the code.
    refusals: Box<[Number]>,
    pub messages_received: Number,
    pub messages_delivered: Number,
    pub receipts_delivered: Number,
    pub receipts_read: Number,
    pub messages_waiting: Number,
    pub bytes_waiting: Number,
    pub batch_records: Histogram,
    pub commit_time: Histogram,
    pub log_bytes: Number,
    pub uncovered_bytes: Number,
    pub checkpoints: Checkpoints,
    /// `None` until the file system has told it.
    pub free_disk_bytes: OnceLock<Number>,
    pub accounts: Number,
    pub rooms: Number,
    /// Last entry of the cluster's log that is applied; `None`: the server is in no cluster.
    pub cluster_entry: OnceLock<Number>,
    pub append_time: Histogram,
    /// The output that the straggler thread has still to send.
    pub stragglers: OnceLock<Arc<Backlog>>,
}

/// A number for each of the two ports, and for the web port before the upgrade.
#[derive(Default)]
pub struct PerPort {
    send: Number,
    recv: Number,
    web: Number,
}

/// Logins by their outcome.
#[derive(Default)]
pub struct Logins {
    pub accepted: Number,
    /// The password was wrong, or there is no such account.
    pub failed: Number,
    /// Refused for another reason.
    pub refused: Number,
}

/// Checkpoints since the start of the server.
#[derive(Default)]
pub struct Checkpoints {
    pub made: Number,
    pub failed: Number,
    /// The last one: when it was made, in milliseconds since 1970, how long that took in microseconds, its size.
    pub at: Number,
    pub micros: Number,
    pub bytes: Number,
}

impl PerPort {
    /// Returns the number of a port; `None`: the web port before the upgrade.
    pub(crate) fn of(&self, port: Option<Port>) -> &Number {
        match port {
            Some(Port::Send) => &self.send,
            Some(Port::Recv) => &self.recv,
            None => &self.web,
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let places = Code::all().map(|code| code as usize + 1).max().unwrap_or(0);
        Self {
            started: Timestamp::now(),
            accepted_connections: PerPort::default(),
            refused_connections: PerPort::default(),
            logins: Logins::default(),
            refusals: (0..places).map(|_| Number::default()).collect(),
            messages_received: Number::default(),
            messages_delivered: Number::default(),
            receipts_delivered: Number::default(),
            receipts_read: Number::default(),
            messages_waiting: Number::default(),
            bytes_waiting: Number::default(),
            batch_records: Histogram::new(BATCH_RECORDS),
            commit_time: Histogram::new(COMMIT_MICROS),
            log_bytes: Number::default(),
            uncovered_bytes: Number::default(),
            checkpoints: Checkpoints::default(),
            free_disk_bytes: OnceLock::new(),
            accounts: Number::default(),
            rooms: Number::default(),
            cluster_entry: OnceLock::new(),
            append_time: Histogram::new(COMMIT_MICROS),
            stragglers: OnceLock::new(),
        }
    }
}

impl Metrics {
    /// Counts a KO that a client is told.
    pub(crate) fn count_refusal(&self, code: Code) {
        if let Some(number) = self.refusals.get(code as usize) {
            number.add(1);
        }
    }

    /// Returns the number of KOs with each code.
    pub fn refusals(&self) -> impl Iterator<Item = (Code, u64)> {
        Code::all().map(|code| (code, self.refusals.get(code as usize).map_or(0, Number::get)))
    }

    /// Counts a login that was not accepted.
    pub(crate) fn count_refused_login(&self, ko: &Ko) {
        let outcome = if ko.code == Code::Auth { &self.logins.failed } else { &self.logins.refused };
        outcome.add(1);
    }

    /// Notes a batch that is durable: its records, its bytes, and the time that the write and the sync have taken.
    pub(crate) fn note_commit(&self, records: u64, bytes: usize, time: Duration) {
        self.batch_records.record(records);
        self.commit_time.record_time(time);
        self.log_bytes.add(bytes as u64);
    }

    /// Stores the numbers that the router's state has.
    pub(crate) fn note_state(&self, group_commit: &GroupCommit) {
        let state = group_commit.state();
        let tally = &state.tally;
        self.messages_received.set(tally.received);
        self.messages_delivered.set(tally.delivered);
        self.receipts_delivered.set(tally.receipts_delivered);
        self.receipts_read.set(tally.receipts_read);
        self.messages_waiting.set(tally.waiting.messages as u64);
        self.bytes_waiting.set(tally.waiting.bytes);
        self.uncovered_bytes.set(group_commit.uncovered_bytes());
        self.accounts.set(state.account_count() as u64);
        self.rooms.set(state.room_count() as u64);
    }

    /// Notes the last entry of the cluster's log that is applied.
    pub(crate) fn note_entry(&self, number: u64) {
        self.cluster_entry.get_or_init(Number::default).set(number);
    }

    /// Notes the time that an append to the cluster's log has taken.
    pub(crate) fn note_append(&self, time: Duration) {
        self.append_time.record_time(time);
    }

    pub(crate) fn note_free_bytes(&self, bytes: u64) {
        self.free_disk_bytes.get_or_init(Number::default).set(bytes);
    }

    /// Notes a checkpoint that was begun at a time, or could not be made.
    pub(crate) fn note_checkpoint(&self, made: &Result<Checkpointed, StoreError>, begun: Instant) {
        let Ok(checkpoint) = made else { return self.checkpoints.failed.add(1) };
        self.checkpoints.made.add(1);
        self.checkpoints.at.set(Timestamp::now().millis());
        self.checkpoints.micros.set(number::micros(begun.elapsed()));
        self.checkpoints.bytes.set(checkpoint.bytes);
    }
}
