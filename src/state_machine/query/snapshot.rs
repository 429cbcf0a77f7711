//! Makes a snapshot of the stored state: the rows that a checkpoint writes.

use std::sync::Arc;

use crate::model::{Message, Seq};
use crate::protocol::Event;
use crate::state_machine::RoomNumber;
use crate::state_machine::snapshot::{
    AccountRow, ChatRow, ConversationRow, IdRow, LogRow, MemberRow, RoomMarksRow, RoomRow, Snapshot, WaitingRow,
};
use crate::state_machine::stored::{Account, Conversation, ConversationId, Dropped, HistoryPrefix, Room, StoredState};

impl StoredState {
    /// Returns the messages that are in no history file yet, by conversation, oldest first.
    pub fn pending_history(&self) -> impl Iterator<Item = (ConversationId, HistoryPrefix, &[Arc<Message>])> {
        self.conversations()
            .filter(|(_, conversation)| !conversation.rows.is_empty())
            .map(|(id, conversation)| (id, conversation.filed, conversation.rows.as_slice()))
    }

    fn conversations(&self) -> impl Iterator<Item = (ConversationId, &Conversation)> {
        let id = |index| ConversationId::Room(RoomNumber::new(index));
        let rooms = self.rooms.iter().enumerate().map(move |(index, room)| (id(index), &room.conversation));
        self.direct.iter().map(|(id, conversation)| (*id, conversation)).chain(rooms)
    }

    /// Makes the snapshot. Every message has to be in a history file: a snapshot holds none of the conversations'
    /// texts.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            store: self.store.clone(),
            last: self.last,
            accounts: self.accounts.iter().map(account_row).collect(),
            waiting: self.accounts.iter().flat_map(waiting_rows).collect(),
            chats: self.accounts.iter().flat_map(|account| self.chat_rows(account)).collect(),
            rooms: self.rooms.iter().map(|room| self.room_row(room)).collect(),
            members: self.rooms.iter().flat_map(|room| self.member_rows(room)).collect(),
            logs: self.rooms.iter().flat_map(|room| self.log_rows(room)).collect(),
            room_marks: self.rooms.iter().flat_map(|room| self.room_marks_rows(room)).collect(),
            conversations: self.conversation_rows(),
            ids: self.accounts.iter().flat_map(id_rows).collect(),
        }
    }

    fn chat_rows<'a>(&'a self, account: &'a Account) -> impl Iterator<Item = ChatRow> + 'a {
        account.chats.iter().map(|(peer, read)| ChatRow {
            user: account.name.clone(),
            peer: self.account(*peer).name.clone(),
            read: *read,
        })
    }

    fn room_row(&self, room: &Room) -> RoomRow {
        let Dropped { last, by, other } = room.dropped;
        let dropped_by = by.map(|by| self.account(by).name.clone());
        RoomRow { name: room.name.clone(), dropped: last, dropped_by, dropped_other: other }
    }

    fn member_rows<'a>(&'a self, room: &'a Room) -> impl Iterator<Item = MemberRow> + 'a {
        room.members.iter().map(|(user, member)| MemberRow {
            room: room.name.clone(),
            user: self.account(*user).name.clone(),
            joined: member.joined,
            acknowledged: member.acknowledged,
            read: member.read,
        })
    }

    fn log_rows<'a>(&'a self, room: &'a Room) -> impl Iterator<Item = LogRow> + 'a {
        room.log.iter().map(|entry| LogRow {
            room: room.name.clone(),
            seq: entry.seq,
            from: self.account(entry.from).name.clone(),
            bytes: entry.bytes,
            recipients: entry.recipients,
            undelivered: entry.undelivered,
            unacknowledged: entry.unacknowledged,
            unread: entry.unread,
        })
    }

    fn room_marks_rows<'a>(&'a self, room: &'a Room) -> impl Iterator<Item = RoomMarksRow> + 'a {
        room.marks.iter().map(|(user, marks)| RoomMarksRow {
            room: room.name.clone(),
            user: self.account(*user).name.clone(),
            delivered: marks.delivered,
            read: marks.read,
        })
    }

    fn conversation_rows(&self) -> Vec<ConversationRow> {
        let begun = self.conversations().filter(|(_, conversation)| conversation.last() > Seq::ZERO);
        let mut rows: Vec<_> =
            begun.map(|(id, conversation)| ConversationRow { id, filed: conversation.filed }).collect();
        rows.sort_unstable_by_key(|row| row.id);
        rows
    }
}

fn account_row(account: &Account) -> AccountRow {
    AccountRow {
        name: account.name.clone(),
        password_hash: account.password_hash.clone(),
        email: account.email.clone(),
        created_at: account.created_at,
        removed_at: account.removed_at,
        last_seen: account.last_seen,
        acknowledged: account.mailbox.acknowledged(),
    }
}

fn waiting_rows(account: &Account) -> impl Iterator<Item = WaitingRow> + '_ {
    let row = |event: &Event| WaitingRow { user: account.name.clone(), event: event.clone() };
    account.mailbox.after(Seq::ZERO).map(row)
}

fn id_rows(account: &Account) -> impl Iterator<Item = IdRow> + '_ {
    account.sent.iter().map(|(id, sent)| IdRow { user: account.name.clone(), id: id.clone(), sent })
}
