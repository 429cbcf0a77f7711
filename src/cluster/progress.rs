//! How far the store of a server is: what its router tells the thread of the cluster.

use std::sync::atomic::AtomicU64;

use parking_lot::Mutex;

use super::entry::Link;

/// How far this server's store is. The router writes it.
pub struct Progress {
    /// The last entry that it has applied, durably.
    pub link: Mutex<Link>,
    /// Number of the last entry that its newest checkpoint has.
    pub covered: AtomicU64,
}
