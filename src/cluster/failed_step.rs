//! Failures of a step of the cluster's thread, and the time-out of its calls.

use std::time::{Duration, Instant};

use super::entry::Link;
use super::failure::EtcdError;

/// Time-out of a call.
const CALL_TIMEOUT: Duration = Duration::from_secs(1);

/// Reason for which a step fails.
pub(super) enum Trouble {
    /// etcd has not done it. It is tried again.
    Etcd(EtcdError),
    /// This server cannot go on.
    Final(String),
    /// The thread is to end.
    Stopped,
}

impl From<EtcdError> for Trouble {
    fn from(error: EtcdError) -> Self {
        Self::Etcd(error)
    }
}

/// Returns the deadline of a call that begins now.
pub(super) fn deadline() -> Instant {
    Instant::now() + CALL_TIMEOUT
}

pub(super) fn fallen_behind(applied: u64) -> String {
    format!(
        "this store ends at entry {applied}, and the log does not have the next one any more: copy a backup of another server \
         with wachat cluster join into a new directory"
    )
}

pub(super) fn diverged(own: &Link, head: &Link) -> String {
    format!(
        "this store is no part of the log: it is at entry {} with the hash {}, and the log ends at entry {} with the hash {}; \
         copy a backup of another server with wachat cluster join into a new directory",
        own.number, own.hash, head.number, head.hash
    )
}
