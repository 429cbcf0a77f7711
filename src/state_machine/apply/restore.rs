//! Restores the stored state from a snapshot.

use super::Applied;
use crate::cluster::Chain;
use crate::limits;
use crate::model::{Banned, Seq, Target};
use crate::protocol::Event;
use crate::state_machine::snapshot::{
    BanRow, ChatRow, ConversationRow, DeviceGapRow, DeviceRow, ErasureRow, GuestRow, IdRow, LogRow, MemberRow,
    PermitRow, RightsRow, RoomMarksRow, RoomRow, Snapshot, WaitingRow, WaitingRowEvent,
};
use crate::state_machine::stored::{
    Capacities, ConversationId, Dropped, Entry, ErasedEvent, Erasure, OwnMessage, Rights, Room, StoredState,
    WaitingMessage,
};
use crate::state_machine::{ApplyError, RoomNumber};

impl StoredState {
    /// Restores the state of which a snapshot was made. Rows of a checkpoint can name anything: a row that names
    /// an account or a room that is not there is an error.
    pub fn restore(snapshot: Snapshot, capacities: Capacities) -> Result<Self, ApplyError> {
        let mut state = Self::with_capacities(snapshot.store, capacities);
        state.chain = snapshot.link.map(Chain::new);
        state.device_clock = snapshot.device_clock;
        snapshot.accounts.into_iter().try_for_each(|row| state.add_account(row))?;
        for DeviceRow { user, device } in snapshot.devices {
            let user = state.number(&user)?;
            state.account_mut(user).devices.put(device);
        }
        for ChatRow { user, peer, chat } in snapshot.chats {
            let user = state.number(&user)?;
            let peer = state.number(&peer)?;
            state.account_mut(user).chats.insert(peer, chat);
        }
        for PermitRow { user, caller, permitted } in snapshot.permits {
            let user = state.number(&user)?;
            let caller = state.number(&caller)?;
            state.account_mut(user).permits.put(caller, permitted);
        }
        for IdRow { user, id, sent } in snapshot.ids {
            let user = state.number(&user)?;
            state.account_mut(user).sent.insert(id, sent, capacities.remembered_ids);
        }
        for BanRow { banned, ban } in snapshot.bans {
            if let Banned::User(user) = &banned {
                state.number(user)?;
            }
            state.bans.restore(banned, ban);
        }
        let mut owners = Vec::new();
        for row in snapshot.rooms {
            let (number, rights, creator) = (row.number, row.rights.as_ref(), row.creator.as_ref());
            let owner = rights.map_or(creator, |rights| rights.owner.as_ref());
            owners.extend(owner.map(|owner| state.number(owner)).transpose()?.map(|owner| (number, owner)));
            state.restore_room(row)?;
        }
        for DeviceGapRow { user, device, room, first } in snapshot.device_gaps {
            let room = state.room_number(&room)?;
            let account = state.number(&user)?;
            let devices = &mut state.account_mut(account).devices;
            let device = devices.get_mut(device).ok_or_else(|| ApplyError(format!("{user} has no such device")))?;
            device.gaps.insert(room, first);
        }
        for MemberRow { room, user, member } in snapshot.members {
            let room = state.room_number(&room)?;
            let number = state.number(&user)?;
            state.add_member(room, number, user, member);
        }
        for GuestRow { room, user, is_invited, .. } in snapshot.guests {
            let room = state.room_number(&room)?;
            let user = state.number(&user)?;
            if is_invited { state.add_invitation(room, user) } else { state.keep_out(room, user) }
        }
        for (room, owner) in owners {
            if state.room(room).has_member(owner) {
                state.room_mut(room).rights.owner = Some(owner);
            }
        }
        // Of a room whose creator, in a server that knew no owners, is no member.
        for number in state.room_numbers.values().copied().collect::<Vec<_>>() {
            state.find_owner(number);
        }
        for RoomMarksRow { room, user, marks } in snapshot.room_marks {
            let room = state.room_number(&room)?;
            let user = state.number(&user)?;
            state.room_mut(room).marks.insert(user, marks);
        }
        snapshot.logs.iter().try_for_each(|row| state.restore_log_entry(row))?;
        snapshot.conversations.iter().try_for_each(|row| state.restore_conversation(row))?;
        snapshot.erasures.iter().try_for_each(|row| state.restore_erasure(row))?;
        state.restore_removed_counts();
        snapshot.waiting.iter().try_for_each(|row| state.restore_pending_event(row))?;
        state.last = snapshot.last;
        // The snapshot does not say which numbers concern whom; an upper bound does.
        state.accounts.iter_mut().for_each(|account| account.mailbox.note_newest(snapshot.last));
        Ok(state)
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
                self.account_mut(low).note_last(high, Seq::ZERO, row.filed.upto);
                self.account_mut(high).note_last(low, Seq::ZERO, row.filed.upto);
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
