//! The directory of a write-ahead log, and the segments in it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::{WalError, missing_or_io};
use crate::disk::Disk;

/// A log's directory and owner.
#[derive(Clone)]
pub struct Location {
    pub disk: Arc<dyn Disk>,
    pub directory: PathBuf,
    /// Name of the store, or of the kind of log; written in each segment's head. A segment of another owner is
    /// refused. A short text that needs neither quotes nor escapes.
    pub owner: Arc<str>,
}

impl Location {
    /// Returns the path of a segment: `000001.csv`.
    pub fn segment(&self, number: u64) -> PathBuf {
        self.directory.join(format!("{number:06}.csv"))
    }

    /// Returns the numbers of the segments that exist above a number, in order.
    pub fn segments_above(&self, number: u64) -> Result<Vec<u64>, WalError> {
        let mut above: Vec<u64> = self.list()?.iter().filter_map(|name| segment_number(name)).collect();
        above.retain(|n| *n > number);
        // Names of more than six digits are not in the order of their numbers.
        above.sort_unstable();
        Ok(above)
    }

    /// Removes the segments up to a number: a checkpoint or a compaction covers them.
    pub fn remove_upto(&self, number: u64) -> Result<(), WalError> {
        self.remove(|name| segment_number(name).is_some_and(|n| n <= number))
    }

    /// Removes the segments up to a number and those that were never finished, and makes the names of the
    /// others durable: the process that created them may have been killed before it could.
    pub(super) fn clean_up(&self, upto: u64) -> Result<(), WalError> {
        self.remove_upto(upto)?;
        self.remove(|name| name.ends_with(".new"))?;
        self.sync()
    }

    /// Removes the torn batches that were set aside: they were never confirmed, and may have a text that is to be in no file.
    pub fn remove_set_aside(&self) -> Result<(), WalError> {
        self.remove(|name| name.ends_with(".broken"))?;
        self.sync()
    }

    /// Makes the names in the directory durable.
    pub fn sync(&self) -> Result<(), WalError> {
        self.disk.sync_dir(&self.directory).map_err(WalError::io(&self.directory))
    }

    fn list(&self) -> Result<Vec<String>, WalError> {
        self.disk.list(&self.directory).map_err(missing_or_io(&self.directory))
    }

    fn remove(&self, is_superfluous: impl Fn(&str) -> bool) -> Result<(), WalError> {
        for name in self.list()?.iter().filter(|name| is_superfluous(name)) {
            let path = self.directory.join(name);
            self.disk.remove_file(&path).map_err(WalError::io(&path))?;
        }
        Ok(())
    }
}

/// Returns the number of the segment that a file's name stands for.
fn segment_number(name: &str) -> Option<u64> {
    Path::new(name).extension().filter(|extension| *extension == "csv")?;
    name.strip_suffix(".csv")?.parse().ok()
}
