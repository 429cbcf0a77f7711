//! Makes the rows of a checkpoint's tables from the stored state, one after the other.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::snapshot::{
    BanRow, ChatRow, ConversationRow, DeviceGapRow, DeviceRow, ErasureRow, GuestRow, Head, IdRow, LogRow, MemberRow,
    PermitRow, RightsRow, RoomMarksRow, RoomRow, Snapshot, WaitingRow, WaitingRowEvent,
};
use super::stored::{
    Conversation, ConversationId, Device, Dropped, Entry, ErasedEvent, Erasure, HistoryPrefix, OwnMessage, Room,
    StoredState, WaitingEvent, WaitingMessage,
};
use super::{AccountNumber, RoomNumber};
use crate::cluster::Chain;
use crate::model::{Message, Seq};

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
