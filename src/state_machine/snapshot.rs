//! The stored state as plain tables, which a checkpoint writes and reads. These types change only with the version
//! of the store; those in `stored` may change at any time.

use std::sync::Arc;

use super::AccountNumber;
use super::stored::{ConversationId, HistoryPrefix, Participants, SentMessage};
use crate::model::{Email, MessageId, RoomName, Seq, Timestamp, UserName};
use crate::protocol::Event;

/// All tables of one state.
pub struct Snapshot {
    pub store: Arc<str>,
    pub last: Seq,
    /// In the order of registration: the first row is account 0.
    pub accounts: Vec<AccountRow>,
    pub waiting: Vec<WaitingRow>,
    pub chats: Vec<ChatRow>,
    /// In the order of creation: the first row is room 0.
    pub rooms: Vec<RoomRow>,
    pub members: Vec<MemberRow>,
    pub logs: Vec<LogRow>,
    pub room_marks: Vec<RoomMarksRow>,
    pub conversations: Vec<ConversationRow>,
    pub ids: Vec<IdRow>,
}

/// An account, removed or not.
pub struct AccountRow {
    pub name: UserName,
    pub password_hash: Arc<str>,
    pub email: Email,
    pub created_at: Timestamp,
    pub removed_at: Option<Timestamp>,
    pub last_seen: Option<Timestamp>,
    /// The user's cumulative acknowledgement.
    pub acknowledged: Seq,
}

/// An event that is pending in a user's mailbox.
pub struct WaitingRow {
    pub user: UserName,
    pub event: Event,
}

/// A user's read mark of a direct conversation.
pub struct ChatRow {
    pub user: UserName,
    pub peer: UserName,
    pub read: Seq,
}

/// A room, with the messages that left its log before every recipient had acknowledged them.
pub struct RoomRow {
    pub name: RoomName,
    /// The newest such number.
    pub dropped: Seq,
    /// The sender of that message.
    pub dropped_by: Option<UserName>,
    /// The newest such number of another sender.
    pub dropped_other: Seq,
}

/// A member's position in a room's log.
pub struct MemberRow {
    pub room: RoomName,
    pub user: UserName,
    pub joined: Seq,
    pub acknowledged: Seq,
    pub read: Seq,
}

/// A message that a member of a room has yet to acknowledge or to read, with the counts of its recipients.
pub struct LogRow {
    pub room: RoomName,
    pub seq: Seq,
    pub from: UserName,
    pub bytes: u32,
    pub recipients: u32,
    /// Neither acknowledged nor read.
    pub undelivered: u32,
    pub unacknowledged: u32,
    pub unread: u32,
}

/// The watermarks of a sender in a room.
pub struct RoomMarksRow {
    pub room: RoomName,
    pub user: UserName,
    pub delivered: Seq,
    pub read: Seq,
}

/// A conversation and the valid prefix of its history file.
pub struct ConversationRow {
    pub id: ConversationId,
    pub filed: HistoryPrefix,
}

/// A message id that a sender has used.
pub struct IdRow {
    pub user: UserName,
    pub id: MessageId,
    pub sent: SentMessage,
}

impl ConversationId {
    /// Returns the participants by name; `None` if the tables lack one of them.
    pub fn participants(self, accounts: &[AccountRow], rooms: &[RoomRow]) -> Option<Participants> {
        let user = |number: AccountNumber| accounts.get(number.index()).map(|row| row.name.clone());
        Some(match self {
            Self::Direct(low, high) => Participants::Two(user(low)?, user(high)?),
            Self::Room(room) => Participants::Room(rooms.get(room.index())?.name.clone()),
        })
    }
}
