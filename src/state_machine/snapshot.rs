//! The stored state as rows of plain tables, which a checkpoint writes and reads. The columns of a table change only with
//! the version of the store.

use std::sync::Arc;

use super::stored::{
    AccountRow, Ban, Chat, ConversationId, Device, DeviceClock, DeviceNumber, HistoryPrefix, IdKey, Marks, Member,
    Participants, SentMessage,
};
use super::{AccountNumber, RoomNumber};
use crate::cluster::Link;
use crate::model::{Banned, RoomKind, RoomName, Seq, Target, Topic, UserName};
use crate::protocol::Event;

/// The values that a state has once.
#[derive(Clone, Default)]
pub struct Head {
    pub store: Arc<str>,
    /// The secret key of the hashes of message ids.
    pub id_key: IdKey,
    /// The position in the log of the cluster; `None`: the store is in none.
    pub link: Option<Link>,
    pub last: Seq,
    pub device_clock: DeviceClock,
}

/// A row of any table of a state.
pub enum StateRow {
    Account(AccountRow),
    Device(DeviceRow),
    Chat(ChatRow),
    Permit(PermitRow),
    /// The ids of an account that are in the rows of a table, or some of them.
    Ids(AccountNumber, Vec<SentMessage>),
    Ban(BanRow),
    Room(RoomRow),
    DeviceGap(DeviceGapRow),
    Member(MemberRow),
    Guest(GuestRow),
    RoomMarks(RoomMarksRow),
    Log(LogRow),
    Conversation(ConversationRow),
    Erasure(ErasureRow),
    Waiting(WaitingRow),
}

/// All rows of a state in memory. A checkpoint is written and read without it, one row after the other.
#[derive(Default)]
pub struct Snapshot {
    pub head: Head,
    /// In the order of registration: the first row is account 0.
    pub accounts: Vec<AccountRow>,
    pub devices: Vec<DeviceRow>,
    pub chats: Vec<ChatRow>,
    pub permits: Vec<PermitRow>,
    pub ids: Vec<IdRow>,
    pub bans: Vec<BanRow>,
    /// In the order of their numbers.
    pub rooms: Vec<RoomRow>,
    pub device_gaps: Vec<DeviceGapRow>,
    pub members: Vec<MemberRow>,
    pub guests: Vec<GuestRow>,
    pub room_marks: Vec<RoomMarksRow>,
    pub logs: Vec<LogRow>,
    pub conversations: Vec<ConversationRow>,
    pub erasures: Vec<ErasureRow>,
    pub waiting: Vec<WaitingRow>,
}

impl Snapshot {
    /// Adds a row to its table.
    pub fn add(&mut self, row: StateRow) {
        match row {
            StateRow::Account(row) => self.accounts.push(row),
            StateRow::Device(row) => self.devices.push(row),
            StateRow::Chat(row) => self.chats.push(row),
            StateRow::Permit(row) => self.permits.push(row),
            StateRow::Ids(account, sent) => self.ids.extend(sent.into_iter().map(|sent| IdRow { account, sent })),
            StateRow::Ban(row) => self.bans.push(row),
            StateRow::Room(row) => self.rooms.push(row),
            StateRow::DeviceGap(row) => self.device_gaps.push(row),
            StateRow::Member(row) => self.members.push(row),
            StateRow::Guest(row) => self.guests.push(row),
            StateRow::RoomMarks(row) => self.room_marks.push(row),
            StateRow::Log(row) => self.logs.push(row),
            StateRow::Conversation(row) => self.conversations.push(row),
            StateRow::Erasure(row) => self.erasures.push(row),
            StateRow::Waiting(row) => self.waiting.push(row),
        }
    }

    /// Returns all rows, in the order in which they are restored.
    pub fn into_rows(self) -> impl Iterator<Item = StateRow> {
        let accounts = self.accounts.into_iter().map(StateRow::Account);
        let users = accounts
            .chain(self.devices.into_iter().map(StateRow::Device))
            .chain(self.chats.into_iter().map(StateRow::Chat))
            .chain(self.permits.into_iter().map(StateRow::Permit))
            .chain(self.ids.into_iter().map(|IdRow { account, sent }| StateRow::Ids(account, vec![sent])))
            .chain(self.bans.into_iter().map(StateRow::Ban));
        let rooms = self.rooms.into_iter().map(StateRow::Room);
        let rooms = rooms
            .chain(self.device_gaps.into_iter().map(StateRow::DeviceGap))
            .chain(self.members.into_iter().map(StateRow::Member))
            .chain(self.guests.into_iter().map(StateRow::Guest))
            .chain(self.room_marks.into_iter().map(StateRow::RoomMarks))
            .chain(self.logs.into_iter().map(StateRow::Log));
        let conversations = self.conversations.into_iter().map(StateRow::Conversation);
        users
            .chain(rooms)
            .chain(conversations)
            .chain(self.erasures.into_iter().map(StateRow::Erasure))
            .chain(self.waiting.into_iter().map(StateRow::Waiting))
    }
}

/// A user or a network that is banned.
pub struct BanRow {
    pub banned: Banned,
    pub ban: Ban,
}

/// A caller whom a user lets call, or does not. Those of a user come in the order in which the user has said so.
pub struct PermitRow {
    pub user: UserName,
    pub caller: UserName,
    pub permitted: bool,
}

/// A device of a user.
pub struct DeviceRow {
    pub user: UserName,
    /// Without the gaps, which are rows of their own.
    pub device: Device,
}

/// The start of a GAP that is pending for a device.
pub struct DeviceGapRow {
    pub user: UserName,
    pub device: DeviceNumber,
    pub room: RoomName,
    pub first: Seq,
}

/// An event that is pending in a user's mailbox.
pub struct WaitingRow {
    pub user: UserName,
    pub event: WaitingRowEvent,
}

/// A direct message or one of the user's own, without its text, which is in a history file; or a STATE event.
pub enum WaitingRowEvent {
    Message {
        seq: Seq,
        from: UserName,
        bytes: u32,
        is_from_stranger: bool,
    },
    State(Event),
    Own {
        seq: Seq,
        to: Target,
        bytes: u32,
    },
    /// Messages of a direct conversation that were taken back.
    Erased {
        seq: Seq,
        peer: UserName,
        from: UserName,
        first: Seq,
        last: Seq,
    },
}

impl WaitingRow {
    pub fn seq(&self) -> Seq {
        match &self.event {
            WaitingRowEvent::Message { seq, .. }
            | WaitingRowEvent::Own { seq, .. }
            | WaitingRowEvent::Erased { seq, .. } => *seq,
            WaitingRowEvent::State(event) => event.seq(),
        }
    }
}

/// A user's side of a direct conversation.
pub struct ChatRow {
    pub user: UserName,
    pub peer: UserName,
    pub chat: Chat,
}

/// A room, with the messages that left its log before every recipient had acknowledged them.
pub struct RoomRow {
    pub number: RoomNumber,
    pub name: RoomName,
    /// The account in whose quota it counts: the one that has created it; the lobby has none.
    pub creator: Option<UserName>,
    /// `false`: it was removed, by the administrator or with its last member, and its history stays.
    pub is_open: bool,
    /// `None`: the row is of a server whose rooms had no owners.
    pub rights: Option<RightsRow>,
    /// The newest such number.
    pub dropped: Seq,
    /// The sender of that message.
    pub dropped_by: Option<UserName>,
    /// The newest such number of another sender.
    pub dropped_other: Seq,
}

/// The rights in a room, without the invitations, which are rows of their own.
pub struct RightsRow {
    pub kind: RoomKind,
    pub was_private: bool,
    pub owner: Option<UserName>,
    pub topic: Topic,
}

/// A user who is invited to a room, or kept out of it. The oldest comes first.
pub struct GuestRow {
    pub room: RoomName,
    pub user: UserName,
    pub is_invited: bool,
}

/// A member's position in a room's log.
pub struct MemberRow {
    pub room: RoomName,
    pub user: UserName,
    pub member: Member,
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
    /// Devices of recipients that have not acknowledged it.
    pub unfetched: u32,
}

/// The watermarks of a sender in a room.
pub struct RoomMarksRow {
    pub room: RoomName,
    pub user: UserName,
    pub marks: Marks,
}

/// A conversation and the valid prefix of its history file.
pub struct ConversationRow {
    pub id: ConversationId,
    pub filed: HistoryPrefix,
    /// Number of its messages that were taken back.
    pub erased: u64,
}

/// Messages of a conversation that were taken back.
pub struct ErasureRow {
    pub id: ConversationId,
    /// The number of the event.
    pub seq: Seq,
    pub from: UserName,
    pub first: Seq,
    pub last: Seq,
}

/// A message id that a sender has used.
pub struct IdRow {
    pub account: AccountNumber,
    pub sent: SentMessage,
}

impl ConversationId {
    /// Returns the participants by name; `None` if the tables lack one of them.
    pub fn participants(self, accounts: &[AccountRow], rooms: &[RoomRow]) -> Option<Participants> {
        let user = |number: AccountNumber| accounts.get(number.index()).map(|row| row.name.clone());
        Some(match self {
            Self::Direct(low, high) => Participants::Two(user(low)?, user(high)?),
            Self::Room(room) => {
                let index = rooms.binary_search_by_key(&room, |row| row.number).ok()?;
                Participants::Room(rooms.get(index)?.name.clone())
            }
        })
    }
}
