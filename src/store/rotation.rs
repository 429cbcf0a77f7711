//! Backups with rotation: a folder that keeps the newest ones, each in a directory named for the time at which it was made.

use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use super::check::Report;
use super::data_directory::Store;
use super::error::{Problem, StoreError};
use crate::model::Timestamp;

/// Locked by the process that makes a backup in a folder.
const LOCK: &str = "lock";

/// A backup that was made in a folder.
pub struct Rotated {
    pub backup: PathBuf,
    pub report: Report,
    /// The older backups that were removed.
    pub removed: Vec<PathBuf>,
}

impl Store {
    /// Makes a backup in a directory of its own in a folder, and verifies it. Only then are the oldest backups there
    /// removed, so that `keep` are left.
    pub fn backup_into(&self, folder: &Path, keep: NonZeroUsize) -> Result<Rotated, StoreError> {
        self.create_dir(folder)?;
        let lock = folder.join(LOCK);
        let _lock = self.disk.lock(&lock).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => Problem::BackupRuns.at(folder),
            _ => StoreError::io(&lock)(error),
        })?;
        let name = directory_name(Timestamp::now());
        let backup = folder.join(&name);
        let report = self.backup(&backup)?;
        let removed = self.superfluous_backups(folder, &name, keep.get() - 1)?;
        removed.iter().try_for_each(|old| self.remove_backup(old))?;
        self.sync_dir(folder)?;
        Ok(Rotated { backup, report, removed })
    }

    /// Returns the backups in a folder beside the newest one and those that are kept with it: the oldest, and those that
    /// were not finished.
    fn superfluous_backups(&self, folder: &Path, newest: &str, keep: usize) -> Result<Vec<PathBuf>, StoreError> {
        let mut whole = Vec::new();
        let mut superfluous = Vec::new();
        for name in self.list(folder)?.iter().filter(|name| is_directory_name(name) && *name != newest) {
            let old = self.beside(&folder.join(name));
            let list = if old.exists(&old.manifest())? { &mut whole } else { &mut superfluous };
            list.push(old.directory);
        }
        whole.truncate(whole.len().saturating_sub(keep));
        superfluous.append(&mut whole);
        Ok(superfluous)
    }

    fn beside(&self, directory: &Path) -> Self {
        Self::with_capacities(self.disk.clone(), directory, self.capacities)
    }

    /// Removes a backup, or what is left of one. From the first step on it is not taken for a whole one.
    fn remove_backup(&self, directory: &Path) -> Result<(), StoreError> {
        let old = self.beside(directory);
        if old.exists(&old.manifest())? {
            old.rename(&old.manifest(), &old.backup_marker())?;
        }
        old.remove_content()?;
        self.remove_dir(directory)
    }
}

/// Returns the name of a backup's directory: `2026-11-23T02-00-00Z`. In the order of the names the oldest is the first.
fn directory_name(at: Timestamp) -> String {
    let at = at.to_string();
    format!("{}Z", at.get(..19).unwrap_or(&at).replace(':', "-"))
}

fn is_directory_name(name: &str) -> bool {
    let at = name.split_once('T').map(|(day, time)| format!("{day}T{}", time.replace('-', ":")));
    at.and_then(|at| Timestamp::parse(&at)).is_some_and(|at| directory_name(at) == name)
}
