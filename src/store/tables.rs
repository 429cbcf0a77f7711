//! The tables of a checkpoint: one for each kind of row of a state (data/README.md has the columns).

use std::collections::HashMap;
use std::path::Path;

use super::error::StoreError;
use super::id_tables::TextIdRow;
use super::store_row::{Covers, Has, StoreRow};
use super::table::{TableReader, TableRow, TableWriter};
use crate::disk::Disk;
use crate::model::UserName;
use crate::state_machine::{AccountNumber, ApplyError, Head, IdKey, IdRow, SentMessage, StateRow, StoredState};

/// Writes the tables of a state into a directory, one row after the other, durable but for their names. Returns their length
/// in bytes.
pub(super) fn write(disk: &dyn Disk, directory: &Path, state: &StoredState, covers: Covers) -> Result<u64, StoreError> {
    let mut tables = TableWriter { disk, directory, bytes: 0 };
    tables.write([StoreRow { head: state.head(), covers, has: Has::ALL }])?;
    tables.write(state.accounts().cloned())?;
    tables.write(state.device_rows())?;
    tables.write(state.device_gap_rows())?;
    tables.write(state.waiting_rows())?;
    tables.write(state.chat_rows())?;
    tables.write(state.room_rows())?;
    tables.write(state.guest_rows())?;
    tables.write(state.member_rows())?;
    tables.write(state.log_rows())?;
    tables.write(state.room_marks_rows())?;
    tables.write(state.conversation_rows())?;
    tables.write(state.erasure_rows())?;
    tables.write(state.id_rows())?;
    tables.write(state.ban_rows())?;
    tables.write(state.permit_rows())?;
    Ok(tables.bytes)
}

/// A checkpoint whose row of the store was read.
pub(super) struct Tables<'a> {
    reader: TableReader<'a>,
    row: StoreRow,
    /// Length of that table in bytes.
    bytes: u64,
}

impl<'a> Tables<'a> {
    pub fn open(disk: &'a dyn Disk, checkpoint: &'a Path) -> Result<Self, StoreError> {
        let reader = TableReader { disk, directory: checkpoint };
        let mut found = None;
        let bytes = reader.each(|mut rows| {
            found = rows.pop();
            Ok(())
        })?;
        Ok(Self { row: found.ok_or_else(|| misnamed(checkpoint))?, reader, bytes })
    }

    /// Opens a checkpoint after all of its tables were verified; the errors are those of each damaged one.
    pub fn verify(disk: &'a dyn Disk, checkpoint: &'a Path) -> Result<Self, Vec<StoreError>> {
        let mut verify = Verify { reader: &TableReader { disk, directory: checkpoint }, errors: Vec::new() };
        let tables = Self::open(disk, checkpoint).map_err(|error| verify.errors.push(error));
        // Without its row the other tables are looked for all the same.
        visit(tables.as_ref().map_or(Has::ALL, |tables| tables.row.has), &mut verify);
        match tables {
            Ok(tables) if verify.errors.is_empty() => Ok(tables),
            _ => Err(verify.errors),
        }
    }

    pub fn head(&self) -> &Head {
        &self.row.head
    }

    pub fn covers(&self) -> Covers {
        self.row.covers
    }

    /// Reads all rows, in the order in which they are restored. Returns the length of all tables in bytes. After an error
    /// nothing counts that was taken.
    pub fn read(&self, take: &mut dyn FnMut(StateRow) -> Result<(), ApplyError>) -> Result<u64, StoreError> {
        let senders = (!self.row.has.id_key).then(HashMap::new);
        let mut read = Read { reader: &self.reader, id_key: self.row.head.id_key, senders, take, done: Ok(self.bytes) };
        visit(self.row.has, &mut read);
        read.done
    }
}

/// A task for each table of a checkpoint.
trait Visitor {
    /// Does it for the table of these rows.
    fn table<R: TableRow>(&mut self, row: fn(R) -> StateRow);
    /// Does it for the table of ids.
    fn ids(&mut self);
    /// Does it for that of a version before.
    fn ids_with_texts(&mut self);
}

/// Visits the tables, but for that of the store, in the order in which their rows are restored: a row names accounts and rooms
/// that came before it.
fn visit(has: Has, visitor: &mut impl Visitor) {
    visitor.table(StateRow::Account);
    if has.devices {
        visitor.table(StateRow::Device);
    }
    visitor.table(StateRow::Chat);
    if has.rights {
        visitor.table(StateRow::Permit);
    }
    if has.id_key {
        visitor.ids()
    } else {
        visitor.ids_with_texts()
    }
    visitor.table(StateRow::Ban);
    visitor.table(StateRow::Room);
    if has.devices {
        visitor.table(StateRow::DeviceGap);
    }
    visitor.table(StateRow::Member);
    if has.rights {
        visitor.table(StateRow::Guest);
    }
    visitor.table(StateRow::RoomMarks);
    visitor.table(StateRow::Log);
    visitor.table(StateRow::Conversation);
    if has.erasures {
        visitor.table(StateRow::Erasure);
    }
    visitor.table(StateRow::Waiting);
}

/// Verifies versions and checksums, and collects the errors.
struct Verify<'a> {
    reader: &'a TableReader<'a>,
    errors: Vec<StoreError>,
}

impl Verify<'_> {
    fn verify<R: TableRow>(&mut self) {
        self.errors.extend(self.reader.verify::<R>().err());
    }
}

impl Visitor for Verify<'_> {
    fn table<R: TableRow>(&mut self, _: fn(R) -> StateRow) {
        self.verify::<R>();
    }

    fn ids(&mut self) {
        self.verify::<IdRow>();
    }

    fn ids_with_texts(&mut self) {
        self.verify::<TextIdRow>();
    }
}

/// Hands the rows on, up to the first error.
struct Read<'a> {
    reader: &'a TableReader<'a>,
    id_key: IdKey,
    /// The accounts by name, for a table of ids that has the names.
    senders: Option<HashMap<UserName, AccountNumber>>,
    take: &'a mut dyn FnMut(StateRow) -> Result<(), ApplyError>,
    /// Length in bytes of the tables that were read.
    done: Result<u64, StoreError>,
}

impl Read<'_> {
    /// Reads a table and hands its rows on, unless an earlier table had an error.
    fn each<R: TableRow>(&mut self, mut hand_on: impl FnMut(&mut Self, Vec<R>) -> Result<(), ApplyError>) {
        let reader = self.reader;
        if let Ok(bytes) = self.done {
            let hand_on = |rows| hand_on(self, rows).map_err(|error| inconsistent(reader.directory, &error));
            self.done = reader.each(hand_on).map(|more| bytes + more);
        }
    }
}

impl Visitor for Read<'_> {
    fn table<R: TableRow>(&mut self, row: fn(R) -> StateRow) {
        self.each(|read, rows| {
            rows.into_iter().map(row).try_for_each(|row| {
                if let (Some(senders), StateRow::Account(row)) = (&mut read.senders, &row) {
                    senders.insert(row.name.clone(), AccountNumber::new(senders.len()));
                }
                (read.take)(row)
            })
        });
    }

    fn ids(&mut self) {
        self.each(|read, rows: Vec<IdRow>| {
            let each_account = rows.chunk_by(|one, next| one.account == next.account);
            each_account.filter_map(|rows| Some((rows.first()?.account, rows))).try_for_each(|(account, rows)| {
                (read.take)(StateRow::Ids(account, rows.iter().map(|row| row.sent).collect()))
            })
        });
    }

    fn ids_with_texts(&mut self) {
        self.each(|read, rows| {
            rows.into_iter().try_for_each(|TextIdRow { user, id, digest, seq, at }| {
                let account = read.senders.as_ref().and_then(|senders| senders.get(&user)).copied();
                let account = account.ok_or_else(|| ApplyError(format!("there is no account {user}")))?;
                (read.take)(StateRow::Ids(account, vec![SentMessage { id: read.id_key.hash(&id), digest, seq, at }]))
            })
        });
    }
}

/// Returns the error for tables that contradict each other.
pub(super) fn inconsistent(checkpoint: &Path, error: &ApplyError) -> StoreError {
    StoreError::damaged(checkpoint, 0, error.to_string())
}

/// Returns the error for a checkpoint whose directory bears the number of another one.
pub(super) fn misnamed(checkpoint: &Path) -> StoreError {
    let file = checkpoint.join(StoreRow::KIND.file_name());
    StoreError::damaged(&file, 3, "this is not the checkpoint that its directory is named for")
}
