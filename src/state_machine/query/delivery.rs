//! The events that a poll returns: the user's mailbox and the logs of the user's rooms, merged (protocol, section 6).

use std::collections::BTreeMap;

use super::lists::conversation_of;
use crate::limits;
use crate::model::Seq;
use crate::protocol::Event;
use crate::state_machine::output::{Delivery, FiledEvents};
use crate::state_machine::stored::{EVENT_BYTES, HistoryPrefix, RoomEvent, StoredState, TargetNumber, WaitingEvent};
use crate::state_machine::{AccountNumber, RoomNumber};

/// An event that is pending for a user.
enum PendingEvent<'a> {
    InMailbox(WaitingEvent<'a>),
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
            Self::InMailbox(WaitingEvent::Message(_, message)) => message.bytes as usize,
            Self::InRoom(_, RoomEvent::Message(entry)) => entry.bytes as usize,
            Self::InMailbox(WaitingEvent::State(_)) | Self::InRoom(..) => EVENT_BYTES,
        }
    }
}

impl StoredState {
    /// Adds the events above the number that a poll acknowledges to a delivery, in order: at most `max`, and about [`limits::REPLY_BYTES`].
    /// Returns the number of the last one. The sources are merged event by event, so that a poll costs what it
    /// returns, however much is pending in however many rooms.
    pub fn collect(&self, user: AccountNumber, acknowledged: Seq, max: usize, delivery: &mut Delivery) -> Seq {
        let mut heads = self.first_events(user, acknowledged);
        let mut last = acknowledged;
        let mut bytes = 0;
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
                PendingEvent::InRoom(room, _) => self.next_in_room(user, room, seq),
            };
            self.put(user, event, delivery);
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

    /// Returns in how many rooms a poll looks for events: in all of the user if one of them, or the mailbox, may have some.
    pub fn rooms_with_news(&self, user: AccountNumber, acknowledged: Seq) -> usize {
        let account = self.account(user);
        if account.mailbox.newest() > acknowledged { account.rooms.len() } else { 0 }
    }

    /// Returns the first event above a number of each source that has one, by its number.
    fn first_events(&self, user: AccountNumber, acknowledged: Seq) -> BTreeMap<Seq, PendingEvent<'_>> {
        let mut heads = BTreeMap::new();
        let account = self.account(user);
        if account.mailbox.newest() > acknowledged {
            let next = |room: &RoomNumber| self.next_in_room(user, *room, acknowledged);
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

    fn next_in_room(&self, user: AccountNumber, room: RoomNumber, after: Seq) -> Option<PendingEvent<'_>> {
        self.room(room).first_pending(user, after).map(|event| PendingEvent::InRoom(room, event))
    }

    /// Adds one event to a delivery: from memory, or as one to read from the history file.
    fn put(&self, user: AccountNumber, event: PendingEvent, delivery: &mut Delivery) {
        match event {
            PendingEvent::InMailbox(WaitingEvent::State(event)) => delivery.events.push(event.clone()),
            PendingEvent::InMailbox(WaitingEvent::Message(seq, message)) => {
                self.put_message(user, TargetNumber::User(message.from), seq, delivery);
            }
            PendingEvent::InRoom(room, RoomEvent::Gap { first, last }) => {
                delivery.events.push(Event::Gap { room: self.room(room).name.clone(), first, last });
            }
            PendingEvent::InRoom(room, RoomEvent::Message(entry)) => {
                self.put_message(user, TargetNumber::Room(room), entry.seq, delivery);
            }
        }
    }

    fn put_message(&self, user: AccountNumber, target: TargetNumber, seq: Seq, delivery: &mut Delivery) {
        let id = conversation_of(user, target);
        let conversation = self.conversation(id);
        match conversation.and_then(|conversation| conversation.row(seq)) {
            Some(message) => delivery.events.push(Event::Message(message.clone())),
            None => {
                let filed = delivery.filed.entry(id).or_insert_with(|| FiledEvents {
                    participants: self.participants(id),
                    target: self.target(target),
                    filed: conversation.map_or(HistoryPrefix::default(), |conversation| conversation.filed),
                    seqs: Vec::new(),
                });
                filed.seqs.push(seq);
            }
        }
    }
}
