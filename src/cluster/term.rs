//! The right to append to the log: what the leader asks etcd for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::entry::Link;
use super::etcd::{Compare, Etcd, Operation};
use super::failure::EtcdError;
use super::keys::{Keys, write_link};
use crate::limits;

/// Time after which an append or a read whose outcome is still unknown ends the term.
const OUTCOME_TIMEOUT: Duration = Duration::from_secs(3);

/// Time-out of one of its tries.
const TRY_TIMEOUT: Duration = Duration::from_secs(1);

/// Pause between two tries.
const TRY_PAUSE: Duration = Duration::from_millis(20);

/// The term is over, and why. What was asked for since the last append that succeeded may have happened or not: it has to
/// stay without a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TermOver(pub String);

/// The room that the log has, as the thread of the member sees it.
#[derive(Default)]
pub(super) struct Room {
    /// Total length of the entries before the first that is kept, in bytes.
    pub base_bytes: AtomicU64,
    /// etcd's database is half as large as it may become.
    pub is_half_full: AtomicBool,
}

/// A term of this server as the leader. One append is in flight at a time.
pub struct Term {
    pub(super) etcd: Etcd,
    pub(super) keys: Keys,
    /// Revision at which the leader's key was created.
    pub(super) epoch: i64,
    /// Format of the entries of this term.
    pub(super) format: u64,
    /// The last entry of the log.
    pub(super) head: Link,
    pub(super) room: Arc<Room>,
}

impl Term {
    pub fn epoch(&self) -> i64 {
        self.epoch
    }

    pub fn format(&self) -> u64 {
        self.format
    }

    /// Returns the last entry of the log when the term began, and of this term afterwards.
    pub fn head(&self) -> Link {
        self.head
    }

    /// Returns whether the log has no room for another entry.
    pub fn is_full(&self) -> bool {
        let bytes = self.head.bytes.saturating_sub(self.room.base_bytes.load(Ordering::Relaxed));
        bytes >= limits::FULL_LOG_BYTES || self.room.is_half_full.load(Ordering::Relaxed)
    }

    /// Appends an entry, after which the log's head is `after`. The same bytes are put until the outcome is known: a put that
    /// has timed out can take effect later, and comes before the next one or never.
    pub fn append(&mut self, entry: &[u8], after: Link) -> Result<(), TermOver> {
        let key = self.keys.entry(after.number);
        let compares = [
            Compare::CreateRevision(self.keys.leader(), self.epoch),
            Compare::Value(self.keys.head(), write_link(&self.head)),
        ];
        let puts = [
            Operation::Put { key: key.clone(), value: entry.to_vec(), lease: 0 },
            Operation::Put { key: self.keys.head(), value: write_link(&after), lease: 0 },
        ];
        let appended = self.until_known(|deadline| Ok(self.etcd.transact(&compares, &puts, deadline)?.succeeded))?;
        // A try whose outcome was unknown may have succeeded: then its bytes are there.
        if appended || self.until_known(|deadline| self.holds(&key, entry, deadline))? {
            self.head = after;
            return Ok(());
        }
        Err(TermOver("another server leads the cluster, or the log has another entry".to_owned()))
    }

    /// Checks, by a linearizable read, that this server leads: what it has decided up to now was decided on the newest state.
    pub fn confirm(&self) -> Result<(), TermOver> {
        let key = self.keys.leader();
        let leads = self.until_known(|deadline| {
            let found = self.etcd.range(&key, None, 1, deadline)?;
            Ok(found.values.first().is_some_and(|leader| leader.create_revision == self.epoch))
        });
        if leads? { Ok(()) } else { Err(TermOver("another server leads the cluster".to_owned())) }
    }

    fn holds(&self, key: &str, entry: &[u8], deadline: Instant) -> Result<bool, EtcdError> {
        let found = self.etcd.range(key, None, 1, deadline)?;
        Ok(found.values.first().is_some_and(|kept| kept.value == entry))
    }

    /// Asks until the outcome is known.
    fn until_known(&self, ask: impl Fn(Instant) -> Result<bool, EtcdError>) -> Result<bool, TermOver> {
        let end = Instant::now() + OUTCOME_TIMEOUT;
        loop {
            match ask(end.min(Instant::now() + TRY_TIMEOUT)) {
                Ok(outcome) => return Ok(outcome),
                Err(EtcdError::Refused(why)) => return Err(TermOver(format!("etcd refuses: {why}"))),
                Err(EtcdError::Unknown(why)) if Instant::now() >= end => {
                    return Err(TermOver(format!("etcd does not answer: {why}")));
                }
                Err(EtcdError::Unknown(_)) => thread::sleep(TRY_PAUSE),
            }
        }
    }
}
