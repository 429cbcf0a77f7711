//! What lies in a store's directory and is not in use: worth a note, and no damage.

use std::collections::HashMap;
use std::path::Path;

use super::{LOCK, README, Store, StoreError};
use crate::state_machine::Snapshot;

impl Store {
    /// What a checkpoint that did not finish has left among the history files.
    pub(super) fn unknown_histories(&self, snapshot: &Snapshot) -> Result<Vec<String>, StoreError> {
        let directory = self.history_directory();
        let known: HashMap<_, _> =
            snapshot.conversations.iter().map(|row| (self.history_path(row.id), row.filed.bytes)).collect();
        let mut notes = Vec::new();
        for name in self.list(&directory)? {
            let path = directory.join(&name);
            let Some(good) = known.get(&path) else {
                notes.push(leftover(&directory, &name));
                continue;
            };
            let len = self.disk.open(&path).and_then(|file| file.len()).map_err(StoreError::io(&path))?;
            if len > *good {
                let more = len - good;
                notes.push(format!("{}: its last {more} bytes are no part of it yet: {UNFINISHED}", path.display()));
            }
        }
        Ok(notes)
    }

    /// What is there and is of no more use, or of none yet.
    pub(super) fn leftovers(&self, newest: u64) -> Result<Vec<String>, StoreError> {
        let mut notes = Vec::new();
        for name in self.list(&self.directory)? {
            let of_use = ["wal", "history", LOCK, README, "backup.csv", "backup.new"].contains(&name.as_str());
            let checkpoint = self.directory.join(&name) == self.checkpoint_path(newest);
            if !of_use && !checkpoint {
                notes.push(leftover(&self.directory, &name));
            }
        }
        let location = self.wal("".into());
        let of_use: Vec<_> =
            location.segments_above(newest)?.into_iter().map(|number| location.segment(number)).collect();
        for name in self.list(&self.wal_directory())? {
            if !of_use.contains(&self.wal_directory().join(&name)) {
                notes.push(leftover(&self.wal_directory(), &name));
            }
        }
        Ok(notes)
    }
}

const UNFINISHED: &str = "left by something that was interrupted, or not of the store's";

fn leftover(directory: &Path, name: &str) -> String {
    let path = directory.join(name);
    let what = match name {
        _ if name.ends_with(".broken") => "a batch that was set aside; it may be deleted",
        _ => UNFINISHED,
    };
    format!("{}: {what}", path.display())
}
