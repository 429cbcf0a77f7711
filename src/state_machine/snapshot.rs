//! The stored state as rows of plain tables, which a checkpoint writes and reads. The columns of a table change only with
//! the version of the store.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::stored::{
    AccountRow, Ban, Chat, Conversation, ConversationId, Device, DeviceClock, DeviceNumber, Dropped, Entry,
    ErasedEvent, Erasure, HistoryPrefix, IdKey, Marks, Member, OwnMessage, Participants, Room, SentMessage,
    StoredState, WaitingEvent, WaitingMessage,
};
use super::{AccountNumber, RoomNumber};
use crate::cluster::{Chain, Link};
use crate::model::{Banned, Message, RoomKind, RoomName, Seq, Target, Topic, UserName};
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
    Id(IdRow),
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
            StateRow::Id(row) => self.ids.push(row),
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
            .chain(self.ids.into_iter().map(StateRow::Id))
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

impl StoredState {
    /// Returns the messages that are in no history file yet, by conversation, oldest first.
    pub fn pending_history(&self) -> impl Iterator<Item = (ConversationId, HistoryPrefix, &[Arc<Message>])> {
        self.conversations()
            .filter(|(_, conversation)| !conversation.rows.is_empty())
            .map(|(id, conversation)| (id, conversation.filed, conversation.rows.as_slice()))
    }

    /// Returns the conversations that have a history file, and its valid prefix.
    pub fn filed_conversations(&self) -> impl Iterator<Item = (ConversationId, HistoryPrefix)> {
        self.conversations().map(|(id, conversation)| (id, conversation.filed)).filter(|(_, filed)| filed.bytes > 0)
    }

    fn conversations(&self) -> impl Iterator<Item = (ConversationId, &Conversation)> {
        let id = |index| ConversationId::Room(RoomNumber::new(index));
        let rooms = self.rooms.iter().enumerate().map(move |(index, room)| (id(index), &room.conversation));
        self.direct.iter().map(|(id, conversation)| (*id, conversation)).chain(rooms)
    }

    /// Returns all rows. Every message has to be in a history file: the rows hold none of the conversations' texts.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            head: self.head(),
            accounts: self.accounts().cloned().collect(),
            devices: self.device_rows().collect(),
            chats: self.chat_rows().collect(),
            permits: self.permit_rows().collect(),
            ids: self.id_rows().collect(),
            bans: self.ban_rows().collect(),
            rooms: self.room_rows().collect(),
            device_gaps: self.device_gap_rows().collect(),
            members: self.member_rows().collect(),
            guests: self.guest_rows().collect(),
            room_marks: self.room_marks_rows().collect(),
            logs: self.log_rows().collect(),
            conversations: self.conversation_rows().collect(),
            erasures: self.erasure_rows().collect(),
            waiting: self.waiting_rows().collect(),
        }
    }

    pub fn head(&self) -> Head {
        Head {
            store: self.store.clone(),
            id_key: self.id_key,
            link: self.chain.as_ref().map(Chain::link),
            last: self.last,
            device_clock: self.device_clock,
        }
    }

    pub fn device_rows(&self) -> impl Iterator<Item = DeviceRow> {
        self.accounts.iter().flat_map(|account| {
            account.devices.iter().map(|device| DeviceRow {
                user: account.row.name.clone(),
                device: Device { gaps: BTreeMap::new(), ..device.clone() },
            })
        })
    }

    pub fn device_gap_rows(&self) -> impl Iterator<Item = DeviceGapRow> {
        let devices = self.accounts.iter().flat_map(|account| account.devices.iter().map(move |one| (account, one)));
        devices.flat_map(|(account, device)| {
            device.gaps.iter().map(|(room, first)| DeviceGapRow {
                user: account.row.name.clone(),
                device: device.number,
                room: self.room(*room).name.clone(),
                first: *first,
            })
        })
    }

    pub fn waiting_rows(&self) -> impl Iterator<Item = WaitingRow> {
        self.accounts.iter().flat_map(|account| {
            let mailbox = &account.mailbox;
            let own = mailbox.own_after(Seq::ZERO);
            let events = mailbox.after(Seq::ZERO).chain(own).chain(mailbox.erased_after(Seq::ZERO));
            events.map(|event| WaitingRow { user: account.row.name.clone(), event: self.waiting_row_event(event) })
        })
    }

    pub fn chat_rows(&self) -> impl Iterator<Item = ChatRow> {
        self.accounts.iter().flat_map(|account| {
            account.chats.iter().map(|(peer, chat)| ChatRow {
                user: account.row.name.clone(),
                peer: self.name(*peer),
                chat: *chat,
            })
        })
    }

    pub fn permit_rows(&self) -> impl Iterator<Item = PermitRow> {
        self.accounts.iter().flat_map(|account| {
            account.permits.iter().map(|(caller, permitted)| PermitRow {
                user: account.row.name.clone(),
                caller: self.name(caller),
                permitted,
            })
        })
    }

    pub fn id_rows(&self) -> impl Iterator<Item = IdRow> {
        let accounts = self.accounts.iter().enumerate();
        accounts.flat_map(|(index, account)| {
            let account_number = AccountNumber::new(index);
            account.sent.iter().map(move |sent| IdRow { account: account_number, sent })
        })
    }

    pub fn ban_rows(&self) -> impl Iterator<Item = BanRow> {
        self.bans.iter().map(|(banned, ban)| BanRow { banned: banned.clone(), ban: ban.clone() })
    }

    pub fn conversation_rows(&self) -> impl Iterator<Item = ConversationRow> {
        let begun = self.conversations().filter(|(_, conversation)| conversation.last() > Seq::ZERO);
        let mut begun: Vec<_> = begun.collect();
        begun.sort_unstable_by_key(|(id, _)| *id);
        begun.into_iter().map(|(id, conversation)| ConversationRow {
            id,
            filed: conversation.filed,
            erased: conversation.erased_count(),
        })
    }

    pub fn erasure_rows(&self) -> impl Iterator<Item = ErasureRow> {
        let erasures =
            self.conversations().filter_map(|(id, conversation)| Some((id, conversation.erasures.as_ref()?)));
        let rows = erasures.flat_map(|(id, erasures)| erasures.iter().map(move |erasure| (id, *erasure)));
        let mut rows: Vec<_> = rows.collect();
        rows.sort_unstable_by_key(|(_, erasure)| erasure.seq);
        let row = |(id, Erasure { seq, from, first, last })| ErasureRow { id, seq, from: self.name(from), first, last };
        rows.into_iter().map(row)
    }

    fn waiting_row_event(&self, event: WaitingEvent) -> WaitingRowEvent {
        match event {
            WaitingEvent::Message(seq, WaitingMessage { from, bytes, is_from_stranger }) => {
                WaitingRowEvent::Message { seq, from: self.name(from), bytes, is_from_stranger }
            }
            WaitingEvent::State(event) => WaitingRowEvent::State(event.clone()),
            WaitingEvent::Own(seq, OwnMessage { to, bytes }) => {
                WaitingRowEvent::Own { seq, to: self.target(to), bytes }
            }
            WaitingEvent::Erased(seq, ErasedEvent { peer, from, first, last }) => {
                WaitingRowEvent::Erased { seq, peer: self.name(peer), from: self.name(from), first, last }
            }
        }
    }

    /// The rooms that were not forgotten, by number.
    fn known_rooms(&self) -> impl Iterator<Item = (RoomNumber, &Room)> {
        let rooms = self.rooms.iter().enumerate().map(|(index, room)| (RoomNumber::new(index), room));
        rooms.filter(|(number, _)| !self.free_rooms.contains(number))
    }

    pub fn room_rows(&self) -> impl Iterator<Item = RoomRow> {
        self.known_rooms().map(|(number, room)| {
            let Dropped { last, by, other } = room.dropped;
            RoomRow {
                number,
                name: room.name.clone(),
                creator: room.creator.map(|creator| self.name(creator)),
                is_open: room.is_open,
                rights: Some(RightsRow {
                    kind: room.rights.kind,
                    was_private: room.rights.was_private,
                    owner: room.rights.owner.map(|owner| self.name(owner)),
                    topic: room.rights.topic.clone(),
                }),
                dropped: last,
                dropped_by: by.map(|by| self.name(by)),
                dropped_other: other,
            }
        })
    }

    /// The oldest entry comes first.
    pub fn guest_rows(&self) -> impl Iterator<Item = GuestRow> {
        let mut guests: Vec<_> = Vec::new();
        for room in &self.rooms {
            let invited = room.rights.invited.iter().map(|guest| (guest, true));
            let kept_out = room.rights.kept_out.iter().map(|guest| (guest, false));
            guests.extend(invited.chain(kept_out).map(|((place, user), is_invited)| (place, room, user, is_invited)));
        }
        guests.sort_unstable_by_key(|(place, ..)| *place);
        guests.into_iter().map(|(_, room, user, is_invited)| GuestRow {
            room: room.name.clone(),
            user: self.name(user),
            is_invited,
        })
    }

    pub fn member_rows(&self) -> impl Iterator<Item = MemberRow> {
        self.known_rooms().flat_map(|(_, room)| {
            room.members.iter().map(|(user, member)| MemberRow {
                room: room.name.clone(),
                user: self.name(*user),
                member: *member,
            })
        })
    }

    pub fn room_marks_rows(&self) -> impl Iterator<Item = RoomMarksRow> {
        self.known_rooms().flat_map(|(_, room)| {
            room.marks.iter().map(|(user, marks)| RoomMarksRow {
                room: room.name.clone(),
                user: self.name(*user),
                marks: *marks,
            })
        })
    }

    pub fn log_rows(&self) -> impl Iterator<Item = LogRow> {
        self.known_rooms().flat_map(|(_, room)| {
            room.log.iter().map(|entry| {
                let Entry { seq, from, bytes, recipients, undelivered, unacknowledged, unread, unfetched, .. } = *entry;
                let from = self.name(from);
                let room = room.name.clone();
                LogRow { room, seq, from, bytes, recipients, undelivered, unacknowledged, unread, unfetched }
            })
        })
    }
}
