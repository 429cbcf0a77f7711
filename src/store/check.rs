//! Verifies a whole store, every byte of it, by reading alone.

use std::fmt;
use std::path::Path;

use super::cross_check::Known;
use super::{Store, StoreError, tables};
use crate::model::Seq;
use crate::state_machine::{Policy, Snapshot, StateMachine};
use crate::wal;

/// What a store holds, and what is wrong with it.
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
    /// Of the write-ahead log, after the checkpoint.
    pub segments: u64,
    /// Of the checkpoint, the history and the write-ahead log.
    pub bytes: u64,
    /// What is no damage and still worth knowing, a line each.
    pub notes: Vec<String>,
    /// A line each: which file, which line of it, and what is wrong.
    pub damage: Vec<String>,
}

impl Report {
    fn damaged(&mut self, error: &StoreError) {
        self.damage.push(error.what());
    }

    /// Notes an error; gives the value where there is none.
    fn take<T>(&mut self, result: Result<T, StoreError>) -> Option<T> {
        result.map_err(|error| self.damaged(&error)).ok()
    }
}

impl Store {
    /// Verifies everything that this directory holds, and changes nothing. An error says why it cannot
    /// be looked at: there is no store, or a server has it.
    pub fn check(&self) -> Result<Report, StoreError> {
        let nothing = || StoreError::NoStore { directory: self.directory.clone() };
        if !self.exists(&self.directory)? {
            return Err(nothing());
        }
        // Who serves a directory has made the file first: where there is none, nobody does.
        let _lock = if self.exists(&self.lock_path())? { Some(self.lock()?) } else { None };
        if self.exists(&self.unfinished())? {
            return Err(StoreError::NoBackup { directory: self.directory.clone() });
        }
        self.refuse_half_restored()?;
        if self.is_new()? {
            return Err(nothing());
        }
        Ok(self.verify().0)
    }

    /// What is found, and the state that a start would come to if it is whole.
    pub(super) fn verify(&self) -> (Report, Option<StateMachine>) {
        let mut report = Report::default();
        let machine = self.verify_into(&mut report);
        (report, machine)
    }

    fn verify_into(&self, report: &mut Report) -> Option<StateMachine> {
        let newest = self.newest_checkpoint();
        let newest = report.take(newest)?;
        let leftovers = self.leftovers(newest);
        report.notes = report.take(leftovers).unwrap_or_default();
        let tables = self.checkpoint_path(newest);
        let read = match tables::read_all(&*self.disk, &tables) {
            Ok(read) => read,
            Err(errors) => {
                errors.iter().for_each(|error| report.damaged(error));
                report.notes.push(
                    "the history and the write-ahead log were not looked into: the tables say what should be in them"
                        .to_owned(),
                );
                return None;
            }
        };
        if read.segment != newest {
            report.damaged(&tables::misnamed(&tables));
        }
        report.bytes = read.bytes;
        self.check_tables(&tables, &read.snapshot, report);
        self.check_histories(&tables, &read.snapshot, report);
        report.conversations = read.snapshot.conversations.len();
        report.store = read.snapshot.store.to_string();
        let restored = StateMachine::restore(read.snapshot, Policy::default());
        let machine = report.take(restored.map_err(|error| tables::inconsistent(&tables, &error)))?;
        self.check_wal(machine, newest, read.next_batch, report)
    }

    /// Numbers that are past the last there is, and what is acknowledged and waits all the same.
    fn check_tables(&self, tables: &Path, snapshot: &Snapshot, report: &mut Report) {
        let last = snapshot.last;
        let mut wrong = |table: &str, what: String| {
            report.damage.push(format!("{}: {what}", tables.join(table).display()));
        };
        for (table, whose, number) in numbers(snapshot).filter(|(_, _, number)| *number > last) {
            wrong(table, format!("{number} of {whose} is past the last number, {last}"));
        }
        let acknowledged: std::collections::HashMap<_, _> =
            snapshot.accounts.iter().map(|row| (&row.name, row.acknowledged)).collect();
        for row in &snapshot.waiting {
            if acknowledged.get(&row.user).is_some_and(|upto| row.event.seq() <= *upto) {
                wrong("offline.csv", format!("{} waits for {}, who has acknowledged it", row.event.seq(), row.user));
            }
        }
    }

    fn check_histories(&self, tables: &Path, snapshot: &Snapshot, report: &mut Report) {
        let mut known = Known::of(snapshot);
        let before = report.damage.len();
        for row in &snapshot.conversations {
            let Some(participants) = row.id.participants(&snapshot.accounts, &snapshot.rooms) else { continue };
            let rows = self.check_history(row, &participants, &mut known);
            report.messages += report.take(rows).unwrap_or(0);
            report.bytes += row.filed.bytes;
        }
        let unknown = self.unknown_histories(snapshot);
        let unknown = report.take(unknown).unwrap_or_default();
        report.notes.extend(unknown);
        // A file that could not be read to its end says enough.
        if report.damage.len() == before {
            let missing = known.missing();
            report.damage.extend(missing.iter().map(|what| format!("{}/{what}", tables.display())));
        }
    }

    fn check_wal(
        &self,
        mut machine: StateMachine,
        after: u64,
        batch: u64,
        report: &mut Report,
    ) -> Option<StateMachine> {
        let location = self.wal(machine.store().clone());
        let inspected =
            wal::inspect(&location, after, batch, &mut |line| machine.replay(line).map_err(|error| error.to_string()));
        let inspected = report.take(inspected.map_err(StoreError::from))?;
        report.notes.extend(inspected.torn_tail.map(|torn| torn.to_string()));
        (report.segments, report.next_batch) = (inspected.segments, inspected.next_batch);
        report.bytes += inspected.bytes;
        report.last = machine.last();
        report.users = machine.accounts().filter(|(_, hash)| hash.is_some()).count();
        report.messages += machine.unfiled().map(|(_, _, rows)| rows.len() as u64).sum::<u64>();
        report.conversations += machine.unfiled().filter(|(_, filed, _)| filed.bytes == 0).count();
        let extent = self.extent();
        let extent = report.take(extent)?;
        if let Some(extent) = extent
            && (&extent.store, extent.last, extent.next_batch) != (&report.store, report.last, report.next_batch)
        {
            report.damage.push(format!(
                "{}: the backup went to number {} and batch {}, and the write-ahead log now ends at number {} and batch {}",
                self.wal_directory().display(),
                extent.last,
                extent.next_batch.saturating_sub(1),
                report.last,
                report.next_batch.saturating_sub(1)
            ));
        }
        Some(machine)
    }
}

/// All numbers in the tables: of which table, whose, and the number.
fn numbers(snapshot: &Snapshot) -> impl Iterator<Item = (&'static str, &dyn fmt::Display, Seq)> {
    type RequestedTarget<'a> = (&'static str, &'a dyn fmt::Display, Seq);
    let users = snapshot.accounts.iter().map(|row| -> RequestedTarget { ("users.csv", &row.name, row.acknowledged) });
    let waiting = snapshot.waiting.iter().map(|row| -> RequestedTarget { ("offline.csv", &row.user, row.event.seq()) });
    let read = snapshot.chats.iter().map(|row| -> RequestedTarget { ("marks.csv", &row.user, row.read) });
    let filed =
        snapshot.conversations.iter().map(|row| -> RequestedTarget { ("conversations.csv", &row.id, row.filed.upto) });
    let sent = snapshot.ids.iter().map(|row| -> RequestedTarget { ("ids.csv", &row.user, row.sent.seq) });
    let rooms = snapshot.rooms.iter().flat_map(|row| {
        [row.dropped, row.dropped_other].map(|number| -> RequestedTarget { ("rooms.csv", &row.name, number) })
    });
    let members = snapshot.members.iter().flat_map(|row| {
        [row.joined, row.acknowledged, row.read].map(|number| -> RequestedTarget { ("members.csv", &row.user, number) })
    });
    let logs = snapshot.logs.iter().map(|row| -> RequestedTarget { ("room_logs.csv", &row.room, row.seq) });
    let marks = snapshot.room_marks.iter().flat_map(|row| {
        [row.delivered, row.read].map(|number| -> RequestedTarget { ("room_marks.csv", &row.user, number) })
    });
    users.chain(waiting).chain(read).chain(filed).chain(sent).chain(rooms).chain(members).chain(logs).chain(marks)
}
