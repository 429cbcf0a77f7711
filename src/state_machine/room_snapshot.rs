//! Rooms as plain tables: the part of a snapshot that is about them.

use super::conversation::Marks;
use super::room::{Dropped, Entry, Member, Room};
use super::snapshot::{LogRow, MemberRow, RoomMarksRow, RoomRow};
use super::{Inconsistent, StateMachine};

impl StateMachine {
    pub(super) fn room_row(&self, room: &Room) -> RoomRow {
        let Dropped { last, by, other } = room.dropped;
        let dropped_by = by.map(|by| self.account(by).name.clone());
        RoomRow { name: room.name.clone(), dropped: last, dropped_by, dropped_other: other }
    }

    pub(super) fn member_rows<'a>(&'a self, room: &'a Room) -> impl Iterator<Item = MemberRow> + 'a {
        room.members.iter().map(|(user, member)| MemberRow {
            room: room.name.clone(),
            user: self.account(*user).name.clone(),
            joined: member.joined,
            acknowledged: member.acknowledged,
            read: member.read,
        })
    }

    pub(super) fn log_rows<'a>(&'a self, room: &'a Room) -> impl Iterator<Item = LogRow> + 'a {
        room.log.iter().map(|entry| LogRow {
            room: room.name.clone(),
            seq: entry.seq,
            from: self.account(entry.from).name.clone(),
            bytes: entry.bytes,
            waited: entry.waited,
            missing: entry.missing,
            unacknowledged: entry.unacknowledged,
            unread: entry.unread,
        })
    }

    pub(super) fn room_marks_rows<'a>(&'a self, room: &'a Room) -> impl Iterator<Item = RoomMarksRow> + 'a {
        room.marks.iter().map(|(user, marks)| RoomMarksRow {
            room: room.name.clone(),
            user: self.account(*user).name.clone(),
            delivered: marks.delivered,
            read: marks.read,
        })
    }

    pub(super) fn restore_rooms(
        &mut self,
        rooms: Vec<RoomRow>,
        members: Vec<MemberRow>,
        logs: Vec<LogRow>,
        marks: Vec<RoomMarksRow>,
    ) -> Result<(), Inconsistent> {
        rooms.into_iter().try_for_each(|row| self.restore_room(row))?;
        members.iter().try_for_each(|row| self.restore_member(row))?;
        logs.iter().try_for_each(|row| self.restore_log(row))?;
        marks.iter().try_for_each(|row| self.restore_room_marks(row))
    }

    fn restore_room(&mut self, row: RoomRow) -> Result<(), Inconsistent> {
        let by = row.dropped_by.map(|by| self.number(&by)).transpose()?;
        let number = self.add_room(row.name);
        self.room_mut(number).dropped = Dropped { last: row.dropped, by, other: row.dropped_other };
        Ok(())
    }

    fn restore_member(&mut self, row: &MemberRow) -> Result<(), Inconsistent> {
        let (room, user) = (self.room_number(&row.room)?, self.number(&row.user)?);
        let member = Member { joined: row.joined, acknowledged: row.acknowledged, read: row.read };
        self.room_mut(room).members.insert(user, member);
        self.account_mut(user).rooms.insert(room);
        Ok(())
    }

    fn restore_log(&mut self, row: &LogRow) -> Result<(), Inconsistent> {
        let (room, from) = (self.room_number(&row.room)?, self.number(&row.from)?);
        let &LogRow { seq, bytes, waited, missing, unacknowledged, unread, .. } = row;
        let entry = Entry { seq, from, bytes, waited, missing, unacknowledged, unread };
        self.room_mut(room).log.push_back(entry);
        Ok(())
    }

    fn restore_room_marks(&mut self, row: &RoomMarksRow) -> Result<(), Inconsistent> {
        let (room, user) = (self.room_number(&row.room)?, self.number(&row.user)?);
        self.room_mut(room).marks.insert(user, Marks { delivered: row.delivered, read: row.read });
        Ok(())
    }
}
