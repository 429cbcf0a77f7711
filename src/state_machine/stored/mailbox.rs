//! A user's mailbox: the numbered events that are pending until all devices of the user have acknowledged them (protocol,
//! sections 3 and 6).
//!
//! Only what is above the number of the user counts in the quotas. What is kept below it, and the user's own messages, are
//! there for devices that are behind.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::length::EVENT_BYTES;
use super::usage::Usage;
use super::{AccountNumber, RoomNumber, TargetNumber};
use crate::limits;
use crate::model::{Seq, State};
use crate::protocol::Event;

/// The conversation and the kind of a STATE event: a newer one replaces a pending one with the same key.
pub type StateKey = (TargetNumber, State);

/// The events that are pending for a user. An empty mailbox allocates nothing.
#[derive(Default)]
pub struct Mailbox {
    /// The newest number that concerns the user, in this mailbox or in one of the user's rooms.
    newest: Seq,
    /// `None`: nothing is pending, as for most users.
    events: Option<Box<Events>>,
}

/// Pending direct messages and STATE events in order of their numbers.
#[derive(Default)]
struct Events {
    pending: BTreeMap<Seq, Pending>,
    /// The pending STATE event of each key.
    states: BTreeMap<StateKey, Box<Event>>,
    /// The user's own messages, for the devices with a name.
    own: BTreeMap<Seq, OwnMessage>,
    /// The newest events of messages that were taken back, of direct conversations: at most [`limits::ERASED_EVENTS`]. They
    /// count in no quota.
    erased: BTreeMap<Seq, ErasedEvent>,
    /// The direct messages that the user has not acknowledged: all of them, those of each sender (never none), those of
    /// strangers.
    messages: Usage,
    by_sender: BTreeMap<AccountNumber, Usage>,
    from_strangers: Usage,
    /// The events that are kept for devices alone, without the user's own messages.
    kept: Usage,
    /// The user's own messages.
    kept_own: Usage,
}

/// The events of every empty mailbox.
static NO_EVENTS: Events = Events {
    pending: BTreeMap::new(),
    states: BTreeMap::new(),
    own: BTreeMap::new(),
    erased: BTreeMap::new(),
    messages: Usage::NONE,
    by_sender: BTreeMap::new(),
    from_strangers: Usage::NONE,
    kept: Usage::NONE,
    kept_own: Usage::NONE,
};

#[derive(Clone, Copy)]
enum Pending {
    Message(WaitingMessage),
    State(StateKey),
}

/// Bytes that a STATE event counts among those that are kept for devices.
const STATE_BYTES: u32 = EVENT_BYTES as u32;

impl Pending {
    fn bytes(self) -> u32 {
        match self {
            Self::Message(message) => message.bytes,
            Self::State(_) => STATE_BYTES,
        }
    }
}

/// A direct message that waits. Its text is in the conversation or in the history file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitingMessage {
    pub from: AccountNumber,
    /// Approximate length in a reply.
    pub bytes: u32,
    /// The sender was a stranger to the recipient when the message was accepted (protocol, section 7).
    pub is_from_stranger: bool,
}

/// A message of the user's own. Its text is in the conversation or in the history file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnMessage {
    pub to: TargetNumber,
    /// Approximate length in a reply.
    pub bytes: u32,
}

/// Messages of a direct conversation that were taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErasedEvent {
    pub peer: AccountNumber,
    pub from: AccountNumber,
    pub first: Seq,
    pub last: Seq,
}

/// An event that waits in a mailbox.
#[derive(Clone, Copy, Debug)]
pub enum WaitingEvent<'a> {
    Message(Seq, WaitingMessage),
    State(&'a Event),
    Own(Seq, OwnMessage),
    Erased(Seq, ErasedEvent),
}

impl WaitingEvent<'_> {
    pub fn seq(&self) -> Seq {
        match self {
            Self::Message(seq, _) | Self::Own(seq, _) | Self::Erased(seq, _) => *seq,
            Self::State(event) => event.seq(),
        }
    }
}

/// How far the numbers of a user and of the devices move.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// The number of the user before and after.
    pub before: Seq,
    pub upto: Seq,
    /// The lowest number of a device, afterwards: what is up to it is kept for none.
    pub lowest: Seq,
    /// That of a device with a name; `None`: there is none that has a number.
    pub lowest_named: Option<Seq>,
}

impl Events {
    fn is_empty(&self) -> bool {
        self.pending.is_empty() && self.own.is_empty() && self.erased.is_empty()
    }

    /// Removes a STATE event that was taken out of `states`. `acknowledged`: the number of the user.
    fn remove_state(&mut self, seq: Seq, acknowledged: Seq) {
        self.pending.remove(&seq);
        if seq <= acknowledged {
            self.kept.subtract(STATE_BYTES);
        }
    }

    /// Removes the user's own messages up to the lowest number of a device with a name, or all of them.
    fn remove_own(&mut self, lowest_named: Option<Seq>) {
        let upto = lowest_named.unwrap_or(Seq::LAST);
        while let Some(first) = self.own.first_entry().filter(|first| *first.key() <= upto) {
            self.kept_own.subtract(first.remove().bytes);
        }
    }

    fn uncount(&mut self, message: WaitingMessage) {
        self.messages.subtract(message.bytes);
        if message.is_from_stranger {
            self.from_strangers.subtract(message.bytes);
        }
        if let Some(usage) = self.by_sender.get_mut(&message.from) {
            usage.subtract(message.bytes);
            if usage.messages == 0 {
                self.by_sender.remove(&message.from);
            }
        }
    }

    /// Moves the numbers, as [`Mailbox::acknowledge`] says.
    fn acknowledge(&mut self, progress: Progress) -> Vec<(AccountNumber, Seq)> {
        let Progress { before, upto, lowest, lowest_named } = progress;
        let mut senders = Vec::new();
        while let Some(first) = self.pending.first_entry().filter(|first| *first.key() <= lowest) {
            let (seq, event) = first.remove_entry();
            match event {
                Pending::Message(message) if seq > before => {
                    senders.push((message.from, seq));
                    self.uncount(message);
                }
                Pending::State(key) => _ = self.states.remove(&key),
                Pending::Message(_) => {}
            }
            if seq <= before {
                self.kept.subtract(event.bytes());
            }
        }
        let mut acknowledged = Vec::new();
        if upto > lowest.max(before) {
            let range = (Bound::Excluded(lowest.max(before)), Bound::Included(upto));
            acknowledged.extend(self.pending.range(range).map(|(seq, event)| (*seq, *event)));
        }
        for (seq, event) in acknowledged {
            self.kept.add(event.bytes());
            if let Pending::Message(message) = event {
                senders.push((message.from, seq));
                self.uncount(message);
            }
        }
        self.remove_own(lowest_named);
        while self.erased.first_entry().is_some_and(|first| *first.key() <= lowest) {
            self.erased.pop_first();
        }
        senders.sort_unstable_by_key(|(from, seq)| (*from, std::cmp::Reverse(*seq)));
        senders.dedup_by_key(|(from, _)| *from);
        senders.sort_unstable_by_key(|(_, seq)| *seq);
        senders
    }
}

impl Mailbox {
    /// Returns the usage by pending direct messages.
    pub fn messages(&self) -> Usage {
        self.events().messages
    }

    pub fn messages_from(&self, sender: AccountNumber) -> Usage {
        self.events().by_sender.get(&sender).copied().unwrap_or_default()
    }

    pub fn messages_from_strangers(&self) -> Usage {
        self.events().from_strangers
    }

    /// Returns the usage by events that are kept for devices alone, without the user's own messages.
    pub fn kept(&self) -> Usage {
        self.events().kept
    }

    /// Returns the usage by the user's own messages.
    pub fn kept_own(&self) -> Usage {
        self.events().kept_own
    }

    /// Adds a direct message that the user has not acknowledged.
    pub fn put_message(&mut self, seq: Seq, message: WaitingMessage) {
        let events = self.events_mut();
        events.messages.add(message.bytes);
        events.by_sender.entry(message.from).or_default().add(message.bytes);
        if message.is_from_stranger {
            events.from_strangers.add(message.bytes);
        }
        self.put(seq, Pending::Message(message));
    }

    /// Adds a direct message of a checkpoint that the user has acknowledged.
    pub fn put_kept_message(&mut self, seq: Seq, message: WaitingMessage) {
        self.events_mut().kept.add(message.bytes);
        self.put(seq, Pending::Message(message));
    }

    /// Adds a message of the user's own.
    pub fn put_own(&mut self, seq: Seq, message: OwnMessage) {
        self.note_newest(seq);
        let events = self.events_mut();
        events.kept_own.add(message.bytes);
        events.own.insert(seq, message);
    }

    /// Adds an event of messages that were taken back; above the limit the oldest goes.
    pub fn put_erased(&mut self, seq: Seq, event: ErasedEvent) {
        self.note_newest(seq);
        let erased = &mut self.events_mut().erased;
        erased.insert(seq, event);
        if erased.len() > limits::ERASED_EVENTS {
            erased.pop_first();
        }
    }

    /// Adds a STATE event, instead of a pending one with the same key. `acknowledged`: the number of the user.
    pub fn put_state(&mut self, event: Event, key: StateKey, acknowledged: Seq) {
        let seq = event.seq();
        let events = self.events_mut();
        if let Some(older) = events.states.insert(key, Box::new(event)) {
            events.remove_state(older.seq(), acknowledged);
        }
        if seq <= acknowledged {
            events.kept.add(STATE_BYTES);
        }
        self.put(seq, Pending::State(key));
    }

    /// Returns whether a STATE event or an own message of a room waits.
    pub fn has_of_room(&self, room: RoomNumber) -> bool {
        let target = TargetNumber::Room(room);
        let has_state =
            [State::Delivered, State::Read].iter().any(|state| self.events().states.contains_key(&(target, *state)));
        has_state || self.events().own.values().any(|message| message.to == target)
    }

    /// Removes what waits of a room that the user is not told of any more. `acknowledged`: the number of the user.
    pub fn remove_room(&mut self, room: RoomNumber, acknowledged: Seq) {
        let target = TargetNumber::Room(room);
        let Some(events) = &mut self.events else { return };
        for state in [State::Delivered, State::Read] {
            if let Some(event) = events.states.remove(&(target, state)) {
                events.remove_state(event.seq(), acknowledged);
            }
        }
        let kept = &mut events.kept_own;
        events.own.retain(|_, message| {
            let stays = message.to != target;
            if !stays {
                kept.subtract(message.bytes);
            }
            stays
        });
        self.drop_if_empty();
    }

    /// Returns whether the direct message with this number waits for the user, or for a device.
    pub fn has_message(&self, seq: Seq) -> bool {
        matches!(self.events().pending.get(&seq), Some(Pending::Message(_)))
    }

    fn put(&mut self, seq: Seq, event: Pending) {
        self.note_newest(seq);
        self.events_mut().pending.insert(seq, event);
    }

    /// Notes the number of a message in one of the user's rooms; room messages themselves stay in the room's log.
    pub fn note_newest(&mut self, seq: Seq) {
        self.newest = self.newest.max(seq);
    }

    /// Moves the numbers of the user and of the devices, and removes the events that are kept for none. Returns the senders of
    /// the messages that the user acknowledges, each with the number of the last one, in the order of those numbers.
    pub fn acknowledge(&mut self, progress: Progress) -> Vec<(AccountNumber, Seq)> {
        let Some(events) = &mut self.events else { return Vec::new() };
        let senders = events.acknowledge(progress);
        self.drop_if_empty();
        senders
    }

    /// Frees the memory of an empty mailbox.
    fn drop_if_empty(&mut self) {
        self.events.take_if(|events| events.is_empty());
    }

    fn events(&self) -> &Events {
        self.events.as_deref().unwrap_or(&NO_EVENTS)
    }

    fn events_mut(&mut self) -> &mut Events {
        self.events.get_or_insert_default()
    }

    /// Returns the newest number that concerns the user: nothing is pending above it, here or in a room.
    pub fn newest(&self) -> Seq {
        self.newest
    }

    /// Iterates over the pending events above a number, in order.
    pub fn after(&self, after: Seq) -> impl Iterator<Item = WaitingEvent<'_>> + '_ {
        let events = self.events();
        let pending = events.pending.range((Bound::Excluded(after), Bound::Unbounded));
        pending.filter_map(|(seq, pending)| match pending {
            Pending::Message(message) => Some(WaitingEvent::Message(*seq, *message)),
            Pending::State(key) => events.states.get(key).map(|event| WaitingEvent::State(event)),
        })
    }

    /// Iterates over the user's own messages above a number, in order.
    pub fn own_after(&self, after: Seq) -> impl Iterator<Item = WaitingEvent<'_>> + '_ {
        let own = self.events().own.range((Bound::Excluded(after), Bound::Unbounded));
        own.map(|(seq, message)| WaitingEvent::Own(*seq, *message))
    }

    /// Iterates over the events of messages that were taken back above a number, in order.
    pub fn erased_after(&self, after: Seq) -> impl Iterator<Item = WaitingEvent<'_>> + '_ {
        let erased = self.events().erased.range((Bound::Excluded(after), Bound::Unbounded));
        erased.map(|(seq, event)| WaitingEvent::Erased(*seq, *event))
    }
}
