//! Verifies a whole store, every byte of it, and changes nothing.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::Path;

use super::checkpoint::ReplayInto;
use super::cross_check::CrossCheck;
use super::data_directory::{BESIDE, CONTROL_SOCKET, LOCK, Store};
use super::error::{Problem, StoreError};
use super::tables::{self, Tables};
use crate::model::Seq;
use crate::state_machine::{DeviceRow, Snapshot, StoredState};
use crate::wal;

/// Note about a file that is not in use. It is no damage.
const UNFINISHED: &str = "left by something that was interrupted, or not of the store's";

/// The content of a store, and its damage.
#[derive(Debug, Default)]
pub struct Report {
    pub store: String,
    /// The newest number.
    pub last: Seq,
    pub next_batch: u64,
    /// Accounts that were not removed.
    pub users: usize,
    pub messages: u64,
    pub conversations: usize,
    /// Segments of the write-ahead log after the checkpoint.
    pub segments: u64,
    /// Size of the checkpoint, the history and the write-ahead log.
    pub bytes: u64,
    /// Remarks that are no damage, a line each.
    pub notes: Vec<String>,
    /// A line each: which file, which line of it, and what is wrong.
    pub damage: Vec<String>,
    /// The first call that failed.
    unreadable: Option<StoreError>,
}

impl Report {
    /// Adds an error to the damage. That of a call is none: what it would have read may be as it was written.
    fn add_damage(&mut self, error: StoreError) {
        match error.problem {
            Problem::Io(_) => _ = self.unreadable.get_or_insert(error),
            _ => self.damage.push(error.what()),
        }
    }

    /// Returns the value, or adds the error to the damage.
    fn ok_or_damage<T>(&mut self, result: Result<T, StoreError>) -> Option<T> {
        result.map_err(|error| self.add_damage(error)).ok()
    }
}

impl Store {
    /// Verifies everything that this directory holds, and changes nothing. An error says why it cannot
    /// be verified: there is no store, or a server holds it.
    pub fn check(&self) -> Result<Report, StoreError> {
        if !self.exists(&self.directory)? {
            return Err(Problem::NoStore.at(&self.directory));
        }
        // A server creates the file first: where it does not exist, no server runs. Nor does one where no file can be
        // locked.
        let _lock = match self.disk.lock_for_reading(&self.lock_path()) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(Problem::Locked.at(&self.directory)),
            lock => lock.ok(),
        };
        if self.exists(&self.backup_marker())? {
            return Err(Problem::NoBackup.at(&self.directory));
        }
        self.refuse_half_restored()?;
        if self.is_new()? {
            return Err(Problem::NoStore.at(&self.directory));
        }
        Ok(self.verify()?.0)
    }

    /// Returns the report, and the state that a start would recover if there is no damage.
    pub(super) fn verify(&self) -> Result<(Report, Option<StoredState>), StoreError> {
        let mut report = Report::default();
        let state = self.verify_into(&mut report);
        report.unreadable.take().map_or(Ok((report, state)), Err)
    }

    fn verify_into(&self, report: &mut Report) -> Option<StoredState> {
        let newest = report.ok_or_damage(self.newest_checkpoint())?;
        report.notes = report.ok_or_damage(self.find_orphans(newest)).unwrap_or_default();
        let tables = self.checkpoint_path(newest);
        let mut snapshot = Snapshot::default();
        let read = Tables::verify(&*self.disk, &tables).and_then(|read| {
            snapshot.head = read.head().clone();
            let mut add = |row| {
                snapshot.add(row);
                Ok(())
            };
            let bytes = read.read(&mut add).map_err(|error| vec![error])?;
            Ok((read.covers(), bytes))
        });
        let (covers, bytes) = match read {
            Ok(read) => read,
            Err(errors) => {
                for error in errors {
                    report.add_damage(error);
                }
                let note = "the history and the write-ahead log were not read: the tables say what should be in them";
                report.notes.push(note.to_owned());
                return None;
            }
        };
        if covers.segment != newest {
            report.add_damage(tables::misnamed(&tables));
        }
        report.bytes = bytes;
        check_tables(&tables, &snapshot, report);
        self.check_histories(&tables, &snapshot, report);
        report.conversations = snapshot.conversations.len();
        report.store = snapshot.head.store.to_string();
        let restored = StoredState::restore(snapshot, self.capacities);
        let state = report.ok_or_damage(restored.map_err(|error| tables::inconsistent(&tables, &error)))?;
        self.check_wal(state, newest, covers.next_batch, report)
    }

    fn check_histories(&self, tables: &Path, snapshot: &Snapshot, report: &mut Report) {
        let mut cross_check = CrossCheck::new(snapshot);
        let before = report.damage.len();
        for row in &snapshot.conversations {
            let Some(participants) = row.id.participants(&snapshot.accounts, &snapshot.rooms) else { continue };
            let rows = self.check_history(row, &participants, &mut cross_check);
            report.messages += report.ok_or_damage(rows).unwrap_or(0);
            report.bytes += row.filed.bytes;
        }
        let orphans = report.ok_or_damage(self.find_history_orphans(snapshot));
        report.notes.extend(orphans.unwrap_or_default());
        // In a file that could not be read to its end there are more.
        if report.damage.len() == before {
            let missing = cross_check.into_missing();
            report.damage.extend(missing.map(|what| format!("{}/{what}", tables.display())));
        }
    }

    fn check_wal(&self, mut state: StoredState, after: u64, batch: u64, report: &mut Report) -> Option<StoredState> {
        report.ok_or_damage(self.expect_segment_after(after, &state.store))?;
        let location = self.wal(state.store.clone());
        let inspected = wal::inspect(&location, after, batch, &mut ReplayInto(&mut state));
        let inspected = report.ok_or_damage(inspected.map_err(StoreError::from))?;
        report.notes.extend(inspected.torn_tail.map(|torn| torn.to_string()));
        (report.segments, report.next_batch) = (inspected.segments, inspected.next_batch);
        report.bytes += inspected.bytes;
        report.last = state.last;
        report.users = state.password_hashes().filter(|(_, hash)| hash.is_some()).count();
        report.messages += state.pending_history().map(|(_, _, rows)| rows.len() as u64).sum::<u64>();
        report.conversations += state.pending_history().filter(|(_, filed, _)| filed.bytes == 0).count();
        self.check_manifest(report)?;
        Some(state)
    }

    /// Compares a backup's manifest with the content.
    fn check_manifest(&self, report: &mut Report) -> Option<()> {
        let manifest = report.ok_or_damage(self.read_manifest())?;
        if let Some(manifest) = manifest
            && (&manifest.store, manifest.last, manifest.next_batch) != (&report.store, report.last, report.next_batch)
        {
            report.damage.push(format!(
                "{}: the backup went to number {} and batch {}, and the write-ahead log now ends at number {} and batch {}",
                self.wal_directory().display(),
                manifest.last,
                manifest.next_batch.saturating_sub(1),
                report.last,
                report.next_batch.saturating_sub(1)
            ));
        }
        Some(())
    }

    /// Notes files beside the checkpoint, the log and the history, and segments that a checkpoint covers.
    pub(super) fn find_orphans(&self, newest: u64) -> Result<Vec<String>, StoreError> {
        let checkpoint = self.checkpoint_path(newest);
        let wal = self.wal_directory();
        let mut in_use: Vec<_> = ["wal", "history", LOCK, CONTROL_SOCKET, "backup.csv", "backup.new"].into();
        in_use.extend(BESIDE);
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
        let in_use: HashMap<_, _> =
            rows.map(|row| (self.history_path(row.id, row.filed.rewritten), row.filed.bytes)).collect();
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

/// Finds numbers that are higher than the last one, and events that wait although they were acknowledged.
fn check_tables(tables: &Path, snapshot: &Snapshot, report: &mut Report) {
    let last = snapshot.head.last;
    let mut add = |table: &str, what: String| report.damage.push(format!("{}: {what}", tables.join(table).display()));
    for (table, whose, number) in numbers(snapshot).filter(|(_, _, number)| *number > last) {
        add(table, format!("{number} of {whose} is past the last number, {last}"));
    }
    let accounts = snapshot.accounts.iter();
    let mut acknowledged: HashMap<_, _> = accounts.map(|row| (&row.name, row.acknowledged)).collect();
    for DeviceRow { user, device } in &snapshot.devices {
        if let Some((lowest, upto)) = acknowledged.get_mut(user).zip(device.acknowledged) {
            *lowest = upto.min(*lowest);
        }
    }
    for row in &snapshot.waiting {
        if acknowledged.get(&row.user).is_some_and(|upto| row.seq() <= *upto) {
            let what = format!("{} waits for {}, who has acknowledged it on all devices", row.seq(), row.user);
            add("offline.csv", what);
        }
    }
}

/// A number in a table: the table, its user or room, the number.
type Number<'a> = (&'static str, &'a dyn fmt::Display, Seq);

/// Returns all numbers in the tables.
fn numbers(snapshot: &Snapshot) -> impl Iterator<Item = Number<'_>> {
    let users = snapshot.accounts.iter().map(|row| -> Number { ("users.csv", &row.name, row.acknowledged) });
    let waiting = snapshot.waiting.iter().map(|row| -> Number { ("offline.csv", &row.user, row.seq()) });
    let read = snapshot.chats.iter().map(|row| -> Number { ("marks.csv", &row.user, row.chat.read) });
    let filed = snapshot.conversations.iter().flat_map(|row| {
        [row.filed.upto, row.filed.erased_upto].map(|number| -> Number { ("conversations.csv", &row.id, number) })
    });
    let sent = snapshot.ids.iter().map(|row| -> Number { ("ids.csv", &row.account, row.sent.seq) });
    let rooms = snapshot
        .rooms
        .iter()
        .flat_map(|row| [row.dropped, row.dropped_other].map(|number| -> Number { ("rooms.csv", &row.name, number) }));
    let members = snapshot.members.iter().flat_map(|row| {
        [row.member.joined, row.member.acknowledged, row.member.read, row.member.gap]
            .map(|number| -> Number { ("members.csv", &row.user, number) })
    });
    let logs = snapshot.logs.iter().map(|row| -> Number { ("room_logs.csv", &row.room, row.seq) });
    let marks = snapshot.room_marks.iter().flat_map(|row| {
        [row.marks.delivered, row.marks.read].map(|number| -> Number { ("room_marks.csv", &row.user, number) })
    });
    let devices = snapshot.devices.iter();
    let devices = devices.filter_map(|row| Some(("devices.csv", &row.user, row.device.acknowledged?)));
    let devices = devices.map(|(table, user, number)| -> Number { (table, user, number) });
    let erased = snapshot
        .erasures
        .iter()
        .flat_map(|row| [row.seq, row.first, row.last].map(|number| -> Number { ("erasures.csv", &row.id, number) }));
    let gaps = snapshot.device_gaps.iter().map(|row| -> Number { ("device_gaps.csv", &row.user, row.first) });
    users
        .chain(devices)
        .chain(gaps)
        .chain(waiting)
        .chain(read)
        .chain(filed)
        .chain(sent)
        .chain(rooms)
        .chain(members)
        .chain(logs)
        .chain(marks)
        .chain(erased)
}

fn note(directory: &Path, name: &str) -> String {
    let what =
        if name.ends_with(".broken") { "a torn batch that was moved aside; it may be deleted" } else { UNFINISHED };
    format!("{}: {what}", directory.join(name).display())
}
