//! The rows of a checkpoint's tables about rooms.

use super::table::{Kind, Row, RowWriter, TableRow};
use crate::model::{RoomKind, Seq, Topic, UserName};
use crate::state_machine::{GuestRow, LogRow, Marks, Member, MemberRow, RightsRow, RoomMarksRow, RoomNumber, RoomRow};

/// The states of a room.
const OPEN: &str = "open";
const REMOVED: &str = "removed";

impl TableRow for RoomRow {
    const KIND: Kind = Kind {
        name: "rooms",
        version: 2,
        columns: &[
            "number",
            "name",
            "created_by",
            "state",
            "dropped",
            "dropped_by",
            "dropped_other",
            "kind",
            "was_private",
            "owner",
            "topic",
        ],
    };

    fn write(&self, to: &mut RowWriter) {
        to.field(self.number).field(self.name.stored());
        to.optional(self.creator.as_ref().map(UserName::stored));
        to.text(if self.is_open { OPEN } else { REMOVED }).field(self.dropped);
        to.optional(self.dropped_by.as_ref().map(UserName::stored)).field(self.dropped_other);
        if let Some(RightsRow { kind, was_private, owner, topic }) = &self.rights {
            to.field(kind).flag(*was_private).optional(owner.as_ref().map(UserName::stored)).text(topic.as_str());
        }
    }

    fn read(row: &Row) -> Option<Self> {
        Some(Self {
            number: RoomNumber::parse(row.get(0)?)?,
            name: row.room(1)?,
            creator: row.optional(2, UserName::from_stored)?,
            is_open: [REMOVED, OPEN].iter().position(|state| row.get(3) == Some(state))? == 1,
            dropped: row.seq(4)?,
            dropped_by: row.optional(5, UserName::from_stored)?,
            dropped_other: row.seq(6)?,
            // Version 1 is of a server whose rooms had no owners: `restore` finds them.
            rights: if row.get(7).is_some() { Some(read_rights(row)?) } else { None },
        })
    }
}

fn read_rights(row: &Row) -> Option<RightsRow> {
    let owner = row.optional(9, UserName::from_stored)?;
    let kind = RoomKind::parse(row.get(7)?)?;
    Some(RightsRow { kind, was_private: row.flag(8)?, owner, topic: Topic::new(row.get(10)?)? })
}

impl TableRow for GuestRow {
    const KIND: Kind = Kind { name: "guests", version: 1, columns: &["room", "user", "invited"] };

    fn write(&self, to: &mut RowWriter) {
        to.field(self.room.stored()).field(self.user.stored()).flag(self.is_invited);
    }

    fn read(row: &Row) -> Option<Self> {
        Some(Self { room: row.room(0)?, user: row.user(1)?, is_invited: row.flag(2)? })
    }
}

impl TableRow for MemberRow {
    const KIND: Kind =
        Kind { name: "members", version: 2, columns: &["room", "user", "joined", "acknowledged", "read", "gap"] };

    fn write(&self, to: &mut RowWriter) {
        let Member { joined, acknowledged, read, gap } = self.member;
        to.field(self.room.stored()).field(self.user.stored()).field(joined).field(acknowledged).field(read).field(gap);
    }

    fn read(row: &Row) -> Option<Self> {
        // Version 1 has no column of gaps.
        let gap = if row.get(5).is_some() { row.seq(5)? } else { Seq::ZERO };
        let member = Member { joined: row.seq(2)?, acknowledged: row.seq(3)?, read: row.seq(4)?, gap };
        Some(Self { room: row.room(0)?, user: row.user(1)?, member })
    }
}

impl TableRow for LogRow {
    const KIND: Kind = Kind {
        name: "room_logs",
        version: 2,
        columns: &[
            "room",
            "seq",
            "from",
            "bytes",
            "recipients",
            "undelivered",
            "unacknowledged",
            "unread",
            "unfetched",
        ],
    };

    fn write(&self, to: &mut RowWriter) {
        to.field(self.room.stored()).field(self.seq).field(self.from.stored()).field(self.bytes);
        to.field(self.recipients).field(self.undelivered).field(self.unacknowledged).field(self.unread);
        to.field(self.unfetched);
    }

    fn read(row: &Row) -> Option<Self> {
        Some(Self {
            room: row.room(0)?,
            seq: row.seq(1)?,
            from: row.user(2)?,
            bytes: row.number(3)?,
            recipients: row.number(4)?,
            undelivered: row.number(5)?,
            unacknowledged: row.number(6)?,
            unread: row.number(7)?,
            // Version 1 is of a server without devices.
            unfetched: if row.get(8).is_some() { row.number(8)? } else { 0 },
        })
    }
}

impl TableRow for RoomMarksRow {
    const KIND: Kind = Kind { name: "room_marks", version: 1, columns: &["room", "user", "delivered", "read"] };

    fn write(&self, to: &mut RowWriter) {
        to.field(self.room.stored()).field(self.user.stored()).field(self.marks.delivered).field(self.marks.read);
    }

    fn read(row: &Row) -> Option<Self> {
        let marks = Marks { delivered: row.seq(2)?, read: row.seq(3)? };
        Some(Self { room: row.room(0)?, user: row.user(1)?, marks })
    }
}
