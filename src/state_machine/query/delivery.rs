//! The events that a poll returns: the user's mailbox and the logs of the user's rooms, merged (protocol, section 6).

use std::collections::BTreeMap;

use crate::limits;
use crate::model::Seq;
use crate::protocol::Event;
use crate::record::length_in_record;
use crate::state_machine::output::{Delivery, FiledEvents};
use crate::state_machine::stored::{EVENT_BYTES, RoomEvent, StoredState};
use crate::state_machine::{AccountNumber, RoomNumber};

/// An event that is pending for a user.
enum PendingEvent<'a> {
    InMailbox(&'a Event),
    InRoom(RoomNumber, RoomEvent),
}

impl PendingEvent<'_> {
    fn seq(&self) -> Seq {
        match self {
            Self::InMailbox(event) => event.seq(),
            Self::InRoom(_, RoomEvent::Gap { last, .. }) => *last,
            Self::InRoom(_, RoomEvent::Message(entry)) => entry.seq,
        }
    }

    /// Returns the approximate length in a reply.
    fn bytes(&self) -> usize {
        match self {
            Self::InMailbox(Event::Message(message)) => length_in_record(message.text.as_str()) + EVENT_BYTES,
            Self::InRoom(_, RoomEvent::Message(entry)) => entry.bytes as usize,
            Self::InMailbox(_) | Self::InRoom(..) => EVENT_BYTES,
        }
    }
}

impl StoredState {
    /// Adds the events above the number that a poll acknowledges to a delivery, in order: at most `max`, and about [`limits::REPLY_BYTES`].
    /// Returns the number of the last one. The sources are merged event by event, so that a poll costs what it
    /// returns, however much is pending in however many rooms.
    pub fn collect(&self, user: AccountNumber, acknowledged: Seq, max: usize, delivery: &mut Delivery) -> Seq {
        let mut heads = self.first_events(user, acknowledged);
        let (mut last, mut bytes) = (acknowledged, 0);
        let mut next = heads.pop_first();
        for _ in 0..max {
            let Some((seq, event)) = next else { break };
            bytes += event.bytes();
            // The first event always fits.
            if bytes > limits::REPLY_BYTES {
                break;
            }
            last = seq;
            let following = match event {
                PendingEvent::InMailbox(_) => self.next_in_mailbox(user, seq),
                PendingEvent::InRoom(room, _) => self.next_in_room(user, room, acknowledged, seq),
            };
            self.put(event, delivery);
            next = match following.map(|event| (event.seq(), event)) {
                Some((seq, event)) if heads.first_key_value().is_none_or(|(first, _)| seq < *first) => {
                    Some((seq, event))
                }
                following => {
                    heads.extend(following);
                    heads.pop_first()
                }
            };
        }
        last
    }

    /// Returns the first event above a number of each source that has one, by its number.
    fn first_events(&self, user: AccountNumber, acknowledged: Seq) -> BTreeMap<Seq, PendingEvent<'_>> {
        let mut heads = BTreeMap::new();
        let account = self.account(user);
        if account.mailbox.newest() > acknowledged {
            let next = |room: &RoomNumber| self.next_in_room(user, *room, acknowledged, acknowledged);
            let rooms = account.rooms.iter().filter_map(next);
            for first in self.next_in_mailbox(user, acknowledged).into_iter().chain(rooms) {
                heads.insert(first.seq(), first);
            }
        }
        heads
    }

    fn next_in_mailbox(&self, user: AccountNumber, after: Seq) -> Option<PendingEvent<'_>> {
        self.account(user).mailbox.after(after).next().map(PendingEvent::InMailbox)
    }

    fn next_in_room(
        &self,
        user: AccountNumber,
        room: RoomNumber,
        acknowledged: Seq,
        after: Seq,
    ) -> Option<PendingEvent<'_>> {
        self.room(room).first_pending(user, acknowledged, after).map(|event| PendingEvent::InRoom(room, event))
    }

    /// Adds one event to a delivery: from memory, or as one to read from the history file.
    fn put(&self, event: PendingEvent, delivery: &mut Delivery) {
        let (number, entry) = match event {
            PendingEvent::InMailbox(event) => return delivery.events.push(event.clone()),
            PendingEvent::InRoom(room, RoomEvent::Gap { first, last }) => {
                return delivery.events.push(Event::Gap { room: self.room(room).name.clone(), first, last });
            }
            PendingEvent::InRoom(room, RoomEvent::Message(entry)) => (room, entry),
        };
        let stored = &self.room(number).conversation;
        if let Some(message) = stored.row(entry.seq) {
            return delivery.events.push(Event::Message(message.clone()));
        }
        match delivery.filed.iter_mut().find(|filed| filed.room == number) {
            Some(filed) => filed.seqs.push(entry.seq),
            None => {
                let name = self.room(number).name.clone();
                delivery.filed.push(FiledEvents { room: number, name, filed: stored.filed, seqs: vec![entry.seq] });
            }
        }
    }
}
