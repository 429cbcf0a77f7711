//! The manifest of a backup, `backup.csv`: it tells a whole backup from an unfinished one, and either from a store.

use std::path::PathBuf;

use super::check::Report;
use super::table::{Kind, Table, TableWriter};
use super::{Problem, Store, StoreError};
use crate::model::{Seq, Timestamp};

const BACKUP: Kind = Kind { name: "backup", version: 1, columns: &["store", "last", "next_batch", "made_at"] };

/// The extent of a whole backup.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Manifest {
    pub store: String,
    pub last: Seq,
    pub next_batch: u64,
}

impl Store {
    /// Writes the manifest of a verified backup, last of all: the commit point.
    pub(super) fn write_manifest(&self, report: &Report) -> Result<(), StoreError> {
        let mut table = TableWriter::new(&BACKUP);
        let (last, next_batch) = (report.last.to_string(), report.next_batch.to_string());
        table.row(&[&report.store, &last, &next_batch, &Timestamp::now().to_string()]);
        let new = self.backup_marker();
        self.write_file(&new, &table.finish())?;
        self.rename(&new, &BACKUP.file(&self.directory))
    }

    /// Reads the manifest; `None` if this is no backup.
    pub(super) fn read_manifest(&self) -> Result<Option<Manifest>, StoreError> {
        let path = BACKUP.file(&self.directory);
        if !self.exists(&path)? {
            return Ok(None);
        }
        let rows = Table::read(&*self.disk, &self.directory, &BACKUP)?.each(|row| {
            let (store, next_batch) = (row.get(0)?.to_owned(), row.get(2)?.parse().ok()?);
            Some(Manifest { store, last: row.seq(1)?, next_batch })
        })?;
        rows.into_iter().next().map(Some).ok_or_else(|| StoreError::damaged(&path, 3, "there should be one row"))
    }

    /// Returns the path of the file that exists as long as a backup is not finished.
    pub(super) fn backup_marker(&self) -> PathBuf {
        self.directory.join("backup.new")
    }

    /// Refuses a backup: see [`Problem::IsBackup`].
    pub(super) fn refuse_backup(&self) -> Result<(), StoreError> {
        if self.exists(&self.backup_marker())? || self.exists(&BACKUP.file(&self.directory))? {
            return Err(Problem::IsBackup.at(&self.directory));
        }
        Ok(())
    }
}
