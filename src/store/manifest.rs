//! What tells a whole backup from the beginning of one, and either from a store.

use std::path::PathBuf;

use super::check::Report;
use super::table::{Kind, Table, TableWriter};
use super::{Store, StoreError};
use crate::disk;
use crate::model::{Seq, Timestamp};

/// Says that a backup is whole, and how far it goes: written last.
const BACKUP: Kind = Kind { name: "backup", version: 1, columns: &["store", "last", "next_batch", "made_at"] };

/// How far a whole backup goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub store: String,
    pub last: Seq,
    pub next_batch: u64,
}

impl Store {
    /// Says that this backup is whole, and how far it goes: the commit point.
    pub(super) fn seal(&self, report: &Report) -> Result<(), StoreError> {
        let mut table = TableWriter::new(&BACKUP);
        let (last, next_batch) = (report.last.to_string(), report.next_batch.to_string());
        table.row(&[&report.store, &last, &next_batch, &Timestamp::now().to_string()]);
        let (new, whole) = (self.unfinished(), BACKUP.file(&self.directory));
        disk::write(&*self.disk, &new, &table.finish()).map_err(StoreError::io(&new))?;
        self.disk.rename(&new, &whole).map_err(StoreError::io(&whole))?;
        self.sync_dir(&self.directory)
    }

    /// How far this backup goes; `None` if this is none.
    pub(super) fn extent(&self) -> Result<Option<Extent>, StoreError> {
        let path = BACKUP.file(&self.directory);
        if !self.exists(&path)? {
            return Ok(None);
        }
        let rows = Table::read(&*self.disk, &self.directory, &BACKUP)?.each(|row| {
            Some(Extent {
                store: row.get(0)?.to_owned(),
                last: Seq::parse(row.get(1)?)?,
                next_batch: row.get(2)?.parse().ok()?,
            })
        })?;
        let what = "there should be one row".to_owned();
        rows.into_iter().next().map(Some).ok_or(StoreError::Damaged { file: path, line: 3, what })
    }

    /// In this place as long as a backup is not finished.
    pub(super) fn unfinished(&self) -> PathBuf {
        self.directory.join("backup.new")
    }

    /// Nobody serves a backup: see [`StoreError::IsBackup`].
    pub(super) fn refuse_backup(&self) -> Result<(), StoreError> {
        if self.exists(&self.unfinished())? || self.exists(&BACKUP.file(&self.directory))? {
            return Err(StoreError::IsBackup { directory: self.directory.clone() });
        }
        Ok(())
    }
}
