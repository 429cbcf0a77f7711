//! The manifest of a backup, `backup.csv`: it tells a whole backup from an unfinished one, and either from a store.

use std::path::PathBuf;

use super::check::Report;
use super::table::{Kind, Row, RowWriter, TableReader, TableRow, to_bytes};
use super::{Problem, Store, StoreError};
use crate::model::{Seq, Timestamp};

/// The extent of a whole backup.
pub(super) struct Manifest {
    pub store: String,
    pub last: Seq,
    pub next_batch: u64,
}

impl TableRow for Manifest {
    const KIND: Kind = Kind { name: "backup", version: 1, columns: &["store", "last", "next_batch", "made_at"] };

    fn write(&self, to: &mut RowWriter) {
        to.text(&self.store).field(self.last).field(self.next_batch).field(Timestamp::now());
    }

    fn read(row: &Row) -> Option<Self> {
        Some(Self { store: row.get(0)?.to_owned(), last: row.seq(1)?, next_batch: row.number(2)? })
    }
}

impl Store {
    /// Writes the manifest of a verified backup, last of all: the commit point.
    pub(super) fn write_manifest(&self, report: &Report) -> Result<(), StoreError> {
        let (store, last, next_batch) = (report.store.clone(), report.last, report.next_batch);
        let new = self.backup_marker();
        self.write_file(&new, &to_bytes(&[Manifest { store, last, next_batch }]))?;
        self.rename(&new, &self.manifest())
    }

    /// Reads the manifest; `None` if this is no backup.
    pub(super) fn read_manifest(&self) -> Result<Option<Manifest>, StoreError> {
        if !self.exists(&self.manifest())? {
            return Ok(None);
        }
        let row = TableReader::new(&*self.disk, &self.directory).read()?.pop();
        row.map(Some).ok_or_else(|| StoreError::damaged(&self.manifest(), 3, "there should be one row"))
    }

    fn manifest(&self) -> PathBuf {
        self.directory.join(Manifest::KIND.file_name())
    }

    /// Returns the path of the file that exists as long as a backup is not finished.
    pub(super) fn backup_marker(&self) -> PathBuf {
        self.directory.join("backup.new")
    }

    /// Refuses a backup: see [`Problem::IsBackup`].
    pub(super) fn refuse_backup(&self) -> Result<(), StoreError> {
        if self.exists(&self.backup_marker())? || self.exists(&self.manifest())? {
            return Err(Problem::IsBackup.at(&self.directory));
        }
        Ok(())
    }
}
