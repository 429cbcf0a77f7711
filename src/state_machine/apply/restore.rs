//! Restores the stored state from a snapshot.

use super::Applied;
use crate::model::{Seq, Target};
use crate::protocol::Event;
use crate::state_machine::ApplyError;
use crate::state_machine::snapshot::{
    ChatRow, ConversationRow, IdRow, LogRow, MemberRow, RoomMarksRow, RoomRow, Snapshot, WaitingRow,
};
use crate::state_machine::stored::{ConversationId, Dropped, Entry, StoredState, TargetNumber};

impl StoredState {
    /// Restores the state of which a snapshot was made. Rows of a checkpoint can name anything: a row that names
    /// an account or a room that is not there is an error.
    pub fn restore(snapshot: Snapshot) -> Result<Self, ApplyError> {
        let mut state = Self::new(snapshot.store);
        snapshot.accounts.into_iter().try_for_each(|row| state.add_account(row))?;
        for ChatRow { user, peer, read } in snapshot.chats {
            let (user, peer) = (state.number(&user)?, state.number(&peer)?);
            state.account_mut(user).chats.insert(peer, read);
        }
        for IdRow { user, id, sent } in snapshot.ids {
            let user = state.number(&user)?;
            state.account_mut(user).sent.insert(id, sent);
        }
        snapshot.rooms.into_iter().try_for_each(|row| state.restore_room(row))?;
        for MemberRow { room, user, member } in snapshot.members {
            let (room, number) = (state.room_number(&room)?, state.number(&user)?);
            state.add_member(room, number, user, member);
        }
        for RoomMarksRow { room, user, marks } in snapshot.room_marks {
            let (room, user) = (state.room_number(&room)?, state.number(&user)?);
            state.room_mut(room).marks.insert(user, marks);
        }
        snapshot.logs.iter().try_for_each(|row| state.restore_log_entry(row))?;
        snapshot.conversations.iter().try_for_each(|row| state.restore_conversation(row))?;
        snapshot.waiting.iter().try_for_each(|row| state.restore_pending_event(row))?;
        state.last = snapshot.last;
        // The snapshot does not say which numbers concern whom; an upper bound does.
        state.accounts.iter_mut().for_each(|account| account.mailbox.note_newest(snapshot.last));
        Ok(state)
    }

    fn restore_room(&mut self, row: RoomRow) -> Applied {
        let by = row.dropped_by.map(|by| self.number(&by)).transpose()?;
        let number = self.add_room(row.name);
        self.room_mut(number).dropped = Dropped { last: row.dropped, by, other: row.dropped_other };
        Ok(())
    }

    fn restore_log_entry(&mut self, row: &LogRow) -> Applied {
        let (room, from) = (self.room_number(&row.room)?, self.number(&row.from)?);
        let &LogRow { seq, bytes, recipients, undelivered, unacknowledged, unread, .. } = row;
        let room = self.room_mut(room);
        let run = room.run_of_next(seq, from);
        room.log.push_back(Entry { seq, from, run, bytes, recipients, undelivered, unacknowledged, unread });
        Ok(())
    }

    fn restore_conversation(&mut self, row: &ConversationRow) -> Applied {
        let conversation = match row.id {
            ConversationId::Direct(low, high) if low.max(high).index() < self.accounts.len() => {
                self.account_mut(low).note_last(high, Seq::ZERO, row.filed.upto);
                self.account_mut(high).note_last(low, Seq::ZERO, row.filed.upto);
                self.direct.entry(row.id).or_default()
            }
            ConversationId::Room(room) if room.index() < self.rooms.len() => &mut self.room_mut(room).conversation,
            id => return Err(ApplyError(format!("{id} names an account or a room that is not there"))),
        };
        conversation.filed = row.filed;
        Ok(())
    }

    fn restore_pending_event(&mut self, row: &WaitingRow) -> Applied {
        let user = self.number(&row.user)?;
        match &row.event {
            Event::Message(message) => {
                let from = self.number(&message.from)?;
                self.account_mut(user).mailbox.put_message(message.clone(), from);
            }
            Event::State { target, state, .. } => {
                let target = match target {
                    Target::User(peer) => TargetNumber::User(self.number(peer)?),
                    Target::Room(room) => TargetNumber::Room(self.room_number(room)?),
                };
                self.account_mut(user).mailbox.put_state(row.event.clone(), (target, *state));
            }
            event => return Err(ApplyError(format!("{event:?} cannot wait for {}", row.user))),
        }
        Ok(())
    }
}
