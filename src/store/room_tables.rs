//! A checkpoint's tables about rooms.

use super::table::{Kind, Reading, Row, TableWriter};
use crate::model::RoomName;
use crate::state_machine::{LogRow, Marks, Member, MemberRow, RoomMarksRow, RoomRow, Snapshot};

const ROOMS: Kind = Kind { name: "rooms", version: 1, columns: &["name", "dropped", "dropped_by", "dropped_other"] };
const MEMBERS: Kind =
    Kind { name: "members", version: 1, columns: &["room", "user", "joined", "acknowledged", "read"] };
const LOGS: Kind = Kind {
    name: "room_logs",
    version: 1,
    columns: &["room", "seq", "from", "bytes", "waited", "missing", "unacknowledged", "unread"],
};
const MARKS: Kind = Kind { name: "room_marks", version: 1, columns: &["room", "user", "delivered", "read"] };

/// The rows of the room tables.
pub(super) struct RoomTables {
    pub rooms: Vec<RoomRow>,
    pub members: Vec<MemberRow>,
    pub logs: Vec<LogRow>,
    pub room_marks: Vec<RoomMarksRow>,
}

pub(super) fn read(reading: &mut Reading) -> RoomTables {
    RoomTables {
        rooms: reading.rows(&ROOMS, room_row),
        members: reading.rows(&MEMBERS, member_row),
        logs: reading.rows(&LOGS, log_row),
        room_marks: reading.rows(&MARKS, marks_row),
    }
}

pub(super) fn write(snapshot: &Snapshot) -> Vec<(&'static Kind, TableWriter)> {
    let mut rooms = TableWriter::new(&ROOMS);
    for row in &snapshot.rooms {
        let (dropped, other) = (row.dropped.to_string(), row.dropped_other.to_string());
        let by = row.dropped_by.as_ref().map_or("", |by| by.shown());
        rooms.row(&[&row.name.to_string(), &dropped, by, &other]);
    }
    let mut members = TableWriter::new(&MEMBERS);
    for row in &snapshot.members {
        let [joined, acknowledged, read] =
            [row.member.joined, row.member.acknowledged, row.member.read].map(|seq| seq.to_string());
        members.row(&[&row.room.to_string(), row.user.shown(), &joined, &acknowledged, &read]);
    }
    let mut logs = TableWriter::new(&LOGS);
    for row in &snapshot.logs {
        let counts =
            [row.bytes, row.recipients, row.undelivered, row.unacknowledged, row.unread].map(|n| n.to_string());
        let [bytes, waited, missing, unacknowledged, unread] = &counts;
        let (room, seq) = (row.room.to_string(), row.seq.to_string());
        logs.row(&[&room, &seq, row.from.shown(), bytes, waited, missing, unacknowledged, unread]);
    }
    let mut marks = TableWriter::new(&MARKS);
    for row in &snapshot.room_marks {
        let (delivered, read) = (row.marks.delivered.to_string(), row.marks.read.to_string());
        marks.row(&[&row.room.to_string(), row.user.shown(), &delivered, &read]);
    }
    vec![(&ROOMS, rooms), (&MEMBERS, members), (&LOGS, logs), (&MARKS, marks)]
}

fn room(row: &Row, column: usize) -> Option<RoomName> {
    RoomName::new(row.get(column)?).ok()
}

fn room_row(row: Row) -> Option<RoomRow> {
    let dropped_by = if row.get(2)?.is_empty() { None } else { Some(row.user(2)?) };
    Some(RoomRow { name: room(&row, 0)?, dropped: row.seq(1)?, dropped_by, dropped_other: row.seq(3)? })
}

fn member_row(row: Row) -> Option<MemberRow> {
    let member = Member { joined: row.seq(2)?, acknowledged: row.seq(3)?, read: row.seq(4)? };
    Some(MemberRow { room: room(&row, 0)?, user: row.user(1)?, member })
}

fn log_row(row: Row) -> Option<LogRow> {
    let count = |column: usize| row.get(column)?.parse().ok();
    Some(LogRow {
        room: room(&row, 0)?,
        seq: row.seq(1)?,
        from: row.user(2)?,
        bytes: count(3)?,
        recipients: count(4)?,
        undelivered: count(5)?,
        unacknowledged: count(6)?,
        unread: count(7)?,
    })
}

fn marks_row(row: Row) -> Option<RoomMarksRow> {
    let marks = Marks { delivered: row.seq(2)?, read: row.seq(3)? };
    Some(RoomMarksRow { room: room(&row, 0)?, user: row.user(1)?, marks })
}
