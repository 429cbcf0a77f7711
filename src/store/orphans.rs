//! Orphans: files in a store's directory that are not in use. They are worth a note, and no damage.

use std::collections::HashMap;
use std::path::Path;

use super::{LOCK, README, Store, StoreError};
use crate::state_machine::Snapshot;

const UNFINISHED: &str = "left by something that was interrupted, or not of the store's";

impl Store {
    /// Notes files beside the checkpoint, the log and the history, and segments that a checkpoint covers.
    pub(super) fn find_orphans(&self, newest: u64) -> Result<Vec<String>, StoreError> {
        let (checkpoint, wal) = (self.checkpoint_path(newest), self.wal_directory());
        let mut in_use: Vec<_> = ["wal", "history", LOCK, README, "backup.csv", "backup.new"].into();
        in_use.extend(checkpoint.file_name().and_then(|name| name.to_str()));
        let names = self.list(&self.directory)?;
        let orphans = names.iter().filter(|name| !in_use.contains(&name.as_str()));
        let mut notes: Vec<_> = orphans.map(|name| note(&self.directory, name)).collect();
        let location = self.wal("".into());
        let segments: Vec<_> =
            location.segments_above(newest)?.iter().map(|number| location.segment(*number)).collect();
        let names = self.list(&wal)?;
        notes.extend(names.iter().filter(|name| !segments.contains(&wal.join(name))).map(|name| note(&wal, name)));
        Ok(notes)
    }

    /// Notes the rows and files in the history directory that belong to no checkpoint.
    pub(super) fn find_history_orphans(&self, snapshot: &Snapshot) -> Result<Vec<String>, StoreError> {
        let directory = self.history_directory();
        let rows = snapshot.conversations.iter();
        let in_use: HashMap<_, _> = rows.map(|row| (self.history_path(row.id), row.filed.bytes)).collect();
        let mut notes = Vec::new();
        for name in self.list(&directory)? {
            let path = directory.join(&name);
            let Some(good) = in_use.get(&path) else {
                notes.push(note(&directory, &name));
                continue;
            };
            let (_, len) = self.open_history(&path, 0)?;
            if len > *good {
                let more = len - good;
                notes.push(format!("{}: its last {more} bytes are no part of it yet: {UNFINISHED}", path.display()));
            }
        }
        Ok(notes)
    }
}

fn note(directory: &Path, name: &str) -> String {
    let what =
        if name.ends_with(".broken") { "a torn batch that was moved aside; it may be deleted" } else { UNFINISHED };
    format!("{}: {what}", directory.join(name).display())
}
