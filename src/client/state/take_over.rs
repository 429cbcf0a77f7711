//! Messages that another client of the same user left behind. The program that starts next sends those that
//! were only queued; a person's client also takes what was noted of the others, so that its history is whole.
//!
//! Each message is known by its id, and leaves its old log only when it is durable in the new one. So a
//! take-over may be cut anywhere and done again.

use std::path::Path;
use std::sync::Arc;

use super::error::LogError;
use super::files::{Home, lock, log_directory, open_log, read_checkpoint};
use super::record::Record;
use crate::disk::Disk;
use crate::wal::WalError;

/// The two uses of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// A person's client: it alone receives.
    Person,
    /// A pipe: it only sends.
    Pipe,
}

/// Takes over the messages in the directory `other`, if no client uses it.
pub fn take_over(disk: &Arc<dyn Disk>, other: &Path, home: &mut Home, how: Use) -> Result<(), LogError> {
    if !disk.exists(&log_directory(other)).map_err(WalError::io(other))? {
        return Ok(());
    }
    let _lock = match lock(&**disk, other) {
        Err(LogError::InUse { .. }) => return Ok(()),
        lock => lock?,
    };
    // Only what concerns messages that were sent from there: nothing is received or shown by a pipe.
    let (mut left, covered) = read_checkpoint(disk, other, home.state.me())?;
    let mut records = Vec::new();
    let (mut log, _) = open_log(disk, other, covered, &mut |record| {
        if record.is_of_outbox() {
            records.push(record.clone());
            left.apply(record);
        }
    })?;
    match how {
        Use::Person => {
            if !records.is_empty() {
                // A message that a third program sends is in its log.
                records.retain(|record| !matches!(record, Record::Queued(message) if !left.is_known(&message.id)));
                home.state.adopt(records);
                home.commit()?;
                log.compact(&left.newest_line())?;
            }
            // A torn batch may have a text that is taken back later.
            Ok(log.location().remove_set_aside()?)
        }
        Use::Pipe if left.outbox().is_empty() => Ok(()),
        Use::Pipe => {
            home.state.adopt(left.outbox().records().collect());
            home.commit()?;
            left.move_all_away();
            Ok(log.append_batch(&left.take_uncommitted())?)
        }
    }
}
