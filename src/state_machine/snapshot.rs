//! A snapshot: the stored state as plain tables, which a checkpoint writes and reads. The columns of a table change
//! only with the version of the store.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::stored::{
    Account, AccountRow, Ban, Chat, Conversation, ConversationId, Device, DeviceClock, DeviceNumber, Dropped, Entry,
    ErasedEvent, Erasure, HistoryPrefix, Marks, Member, OwnMessage, Participants, Room, SentMessage, StoredState,
    WaitingEvent, WaitingMessage,
};
use super::{AccountNumber, RoomNumber};
use crate::cluster::{Chain, Link};
use crate::model::{Banned, Message, MessageId, RoomKind, RoomName, Seq, Target, Topic, UserName};
use crate::protocol::Event;

/// All tables of one state.
#[derive(Default)]
pub struct Snapshot {
    pub store: Arc<str>,
    /// The position in the log of the cluster; `None`: the store is in none.
    pub link: Option<Link>,
    pub last: Seq,
    pub device_clock: DeviceClock,
    /// In the order of registration: the first row is account 0.
    pub accounts: Vec<AccountRow>,
    pub devices: Vec<DeviceRow>,
    pub device_gaps: Vec<DeviceGapRow>,
    pub waiting: Vec<WaitingRow>,
    pub chats: Vec<ChatRow>,
    /// In the order of their numbers.
    pub rooms: Vec<RoomRow>,
    pub guests: Vec<GuestRow>,
    pub members: Vec<MemberRow>,
    pub logs: Vec<LogRow>,
    pub room_marks: Vec<RoomMarksRow>,
    pub conversations: Vec<ConversationRow>,
    pub erasures: Vec<ErasureRow>,
    pub ids: Vec<IdRow>,
    pub bans: Vec<BanRow>,
    pub permits: Vec<PermitRow>,
}

impl Snapshot {
    /// Gives the store another name.
    pub fn rename(&mut self, store: Arc<str>) {
        self.store = store;
        // The digest of a key has the name of the store in it.
        self.devices.iter_mut().for_each(|row| row.device.key = None);
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

    /// Makes the snapshot. Every message has to be in a history file: a snapshot holds none of the conversations'
    /// texts.
    pub fn snapshot(&self) -> Snapshot {
        let begun = self.conversations().filter(|(_, conversation)| conversation.last() > Seq::ZERO);
        let conversations = begun.map(|(id, conversation)| ConversationRow {
            id,
            filed: conversation.filed,
            erased: conversation.erased_count(),
        });
        let mut snapshot = Snapshot {
            store: self.store.clone(),
            link: self.chain.as_ref().map(Chain::link),
            last: self.last,
            device_clock: self.device_clock,
            ..Snapshot::default()
        };
        snapshot.conversations = conversations.collect();
        snapshot.conversations.sort_unstable_by_key(|row| row.id);
        snapshot.erasures = self.erasure_rows();
        self.accounts.iter().for_each(|account| self.add_account_rows(account, &mut snapshot));
        let rooms = self.rooms.iter().enumerate().map(|(index, room)| (RoomNumber::new(index), room));
        let rooms = rooms.filter(|(number, _)| !self.free_rooms.contains(number));
        let bans = self.bans.iter().map(|(banned, ban)| BanRow { banned: banned.clone(), ban: ban.clone() });
        snapshot.bans = bans.collect();
        rooms.for_each(|(number, room)| self.add_room_rows(number, room, &mut snapshot));
        snapshot.guests = self.guest_rows();
        snapshot
    }

    fn erasure_rows(&self) -> Vec<ErasureRow> {
        let erasures =
            self.conversations().filter_map(|(id, conversation)| Some((id, conversation.erasures.as_ref()?)));
        let rows = erasures.flat_map(|(id, erasures)| erasures.iter().map(move |erasure| (id, *erasure)));
        let row = |(id, Erasure { seq, from, first, last })| ErasureRow { id, seq, from: self.name(from), first, last };
        let mut rows: Vec<_> = rows.map(row).collect();
        rows.sort_unstable_by_key(|row| row.seq);
        rows
    }

    fn add_account_rows(&self, account: &Account, to: &mut Snapshot) {
        let user = || account.row.name.clone();
        to.accounts.push(account.row.clone());
        for device in account.devices.iter() {
            let gaps = device.gaps.iter().map(|(room, first)| DeviceGapRow {
                user: user(),
                device: device.number,
                room: self.room(*room).name.clone(),
                first: *first,
            });
            to.device_gaps.extend(gaps);
            to.devices.push(DeviceRow { user: user(), device: Device { gaps: BTreeMap::new(), ..device.clone() } });
        }
        let mailbox = &account.mailbox;
        let waiting =
            mailbox.after(Seq::ZERO).chain(mailbox.own_after(Seq::ZERO)).chain(mailbox.erased_after(Seq::ZERO));
        to.waiting.extend(waiting.map(|event| WaitingRow { user: user(), event: self.waiting_row_event(event) }));
        let chats = account.chats.iter();
        to.chats.extend(chats.map(|(peer, chat)| ChatRow { user: user(), peer: self.name(*peer), chat: *chat }));
        let permits = account.permits.iter();
        to.permits.extend(permits.map(|(caller, permitted)| PermitRow {
            user: user(),
            caller: self.name(caller),
            permitted,
        }));
        to.ids.extend(account.sent.iter().map(|(id, sent)| IdRow { user: user(), id: id.clone(), sent }));
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

    fn guest_rows(&self) -> Vec<GuestRow> {
        let mut guests: Vec<_> = Vec::new();
        for room in &self.rooms {
            let invited = room.rights.invited.iter().map(|guest| (guest, true));
            let kept_out = room.rights.kept_out.iter().map(|guest| (guest, false));
            guests.extend(invited.chain(kept_out).map(|((place, user), is_invited)| {
                (place, GuestRow { room: room.name.clone(), user: self.name(user), is_invited })
            }));
        }
        guests.sort_unstable_by_key(|(place, _)| *place);
        guests.into_iter().map(|(_, row)| row).collect()
    }

    fn add_room_rows(&self, number: RoomNumber, room: &Room, to: &mut Snapshot) {
        let name = || room.name.clone();
        let Dropped { last, by, other } = room.dropped;
        to.rooms.push(RoomRow {
            number,
            name: name(),
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
        });
        let members = room.members.iter();
        to.members.extend(members.map(|(user, member)| MemberRow {
            room: name(),
            user: self.name(*user),
            member: *member,
        }));
        let marks = room.marks.iter();
        to.room_marks.extend(marks.map(|(user, marks)| RoomMarksRow {
            room: name(),
            user: self.name(*user),
            marks: *marks,
        }));
        to.logs.extend(room.log.iter().map(|entry| {
            let Entry { seq, from, bytes, recipients, undelivered, unacknowledged, unread, unfetched, .. } = *entry;
            let room = name();
            let from = self.name(from);
            LogRow { room, seq, from, bytes, recipients, undelivered, unacknowledged, unread, unfetched }
        }));
    }
}
