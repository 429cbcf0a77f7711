//! The tables of a checkpoint: one for each kind of row in a snapshot (data/README.md has the columns).

use std::path::Path;
use std::time::Duration;

use super::error::StoreError;
use super::history::{file_name, parse_file_name};
use super::table::{Kind, Row, RowWriter, TableReader, TableRow, to_bytes};
use crate::cluster::{EntryHash, Link};
use crate::disk::Disk;
use crate::model::{Banned, DeviceName, Email, KeyDigest, MessageId, Seq, ShortText, State, Target, Timestamp};
use crate::protocol::Event;
use crate::state_machine::{
    AccountRow, ApplyError, Ban, BanRow, Chat, ChatRow, ConversationId, ConversationRow, Device, DeviceClock,
    DeviceGapRow, DeviceNumber, DeviceRow, Digest, ErasureRow, HistoryPrefix, IdRow, PermitRow, RemovedRows,
    SentMessage, Snapshot, WaitingRow, WaitingRowEvent,
};

/// A checkpoint that was read.
pub(super) struct Read {
    pub snapshot: Snapshot,
    /// The last segment that it covers.
    pub segment: u64,
    pub next_batch: u64,
    /// The time of the last clean-up.
    pub cleaned_at: Option<Timestamp>,
    pub bytes: u64,
}

/// The log that a checkpoint covers, and the last clean-up.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Covers {
    /// The last segment.
    pub segment: u64,
    /// The number of the batch after it.
    pub next_batch: u64,
    pub cleaned_at: Option<Timestamp>,
}

/// Reads all tables of a checkpoint; an error is that of the first damaged one.
pub(super) fn read(disk: &dyn Disk, checkpoint: &Path) -> Result<Read, StoreError> {
    let no_row = || misnamed(checkpoint);
    read_all(disk, checkpoint).map_err(|errors| errors.into_iter().next().unwrap_or_else(no_row))
}

/// Reads all tables of a checkpoint; errors are those of each damaged one.
pub(super) fn read_all(disk: &dyn Disk, checkpoint: &Path) -> Result<Read, Vec<StoreError>> {
    let mut reader = TableReader::new(disk, checkpoint);
    let row = reader.rows::<StoreRow>().pop();
    if row.is_none() && reader.errors.is_empty() {
        reader.errors.push(misnamed(checkpoint));
    }
    // Without its row the other tables are looked for all the same.
    let has_devices = row.as_ref().is_none_or(|row| row.has_devices);
    let has_rights = row.as_ref().is_none_or(|row| row.has_rights);
    let has_erasures = row.as_ref().is_none_or(|row| row.has_erasures);
    let StoreRow { store, last, segment, next_batch, cleaned_at, device_clock, link, .. } = row.unwrap_or_default();
    let snapshot = Snapshot {
        store: store.into(),
        link,
        last,
        device_clock,
        accounts: reader.rows(),
        devices: if has_devices { reader.rows() } else { Vec::new() },
        device_gaps: if has_devices { reader.rows() } else { Vec::new() },
        waiting: reader.rows(),
        chats: reader.rows(),
        rooms: reader.rows(),
        guests: if has_rights { reader.rows() } else { Vec::new() },
        members: reader.rows(),
        logs: reader.rows(),
        room_marks: reader.rows(),
        conversations: reader.rows(),
        erasures: if has_erasures { reader.rows() } else { Vec::new() },
        ids: reader.rows(),
        bans: reader.rows(),
        permits: if has_rights { reader.rows() } else { Vec::new() },
    };
    let TableReader { bytes, errors, .. } = reader;
    if errors.is_empty() { Ok(Read { snapshot, segment, next_batch, cleaned_at, bytes }) } else { Err(errors) }
}

/// Returns the name and the content of every table's file.
pub(super) fn write(snapshot: &Snapshot, covers: Covers) -> Vec<(String, Vec<u8>)> {
    fn table<R: TableRow>(rows: &[R]) -> (String, Vec<u8>) {
        (R::KIND.file_name(), to_bytes(rows))
    }
    let Covers { segment, next_batch, cleaned_at } = covers;
    vec![
        table(&[StoreRow {
            store: snapshot.store.to_string(),
            last: snapshot.last,
            segment,
            next_batch,
            cleaned_at,
            has_devices: true,
            device_clock: snapshot.device_clock,
            has_rights: true,
            has_erasures: true,
            link: snapshot.link,
        }]),
        table(&snapshot.accounts),
        table(&snapshot.devices),
        table(&snapshot.device_gaps),
        table(&snapshot.waiting),
        table(&snapshot.chats),
        table(&snapshot.rooms),
        table(&snapshot.guests),
        table(&snapshot.members),
        table(&snapshot.logs),
        table(&snapshot.room_marks),
        table(&snapshot.conversations),
        table(&snapshot.erasures),
        table(&snapshot.ids),
        table(&snapshot.bans),
        table(&snapshot.permits),
    ]
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

/// The one row of `store.csv`.
#[derive(Default)]
struct StoreRow {
    store: String,
    last: Seq,
    segment: u64,
    next_batch: u64,
    cleaned_at: Option<Timestamp>,
    /// There are tables of devices. Version 1 has none.
    has_devices: bool,
    /// Versions 1 and 2 have none.
    device_clock: DeviceClock,
    /// Rooms have owners, and there are tables of guests and permits. Versions 1 to 3 have none.
    has_rights: bool,
    /// There is a table of messages that were taken back. Versions 1 to 4 have none.
    has_erasures: bool,
    /// Versions 1 to 5 have none.
    link: Option<Link>,
}

impl TableRow for StoreRow {
    const KIND: Kind = Kind {
        name: "store",
        version: 6,
        columns: &[
            "store",
            "last",
            "segment",
            "next_batch",
            "cleaned_at",
            "devices",
            "looked_at",
            "device_time",
            "rights",
            "erasures",
            "entry",
            "entry_bytes",
            "entry_time",
        ],
    };

    fn write(&self, to: &mut RowWriter) {
        to.text(&self.store).field(self.last).field(self.segment).field(self.next_batch).optional(self.cleaned_at);
        let DeviceClock { looked_at, time } = self.device_clock;
        to.flag(self.has_devices).optional(looked_at).field(time.as_millis());
        to.flag(self.has_rights).flag(self.has_erasures);
        // The number of the entry is that of the last batch.
        to.optional(self.link.map(|link| link.hash)).optional(self.link.map(|link| link.bytes));
        to.optional(self.link.map(|link| link.time));
    }

    fn read(row: &Row) -> Option<Self> {
        // The heads of the log's segments have it as it is, without quotes.
        let is_name = |name: &&str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let store = row.get(0).filter(is_name)?.to_owned();
        let last = row.seq(1)?;
        let cleaned_at = row.optional_time(4)?;
        let has_table = |column| if row.get(column).is_some() { row.flag(column) } else { Some(false) };
        let has_devices = has_table(5)?;
        let device_clock = match row.get(6) {
            Some(_) => DeviceClock { looked_at: row.optional_time(6)?, time: Duration::from_millis(row.number(7)?) },
            None => DeviceClock::default(),
        };
        let has_rights = has_table(8)?;
        let has_erasures = has_table(9)?;
        let segment = row.number(2)?;
        let next_batch: u64 = row.number(3)?;
        let link = match [10, 11, 12].map(|column| row.get(column).unwrap_or_default()) {
            ["", "", ""] => None,
            [hash, ..] => Some(Link {
                number: next_batch.checked_sub(1)?,
                hash: EntryHash::parse(hash)?,
                bytes: row.number(11)?,
                time: row.time(12)?,
            }),
        };
        Some(Self {
            store,
            last,
            segment,
            next_batch,
            cleaned_at,
            has_devices,
            device_clock,
            has_rights,
            has_erasures,
            link,
        })
    }
}

impl TableRow for AccountRow {
    const KIND: Kind = Kind {
        name: "users",
        version: 1,
        columns: &["name", "password_hash", "email", "created_at", "removed_at", "last_seen", "acknowledged"],
    };

    fn write(&self, to: &mut RowWriter) {
        to.field(self.name.stored()).text(&self.password_hash).text(self.email.as_str()).field(self.created_at);
        to.optional(self.removed_at).optional(self.last_seen).field(self.acknowledged);
    }

    fn read(row: &Row) -> Option<Self> {
        Some(Self {
            name: row.user(0)?,
            password_hash: row.get(1)?.into(),
            email: Email::new(row.get(2)?)?,
            created_at: row.time(3)?,
            removed_at: row.optional_time(4)?,
            last_seen: row.optional_time(5)?,
            acknowledged: row.seq(6)?,
        })
    }
}

impl TableRow for DeviceRow {
    const KIND: Kind = Kind {
        name: "devices",
        version: 2,
        columns: &["user", "number", "name", "key_digest", "last_used", "acknowledged", "used"],
    };

    fn write(&self, to: &mut RowWriter) {
        let Device { number, name, key, last_used, used, acknowledged, .. } = &self.device;
        to.field(self.user.stored()).field(number.get()).optional(name.as_ref()).optional(*key);
        to.field(last_used).optional(*acknowledged).field(used.as_millis());
    }

    fn read(row: &Row) -> Option<Self> {
        let name = row.optional(2, DeviceName::new)?;
        let key = row.optional(3, KeyDigest::parse)?;
        let acknowledged = row.optional(5, Seq::parse)?;
        let number = DeviceNumber::parse(row.get(1)?).filter(|number| number.is_named() == name.is_some())?;
        // Version 1 has no such column.
        let used = Duration::from_millis(if row.get(6).is_some() { row.number(6)? } else { 0 });
        let gaps = Default::default();
        Some(Self {
            user: row.user(0)?,
            device: Device { number, name, key, last_used: row.time(4)?, used, acknowledged, gaps },
        })
    }
}

impl TableRow for DeviceGapRow {
    const KIND: Kind = Kind { name: "device_gaps", version: 1, columns: &["user", "device", "room", "first"] };

    fn write(&self, to: &mut RowWriter) {
        to.field(self.user.stored()).field(self.device.get()).field(self.room.stored()).field(self.first);
    }

    fn read(row: &Row) -> Option<Self> {
        let device = DeviceNumber::parse(row.get(1)?)?;
        Some(Self { user: row.user(0)?, device, room: row.room(2)?, first: row.seq(3)? })
    }
}

impl TableRow for WaitingRow {
    const KIND: Kind = Kind {
        name: "offline",
        version: 2,
        columns: &["for", "seq", "kind", "from_or_target", "bytes_or_state", "stranger_or_upto", "at", "erased_of"],
    };

    fn write(&self, to: &mut RowWriter) {
        to.field(self.user.stored()).field(self.seq());
        match &self.event {
            WaitingRowEvent::Message { from, bytes, is_from_stranger, .. } => {
                to.text("MSG").field(from.stored()).field(bytes).flag(*is_from_stranger).text("").text("")
            }
            WaitingRowEvent::State(Event::State { target, state, upto, at, .. }) => {
                to.text("STATE").field(target.stored()).field(state).field(upto).field(at).text("")
            }
            WaitingRowEvent::Own { to: target, bytes, .. } => {
                to.text("OWN").field(target.stored()).field(bytes).text("").text("").text("")
            }
            WaitingRowEvent::Erased { peer, from, first, last, .. } => {
                to.text("ERASED").field(peer.stored()).field(first).field(last).text("").field(from.stored())
            }
            // A mailbox holds no other events: a GAP is computed from the room's log.
            WaitingRowEvent::State(_) => to,
        };
    }

    fn read(row: &Row) -> Option<Self> {
        let seq = row.seq(1)?;
        let event = match row.get(2)? {
            "MSG" => {
                let from = row.user(3)?;
                let bytes = row.number(4)?;
                let is_from_stranger = row.flag(5)?;
                WaitingRowEvent::Message { seq, from, bytes, is_from_stranger }
            }
            "OWN" => WaitingRowEvent::Own { seq, to: Target::from_stored(row.get(3)?)?, bytes: row.number(4)? },
            "ERASED" => {
                let peer = row.user(3)?;
                WaitingRowEvent::Erased { seq, peer, from: row.user(7)?, first: row.seq(4)?, last: row.seq(5)? }
            }
            "STATE" => WaitingRowEvent::State(Event::State {
                seq,
                target: Target::from_stored(row.get(3)?)?,
                state: State::parse(row.get(4)?)?,
                upto: row.seq(5)?,
                at: row.time(6)?,
            }),
            _ => return None,
        };
        Some(Self { user: row.user(0)?, event })
    }
}

impl TableRow for BanRow {
    const KIND: Kind = Kind { name: "bans", version: 1, columns: &["banned", "at", "until", "reason"] };

    fn write(&self, to: &mut RowWriter) {
        let Ban { at, until, reason } = &self.ban;
        to.field(self.banned.stored()).field(at).optional(*until).text(reason.as_str());
    }

    fn read(row: &Row) -> Option<Self> {
        let at = row.time(1)?;
        let until = row.optional_time(2)?;
        let reason = ShortText::new(row.get(3)?)?;
        Some(Self { banned: Banned::from_stored(row.get(0)?)?, ban: Ban { at, until, reason } })
    }
}

impl TableRow for PermitRow {
    const KIND: Kind = Kind { name: "permits", version: 1, columns: &["user", "caller", "permitted"] };

    fn write(&self, to: &mut RowWriter) {
        to.field(self.user.stored()).field(self.caller.stored()).flag(self.permitted);
    }

    fn read(row: &Row) -> Option<Self> {
        Some(Self { user: row.user(0)?, caller: row.user(1)?, permitted: row.flag(2)? })
    }
}

impl TableRow for ChatRow {
    const KIND: Kind = Kind { name: "marks", version: 1, columns: &["user", "with", "read", "has_written"] };

    fn write(&self, to: &mut RowWriter) {
        let Chat { read, has_written } = self.chat;
        to.field(self.user.stored()).field(self.peer.stored()).field(read).flag(has_written);
    }

    fn read(row: &Row) -> Option<Self> {
        let chat = Chat { read: row.seq(2)?, has_written: row.flag(3)? };
        Some(Self { user: row.user(0)?, peer: row.user(1)?, chat })
    }
}

impl TableRow for ConversationRow {
    const KIND: Kind = Kind {
        name: "conversations",
        version: 2,
        columns: &["file", "bytes", "checksum", "last", "rows", "removed", "removed_upto", "erased", "erased_upto"],
    };

    fn write(&self, to: &mut RowWriter) {
        let HistoryPrefix { bytes, checksum, upto, rows, rewritten, removed, erased_upto } = self.filed;
        to.text(&file_name(self.id, rewritten)).field(bytes).field(format_args!("{checksum:08x}")).field(upto);
        to.field(rows).field(removed.count).field(removed.upto).field(self.erased).field(erased_upto);
    }

    fn read(row: &Row) -> Option<Self> {
        let (id, rewritten) = parse_file_name(row.get(0)?)?;
        let bytes = row.number(1)?;
        let checksum = u32::from_str_radix(row.get(2)?, 16).ok()?;
        let removed = RemovedRows { count: row.number(5)?, upto: row.seq(6)? };
        // Version 1 has neither.
        let erased = if row.get(7).is_some() { row.number(7)? } else { 0 };
        let erased_upto = if row.get(8).is_some() { row.seq(8)? } else { Seq::ZERO };
        let upto = row.seq(3)?;
        let filed = HistoryPrefix { bytes, checksum, upto, rows: row.number(4)?, rewritten, removed, erased_upto };
        Some(Self { id, filed, erased })
    }
}

impl TableRow for ErasureRow {
    const KIND: Kind =
        Kind { name: "erasures", version: 1, columns: &["conversation", "seq", "from", "first", "last"] };

    fn write(&self, to: &mut RowWriter) {
        to.field(self.id).field(self.seq).field(self.from.stored()).field(self.first).field(self.last);
    }

    fn read(row: &Row) -> Option<Self> {
        let id = ConversationId::parse(row.get(0)?)?;
        Some(Self { id, seq: row.seq(1)?, from: row.user(2)?, first: row.seq(3)?, last: row.seq(4)? })
    }
}

impl TableRow for IdRow {
    const KIND: Kind = Kind { name: "ids", version: 1, columns: &["from", "id", "seq", "at", "digest"] };

    fn write(&self, to: &mut RowWriter) {
        let SentMessage { seq, at, digest } = self.sent;
        to.field(self.user.stored()).text(self.id.as_str()).field(seq).field(at).field(digest);
    }

    fn read(row: &Row) -> Option<Self> {
        let sent = SentMessage { seq: row.seq(2)?, at: row.time(3)?, digest: Digest::parse(row.get(4)?)? };
        Some(Self { user: row.user(0)?, id: MessageId::new(row.get(1)?)?, sent })
    }
}
