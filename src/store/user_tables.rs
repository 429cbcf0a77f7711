//! The rows of a checkpoint's tables about users and conversations.

use std::time::Duration;

use super::history::{file_name, parse_file_name};
use super::table::{Kind, Row, RowWriter, TableRow};
use crate::model::{Banned, DeviceName, Email, KeyDigest, Seq, ShortText, State, Target};
use crate::protocol::Event;
use crate::state_machine::{
    AccountRow, Ban, BanRow, Chat, ChatRow, ConversationId, ConversationRow, Device, DeviceGapRow, DeviceNumber,
    DeviceRow, ErasureRow, HistoryPrefix, PermitRow, RemovedRows, WaitingRow, WaitingRowEvent,
};

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
