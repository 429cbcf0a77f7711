//! The position of a server's store in the log, which its router keeps for the thread of the cluster.

use std::sync::atomic::AtomicU64;

use parking_lot::Mutex;

use super::entry::Link;

/// The position of the store. The router writes it, the thread of the cluster reads it.
pub struct Progress {
    /// The last entry that it has applied, durably.
    pub link: Mutex<Link>,
    /// Number of the last entry that its newest checkpoint has.
    pub covered: AtomicU64,
}
