//! Restores the stored state from the rows of a checkpoint.

use super::Applied;
use crate::cluster::Chain;
use crate::limits;
use crate::model::{Banned, Seq, Target};
use crate::protocol::Event;
use crate::state_machine::snapshot::{
    BanRow, ChatRow, ConversationRow, DeviceGapRow, DeviceRow, ErasureRow, GuestRow, Head, LogRow, MemberRow,
    PermitRow, RightsRow, RoomMarksRow, RoomRow, Snapshot, StateRow, WaitingRow, WaitingRowEvent,
};
use crate::state_machine::stored::{
    Capacities, ConversationId, Dropped, Entry, ErasedEvent, Erasure, OwnMessage, Rights, Room, StoredState,
    WaitingMessage,
};
use crate::state_machine::{AccountNumber, ApplyError, RoomNumber};

/// Restores the state of which rows were written, from one row after the other. Rows of a checkpoint can name anything: a row
/// that names an account or a room that is not there is an error.
pub struct Restoring {
    state: StoredState,
    /// The newest sequence number of the state.
    last: Seq,
    /// The owners of rooms, who have to be members.
    owners: Vec<(RoomNumber, AccountNumber)>,
}

impl Restoring {
    pub fn new(head: Head, capacities: Capacities) -> Self {
        let Head { store, id_key, link, last, device_clock } = head;
        let mut state = StoredState::with_capacities(store, capacities).with_id_key(id_key);
        state.chain = link.map(Chain::new);
        state.device_clock = device_clock;
        Self { state, last, owners: Vec::new() }
    }

    /// Adds a row. Rows come in the order in which [`Snapshot::into_rows`] returns them.
    pub fn add(&mut self, row: StateRow) -> Applied {
        if let StateRow::Room(row) = &row {
            let owner = row.rights.as_ref().map_or(row.creator.as_ref(), |rights| rights.owner.as_ref());
            let owner = owner.map(|owner| self.state.number(owner)).transpose()?;
            self.owners.extend(owner.map(|owner| (row.number, owner)));
        }
        self.state.restore_row(row)
    }

    /// Returns the state, after the last row.
    pub fn finish(self) -> StoredState {
        let Self { mut state, last, owners } = self;
        for (room, owner) in owners {
            if state.room(room).has_member(owner) {
                state.room_mut(room).rights.owner = Some(owner);
            }
        }
        // Of a room whose creator, in a server that knew no owners, is no member.
        for number in state.room_numbers.values().copied().collect::<Vec<_>>() {
            state.find_owner(number);
        }
        state.restore_removed_counts();
        state.last = last;
        // The rows do not say which numbers concern whom; an upper bound does.
        state.accounts.iter_mut().for_each(|account| account.mailbox.note_newest(last));
        state
    }
}

impl StoredState {
    /// Restores the state of which a snapshot was made.
    pub fn restore(snapshot: Snapshot, capacities: Capacities) -> Result<Self, ApplyError> {
        let mut restoring = Restoring::new(snapshot.head.clone(), capacities);
        snapshot.into_rows().try_for_each(|row| restoring.add(row))?;
        Ok(restoring.finish())
    }

    fn restore_row(&mut self, row: StateRow) -> Applied {
        match row {
            StateRow::Account(row) => self.add_account(row)?,
            StateRow::Device(DeviceRow { user, device }) => {
                let user = self.number(&user)?;
                self.account_mut(user).devices.put(device);
            }
            StateRow::Chat(ChatRow { user, peer, chat }) => {
                let user = self.number(&user)?;
                let peer = self.number(&peer)?;
                self.account_mut(user).chats.insert(peer, chat);
            }
            StateRow::Permit(PermitRow { user, caller, permitted }) => {
                let user = self.number(&user)?;
                let caller = self.number(&caller)?;
                self.account_mut(user).permits.put(caller, permitted);
            }
            StateRow::Ids(account, sent) => {
                let capacity = self.capacities.remembered_ids;
                let no_account = || ApplyError(format!("there is no account number {account}"));
                self.accounts.get_mut(account.index()).ok_or_else(no_account)?.sent.restore(sent, capacity);
            }
            StateRow::Ban(BanRow { banned, ban }) => {
                if let Banned::User(user) = &banned {
                    self.number(user)?;
                }
                self.bans.restore(banned, ban);
            }
            StateRow::Room(row) => self.restore_room(row)?,
            StateRow::DeviceGap(DeviceGapRow { user, device, room, first }) => {
                let room = self.room_number(&room)?;
                let account = self.number(&user)?;
                let devices = &mut self.account_mut(account).devices;
                let device = devices.get_mut(device).ok_or_else(|| ApplyError(format!("{user} has no such device")))?;
                device.gaps.insert(room, first);
            }
            StateRow::Member(MemberRow { room, user, member }) => {
                let room = self.room_number(&room)?;
                let number = self.number(&user)?;
                self.add_member(room, number, user, member);
            }
            StateRow::Guest(GuestRow { room, user, is_invited }) => {
                let room = self.room_number(&room)?;
                let user = self.number(&user)?;
                if is_invited { self.add_invitation(room, user) } else { self.keep_out(room, user) }
            }
            StateRow::RoomMarks(RoomMarksRow { room, user, marks }) => {
                let room = self.room_number(&room)?;
                let user = self.number(&user)?;
                self.room_mut(room).marks.insert(user, marks);
            }
            StateRow::Log(row) => self.restore_log_entry(&row)?,
            StateRow::Conversation(row) => self.restore_conversation(&row)?,
            StateRow::Erasure(row) => self.restore_erasure(&row)?,
            StateRow::Waiting(row) => self.restore_pending_event(&row)?,
        }
        Ok(())
    }

    fn restore_room(&mut self, row: RoomRow) -> Applied {
        let by = row.dropped_by.map(|by| self.number(&by)).transpose()?;
        let creator = row.creator.map(|creator| self.number(&creator)).transpose()?;
        let taken = self.rooms.len() - self.free_rooms.len();
        if !(self.rooms.len()..=taken + limits::ROOMS).contains(&row.number.index()) {
            return Err(ApplyError(format!("there cannot be a room number {} here", row.number)));
        }
        // The name of a free place means nothing.
        while self.rooms.len() < row.number.index() {
            self.free_rooms.insert(RoomNumber::new(self.rooms.len()));
            self.rooms.push(Room { is_open: false, ..Room::new(row.name.clone(), None) });
        }
        let dropped = Dropped { last: row.dropped, by, other: row.dropped_other };
        let rights = row.rights.map_or(Rights::default(), |RightsRow { kind, was_private, topic, .. }| Rights {
            kind,
            was_private,
            topic,
            ..Rights::default()
        });
        self.put_room(row.number, Room { is_open: row.is_open, rights, dropped, ..Room::new(row.name, creator) });
        Ok(())
    }

    fn restore_log_entry(&mut self, row: &LogRow) -> Applied {
        let room = self.room_number(&row.room)?;
        let from = self.number(&row.from)?;
        let &LogRow { seq, bytes, recipients, undelivered, unacknowledged, unread, unfetched, .. } = row;
        let room = self.room_mut(room);
        let run = room.run_of_next(seq, from);
        room.log.push_back(Entry { seq, from, run, bytes, recipients, undelivered, unacknowledged, unread, unfetched });
        Ok(())
    }

    fn restore_conversation(&mut self, row: &ConversationRow) -> Applied {
        let conversation = match row.id {
            ConversationId::Direct(low, high) if low.max(high).index() < self.accounts.len() => {
                self.account_mut(low).latest.insert(row.filed.upto, high);
                self.account_mut(high).latest.insert(row.filed.upto, low);
                self.direct.entry(row.id).or_default()
            }
            ConversationId::Room(room) if room.index() < self.rooms.len() && !self.free_rooms.contains(&room) => {
                &mut self.room_mut(room).conversation
            }
            id => return Err(ApplyError(format!("{id} names an account or a room that is not there"))),
        };
        conversation.filed = row.filed;
        if row.erased > 0 {
            conversation.erasures.get_or_insert_default().count = row.erased;
        }
        self.removed_upto = self.removed_upto.max(row.filed.removed.upto);
        Ok(())
    }

    fn restore_erasure(&mut self, row: &ErasureRow) -> Applied {
        let ErasureRow { id, seq, first, last, .. } = *row;
        let from = self.number(&row.from)?;
        let conversation = self.conversation_mut(id).ok_or_else(|| ApplyError(format!("there is no {id}")))?;
        conversation.erasures.get_or_insert_default().add(Erasure { seq, from, first, last });
        self.unfiled_erasures += usize::from(seq > conversation.filed.erased_upto);
        Ok(())
    }

    fn restore_removed_counts(&mut self) {
        let numbers = (0..self.rooms.len()).map(RoomNumber::new);
        let removed: Vec<_> =
            numbers.filter(|number| !self.room(*number).is_open && !self.room(*number).is_silent()).collect();
        for number in removed {
            self.count_removed(number);
        }
    }

    fn restore_pending_event(&mut self, row: &WaitingRow) -> Applied {
        let user = self.number(&row.user)?;
        if let WaitingRowEvent::State(Event::State { target: Target::Room(room), .. })
        | WaitingRowEvent::Own { to: Target::Room(room), .. } = &row.event
        {
            let room = self.room_number(room)?;
            if !self.room(room).has_member(user) {
                self.room_mut(room).former.insert(user);
            }
        }
        match &row.event {
            WaitingRowEvent::Message { seq, from, bytes, is_from_stranger } => {
                let from = self.number(from)?;
                let bytes = *bytes;
                let is_from_stranger = *is_from_stranger;
                let message = WaitingMessage { from, bytes, is_from_stranger };
                let account = self.account_mut(user);
                match *seq <= account.row.acknowledged {
                    true => account.mailbox.put_kept_message(*seq, message),
                    false => account.mailbox.put_message(*seq, message),
                }
            }
            WaitingRowEvent::State(event @ Event::State { target, state, .. }) => {
                let target = self.target_number(target)?;
                let account = self.account_mut(user);
                account.mailbox.put_state(event.clone(), (target, *state), account.row.acknowledged);
            }
            WaitingRowEvent::Own { seq, to, bytes } => {
                let to = self.target_number(to)?;
                self.account_mut(user).mailbox.put_own(*seq, OwnMessage { to, bytes: *bytes });
            }
            WaitingRowEvent::Erased { seq, peer, from, first, last } => {
                let peer = self.number(peer)?;
                let from = self.number(from)?;
                let event = ErasedEvent { peer, from, first: *first, last: *last };
                self.account_mut(user).mailbox.put_erased(*seq, event);
            }
            WaitingRowEvent::State(event) => {
                return Err(ApplyError(format!("{event:?} cannot wait for {}", row.user)));
            }
        }
        Ok(())
    }
}
