//! The decisions: which records an event makes.

use std::collections::HashMap;
use std::sync::Arc;

use super::conversation::{Complete, Moved};
use super::machine::{Change, ClientState};
use super::outgoing::Outgoing;
use super::record::{Record, Switch};
use super::rights::Rights;
use super::row::Gap;
use crate::limits;
use crate::model::{DeviceName, Message, MessageId, RoomName, Seq, State, Target, Text, Timestamp, UserName};
use crate::protocol::{Chat, DeviceState, Event, Ko};

/// An effect of a poll that the user may want to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    Message(Arc<Message>),
    /// A message of the outbox has come back: the server has it, in this state.
    Accepted(Outgoing, State),
    /// A message that the user has sent elsewhere.
    Own(Arc<Message>),
    /// A message of a conversation that is one too many: the server alone has it.
    Unkept(Target),
    Moved(State, Moved),
    Online(UserName),
    Offline(UserName),
    Joined(RoomName, UserName),
    Parted(RoomName, UserName),
    /// The owner of that room has set this.
    Changed(RoomName, Rights),
    /// That user, who owns the room, has invited this one.
    Invited(RoomName, UserName),
    /// Messages of that room are available by HISTORY only.
    Gap(RoomName),
    /// The messages of that user among these numbers were taken back; the time of the one, if its row is in memory.
    Erased(Gap, UserName, Option<Timestamp>),
    /// The messages there with these numbers are damaged on the server.
    Damaged(Target, Seq, Seq),
    /// That user wanted to call, and the server has not let them through.
    Call(UserName),
    /// The administrator of the server says this to all who are online.
    Notice(Text),
}

impl Arrival {
    /// Returns the user whose presence or membership has changed, or who invites this one or wanted to call.
    pub fn user(&self) -> Option<&UserName> {
        match self {
            Self::Online(user) | Self::Offline(user) | Self::Joined(_, user) | Self::Parted(_, user) => Some(user),
            Self::Invited(_, user) | Self::Call(user) => Some(user),
            Self::Message(_) | Self::Accepted(..) | Self::Own(_) | Self::Unkept(_) => None,
            Self::Moved(..) | Self::Gap(_) | Self::Changed(..) => None,
            Self::Damaged(..) | Self::Notice(_) | Self::Erased(..) => None,
        }
    }
}

impl ClientState {
    pub fn queue(&mut self, message: Outgoing) {
        self.record(Record::Queued(message));
    }

    /// Notes that a message of the outbox is about to be sent. Returns `None` at the first attempt, and else the number
    /// above which it is, if an earlier attempt has reached the server.
    pub fn note_attempt(&mut self, id: &MessageId) -> Option<Seq> {
        let above = self.outbox.tried(id);
        if above.is_none() {
            self.record(Record::Tried { id: id.clone(), above: self.newest() });
        }
        above
    }

    /// Notes that the server has a message of the outbox, and returns its state: a `STATE` event may have come
    /// before the answer to SEND.
    pub fn accept(&mut self, id: &MessageId, at: Timestamp, seq: Seq) -> State {
        match self.record(Record::Sent { id: id.clone(), seq, at }) {
            Change::Sent(state) => state,
            Change::None | Change::Moved(..) => State::Received,
        }
    }

    /// Notes that the server refused a message for good.
    pub fn fail(&mut self, id: &MessageId, why: &Ko) {
        self.record(Record::Failed { id: id.clone(), why: why.to_string() });
    }

    /// Notes the user's own name as the server shows it: as it was registered, in any case.
    pub fn note_own_name(&mut self, user: UserName) {
        if user == self.me {
            self.me = user;
        }
    }

    /// Compares the store of a login with the noted one. Another one is noted, and the client goes on from the
    /// number that the server calls acknowledged (protocol, section 6). `true`: another one was noted before.
    pub fn note_login(&mut self, store: &str, acknowledged: Seq) -> bool {
        let known = !self.store().is_empty();
        let same = self.store() == store;
        if !same {
            self.note_position(store, acknowledged);
        }
        known && !same
    }

    /// Notes how the server has let this client in: as a device, or without a name. `true`: it has known the device before,
    /// and knows it no more.
    pub fn note_device(&mut self, device: Option<(&DeviceName, DeviceState)>) -> bool {
        self.own_come = device.is_some_and(|(_, state)| state == DeviceState::Known);
        let Some((name, state)) = device else { return false };
        let was_known = self.device.as_ref() == Some(name);
        if !was_known {
            self.record(Record::Device(name.clone()));
        }
        was_known && state == DeviceState::New
    }

    /// Checks that the server has known this client as the device of this name.
    pub fn is_device(&self, name: &DeviceName) -> bool {
        self.device.as_ref() == Some(name)
    }

    /// Goes on from this number of this store. One below the noted position stands for an older copy of the
    /// store.
    pub fn note_position(&mut self, store: &str, last: Seq) {
        self.record(Record::Position { store: store.to_owned(), last });
    }

    /// Takes in the events of a poll, and returns what of it is new. Once it is committed, [`Self::position`] may be
    /// acknowledged.
    pub fn take_in(&mut self, events: Vec<Event>) -> Vec<Arrival> {
        let mut arrivals = Vec::new();
        let mut last = self.position();
        for event in events {
            let seq = event.seq();
            // One that is not above was given before.
            if seq > last || seq == Seq::ZERO {
                last = last.max(seq);
                self.take_in_one(event, &mut arrivals);
            }
        }
        // They come before the messages that they are about.
        self.note_read_elsewhere();
        if last > self.position() {
            let store = self.store().to_owned();
            self.note_position(&store, last);
        }
        // Ticks come after the messages of the same poll.
        arrivals.sort_by_key(|arrival| matches!(arrival, Arrival::Moved(..)));
        arrivals
    }

    fn take_in_one(&mut self, event: Event, arrivals: &mut Vec<Arrival>) {
        match event {
            Event::Message(message) => self.take_in_message(message, arrivals),
            // Nothing of it is here, and what the server has of it comes without these texts.
            Event::Erased { target, .. } if !self.knows(&target) && self.count_queued(&target) == 0 => {}
            Event::Erased { target, first, last, from, .. } => {
                let rows = Gap { target, first, last };
                if let Some(at) = self.take_in_erased(&rows, &from) {
                    arrivals.push(Arrival::Erased(rows, from, at));
                }
            }
            Event::State { target, .. } if !self.has_room_for(&target) => {}
            Event::State { seq, target, state, upto, at } => {
                if let Change::Moved(state, what) = self.record(Record::State { seq, target, state, upto, at }) {
                    arrivals.push(Arrival::Moved(state, what));
                }
            }
            Event::Gap { room, .. } => arrivals.push(Arrival::Gap(room)),
            Event::Damaged { seq, target } => arrivals.push(Arrival::Damaged(target, seq, seq)),
            Event::Online { user, .. } => arrivals.push(Arrival::Online(user)),
            Event::Offline { user, .. } => arrivals.push(Arrival::Offline(user)),
            Event::Join { room, user, .. } => arrivals.push(Arrival::Joined(room, user)),
            Event::Part { room, user, .. } => arrivals.push(Arrival::Parted(room, user)),
            Event::Room { room, kind, owner, topic } => {
                arrivals.push(Arrival::Changed(room, Rights { kind, owner, topic }));
            }
            Event::Invite { room, from } => arrivals.push(Arrival::Invited(room, from)),
            Event::Notice { text, .. } => arrivals.push(Arrival::Notice(text)),
            Event::Read { target, upto } => self.expect_read(target, upto),
            // Of an event that this version does not know the number is enough.
            Event::Call { user, .. } => arrivals.push(Arrival::Call(user)),
            Event::Peer { .. } | Event::Unknown { .. } => {}
        }
    }

    fn take_in_message(&mut self, message: Arc<Message>, arrivals: &mut Vec<Arrival>) {
        let message = self.as_known(message);
        let copy = message.clone();
        match message {
            message if self.is_mine(&message) && self.outbox.has(&message) => {
                let state = self.accept(&message.id, message.at, message.seq);
                arrivals.push(Arrival::Accepted(Outgoing::of(&message), state));
            }
            message if self.holds(&message) || self.has_row(&message) => {}
            message if !self.has_room_for(&self.target_of(&message)) => {
                arrivals.push(Arrival::Unkept(self.target_of(&message)));
            }
            message if self.is_mine(&message) => {
                self.record(Record::Missed(message.clone()));
                arrivals.push(Arrival::Own(message));
            }
            message => {
                self.record(Record::Received(message.clone()));
                arrivals.push(Arrival::Message(message));
            }
        }
        self.note_if_erased(&copy);
    }

    /// Notes that the user has read a conversation elsewhere.
    fn expect_read(&mut self, target: Target, upto: Seq) {
        if self.has_room_for(&target) && self.read_elsewhere.len() < limits::CONVERSATIONS {
            let known = self.read_elsewhere.entry(target).or_default();
            *known = upto.max(*known);
        }
    }

    /// Marks the messages as seen that have come and were read elsewhere.
    fn note_read_elsewhere(&mut self) {
        for (target, upto) in std::mem::take(&mut self.read_elsewhere) {
            self.mark_seen(&target, upto);
            if self.conversations.get(&target).is_none_or(|c| c.last_number() < upto) {
                self.read_elsewhere.insert(target, upto);
            }
        }
    }

    /// Notes that the user has joined a room elsewhere: it is one of the conversations. `false`: there are too many.
    pub fn note_joined_elsewhere(&mut self, room: &RoomName) -> bool {
        let target = Target::Room(room.clone());
        let is_kept = self.has_room_for(&target);
        if is_kept && !self.knows(&target) {
            self.record(Record::Complete(target, Complete::default()));
        }
        is_kept
    }

    /// Notes that the user is no longer in a room: one that the user joins later may be another one of the name, whose count
    /// begins anew (protocol, section 7). So it is compared again.
    pub fn note_left(&mut self, room: &RoomName) {
        let target = Target::Room(room.clone());
        let complete = self.conversations.get(&target).map(|here| here.complete);
        if let Some(complete) = complete {
            self.record(Record::Complete(target, Complete { count: Complete::UNKNOWN, ..complete }));
        }
    }

    /// Notes messages of a room that were fetched with HISTORY, oldest first, and returns those that are new. The
    /// user's own are noted by the program that sent them.
    fn add_fetched(&mut self, messages: Vec<Arc<Message>>) -> Vec<Arc<Message>> {
        let mut new = Vec::new();
        for message in messages {
            let lacks = self.conversations.get(&self.target_of(&message)).is_none_or(|c| c.lacks(message.seq));
            if lacks && !self.is_mine(&message) && !self.holds(&message) {
                self.record(Record::Fetched(message.clone()));
                new.push(message.clone());
            }
            self.note_if_erased(&message);
        }
        new
    }

    /// Notes that the user has joined a room, and the messages from before that were asked for, oldest first. The others are
    /// not missed. Returns those that are new.
    pub fn note_joined(&mut self, chat: &Chat, last: Vec<Arc<Message>>) -> Vec<Arc<Message>> {
        let is_new = !self.conversations.contains_key(&chat.target);
        let new = self.add_fetched(last);
        // Nothing came since: the number of messages is that up to the join.
        if is_new && chat.last == chat.read {
            let complete = Complete { upto: chat.last, count: chat.count, erased: Some(chat.erased) };
            self.record(Record::Complete(chat.target.clone(), complete));
        }
        new
    }

    /// Notes a message of a direct chat. `false`: it is in the history already.
    pub fn add_direct(&mut self, message: Arc<Message>) -> bool {
        let new = !self.holds(&message);
        if new {
            self.record(Record::Direct(message));
        }
        new
    }

    /// Notes that the first `count` of the messages in [`Self::unshown`] have been shown.
    pub fn mark_shown(&mut self, count: usize) {
        if count > 0 {
            self.record(Record::Shown(self.shown.count + count as u64));
        }
    }

    /// Notes that the user has seen the messages there up to a number. Returns `false` if that is known.
    pub fn mark_seen(&mut self, target: &Target, upto: Seq) -> bool {
        let Some(conversation) = self.conversations.get(target) else { return false };
        let upto = upto.min(conversation.last_number());
        let is_new = upto > conversation.seen();
        if is_new {
            self.record(Record::Seen { target: target.clone(), upto });
        }
        is_new
    }

    /// Hides the messages of a user, or shows them again. Returns `true` if they are hidden now.
    pub fn toggle_ignored(&mut self, user: &UserName) -> bool {
        let hidden = !self.is_ignored(user);
        self.record(Record::Ignored(user.clone(), hidden));
        hidden
    }

    /// Turns the notices of a conversation off, or on again. Returns `true` if they are off now.
    pub fn toggle_muted(&mut self, target: &Target) -> bool {
        let muted = !self.is_muted(target);
        self.record(Record::Muted(target.clone(), muted));
        muted
    }

    pub fn turn(&mut self, switch: Switch, on: bool) {
        self.record(Record::Set(switch, on));
    }

    /// Copies what another program of this user noted of its messages, as far as it is new here.
    pub(super) fn adopt(&mut self, records: Vec<Record>) {
        let sent = |record: &Record| match record {
            Record::Sent { id, seq, .. } => Some((id.clone(), *seq)),
            _ => None,
        };
        let numbers: HashMap<_, _> = records.iter().filter_map(sent).collect();
        for record in records {
            let new = match &record {
                // The server has returned it already, and a comparison has noted that it is here.
                Record::Queued(message) if self.is_covered(message, numbers.get(&message.id)) => false,
                Record::Queued(message) => !self.is_known(&message.id),
                Record::Tried { id, .. } | Record::Sent { id, .. } | Record::Failed { id, .. } => {
                    self.outbox.contains(id)
                }
                _ => false,
            };
            if new {
                self.record(record);
            }
        }
    }

    /// Checks that a message with this number is here, or among those that a comparison with the server has covered.
    fn is_covered(&self, message: &Outgoing, number: Option<&Seq>) -> bool {
        // A message of another store may have the number: the client need not have heard of a restore.
        let is_here = |number: Seq| {
            let conversation = self.conversations.get(&message.to);
            conversation.is_some_and(|c| !c.lacks(number) && !c.has_other(number, &message.id))
        };
        number.copied().is_some_and(is_here)
    }

    /// Notes that another program of this user sends the messages of the outbox.
    pub(super) fn move_all_away(&mut self) {
        let ids: Vec<_> = self.outbox.iter().map(|message| message.id.clone()).collect();
        for id in ids {
            self.record(Record::Moved(id));
        }
    }
}
