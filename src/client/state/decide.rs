//! The decisions: which records an event makes.

use std::collections::HashMap;
use std::sync::Arc;

use super::conversation::{Complete, Conversation, Moved};
use super::machine::{Change, ClientState};
use super::outgoing::Outgoing;
use super::record::Record;
use super::row::Gap;
use super::switch::Switch;
use crate::limits;
use crate::model::{Message, MessageId, RoomName, Seq, State, Target, Text, Timestamp, UserName};
use crate::protocol::{Chat, Event, HistoryRecord, Ko};

/// An effect of a poll that the user may want to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    Message(Arc<Message>),
    /// A message of a conversation that is one too many: the server alone has it.
    Unkept(Target),
    Moved(State, Moved),
    Online(UserName),
    Offline(UserName),
    Joined(RoomName, UserName),
    Parted(RoomName, UserName),
    /// Messages of that room are available by HISTORY only.
    Gap(RoomName),
    /// The messages there with these numbers are damaged on the server.
    Damaged(Target, Seq, Seq),
    /// The administrator of the server says this to all who are online.
    Notice(Text),
}

impl Arrival {
    /// Returns the user whose presence or membership has changed.
    pub fn user(&self) -> Option<&UserName> {
        match self {
            Self::Online(user) | Self::Offline(user) | Self::Joined(_, user) | Self::Parted(_, user) => Some(user),
            Self::Message(_) | Self::Unkept(_) | Self::Moved(..) | Self::Gap(_) => None,
            Self::Damaged(..) | Self::Notice(_) => None,
        }
    }
}

/// A conversation of which messages are missing here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    pub target: Target,
    /// They are above this number.
    pub above: Seq,
    /// The states of the user's messages may have changed above this one.
    pub down_to: Seq,
    /// The number of the conversation's last message, and the server's count of all.
    pub last: Seq,
    pub count: u64,
    /// The messages of others above this number come with a poll.
    pub taken: Seq,
    /// The number up to which the server calls them read: another program of the user has shown them.
    pub read: Seq,
}

impl Missing {
    /// Checks that the conversation was never compared with the server.
    pub fn is_new(&self) -> bool {
        self.above == Seq::ZERO
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
            self.record(Record::Tried { id: id.clone(), above: self.newest });
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
        let known = !self.store.is_empty();
        let same = self.store == store;
        if !same {
            self.note_position(store, acknowledged);
        }
        known && !same
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
        let mut last = self.position;
        for event in events {
            let seq = event.seq();
            // One that is not above was given before.
            if seq > last || seq == Seq::ZERO {
                last = last.max(seq);
                self.take_in_one(event, &mut arrivals);
            }
        }
        if last > self.position {
            self.note_position(&self.store.clone(), last);
        }
        // Ticks come behind the messages of the same poll.
        arrivals.sort_by_key(|arrival| matches!(arrival, Arrival::Moved(..)));
        arrivals
    }

    fn take_in_one(&mut self, event: Event, arrivals: &mut Vec<Arrival>) {
        match event {
            Event::Message(message) if self.holds(&message) || self.has_row(&message) => {}
            Event::Message(message) if !self.has_room_for(&self.target_of(&message)) => {
                arrivals.push(Arrival::Unkept(self.target_of(&message)));
            }
            Event::Message(message) => {
                self.record(Record::Received(message.clone()));
                arrivals.push(Arrival::Message(message));
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
            Event::Notice { text, .. } => arrivals.push(Arrival::Notice(text)),
            // Of an event that this version does not know the number is enough.
            Event::Peer { .. } | Event::Unknown { .. } => {}
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
                new.push(message);
            }
        }
        new
    }

    /// Compares the server's conversations with those here: returns the ones that lack messages, in that order. One that is
    /// complete is noted as such. One with messages of an earlier store lacks all that is not known to be of this one: the
    /// pages of HISTORY show where the earlier store ends ([`ClientState::reaches_earlier_store`]). `states_missed`: those
    /// whose last message of the user may have been read. `taken`: the messages of others above this number come with a poll.
    /// Conversations beyond the limit are left out.
    pub fn compare(&mut self, chats: &[Chat], states_missed: bool, taken: Seq) -> Vec<Missing> {
        let mut missing: Vec<Missing> = Vec::new();
        let mut space = limits::CONVERSATIONS.saturating_sub(self.conversations.len());
        for Chat { target, last, count, read } in chats {
            if !self.knows(target) {
                let Some(left) = space.checked_sub(1) else { continue };
                space = left;
            }
            let target = target.clone();
            let last = *last;
            let count = *count;
            let read = *read;
            self.mark_seen(&target, read);
            let empty = Conversation::default();
            let here = self.conversations.get(&target).unwrap_or(&empty);
            let above = here.complete().upto;
            let doubtful = if states_missed { here.first_unread_sent() } else { None };
            if doubtful.is_some() || !here.is_complete(last, count) {
                let down_to = doubtful.map_or(above, |seq| seq.before().min(above));
                missing.push(Missing { target, above, down_to, last, count, taken, read });
            } else if last > above && last <= taken {
                self.record(Record::Complete(target, Complete { upto: last, count }));
            }
        }
        missing
    }

    /// Checks that a page of HISTORY is of an earlier store, in which nothing up to there was missing: a restored server has
    /// the same messages before them. A single message proves nothing, since its sender may have sent it again.
    pub fn reaches_earlier_store(&self, missing: &Missing, page: &[HistoryRecord]) -> bool {
        let mut messages = page.iter().filter_map(HistoryRecord::message).peekable();
        let here = self.conversations.get(&missing.target);
        let was_complete = |oldest: &Arc<Message>| here.is_some_and(|here| here.was_complete(oldest.seq));
        missing.is_new()
            && messages.peek().is_some_and(|oldest| was_complete(oldest))
            && messages.all(|message| self.is_of_earlier_store(message))
    }

    /// Moves the user's messages to the states that a page of HISTORY reports: the events that told of them came to
    /// another program, or are still to come. To be called before the messages of the page are added.
    pub fn take_states(&mut self, missing: &Missing, page: &[HistoryRecord]) -> Vec<(State, Moved)> {
        let mut all = Vec::new();
        for reached in [State::Read, State::Delivered] {
            let sent = self.missed(missing, page).filter(|(message, state)| *state >= reached && self.is_mine(message));
            let last = sent.map(|(message, _)| message).max_by_key(|message| message.seq);
            let Some(last) = last.filter(|last| self.state_of(last) < reached) else { continue };
            let change =
                self.record(Record::Reached { target: missing.target.clone(), state: reached, upto: last.seq });
            if let Change::Moved(state, moved) = change {
                all.push((state, moved));
            }
        }
        all
    }

    /// Adds the messages of a page of HISTORY that are missing, and returns them.
    pub fn add_missed(&mut self, missing: &Missing, page: &[HistoryRecord]) -> Vec<Arc<Message>> {
        let missed: Vec<_> = self.missed(missing, page).map(|(message, _)| message.clone()).collect();
        let mut added = Vec::new();
        for message in missed {
            if message.seq > missing.above && !self.has_row(&message) && !self.holds(&message) {
                self.record(Record::Missed(message.clone()));
                added.push(message);
            }
        }
        added
    }

    /// Returns the messages of a page that are asked for, with their states, without those that come with a poll, or with
    /// the answer to their SEND.
    fn missed<'a>(
        &'a self,
        missing: &'a Missing,
        page: &'a [HistoryRecord],
    ) -> impl Iterator<Item = (&'a Arc<Message>, State)> {
        let messages = page.iter().filter_map(|record| match record {
            HistoryRecord::Message { message, state } => Some((message, *state)),
            HistoryRecord::Damaged { .. } => None,
        });
        messages.filter(|(message, _)| {
            let comes =
                if self.is_mine(message) { self.outbox.contains(&message.id) } else { message.seq > missing.taken };
            !comes && message.seq > missing.down_to
        })
    }

    /// Notes that the user has joined a room, and the messages from before that were asked for, oldest first. The others are
    /// not missed. Returns those that are new.
    pub fn note_joined(&mut self, chat: &Chat, last: Vec<Arc<Message>>) -> Vec<Arc<Message>> {
        let is_new = !self.conversations.contains_key(&chat.target);
        let new = self.add_fetched(last);
        // Nothing came since: the number of messages is that up to the join.
        if is_new && chat.last == chat.read {
            let complete = Complete { upto: chat.last, count: chat.count };
            self.record(Record::Complete(chat.target.clone(), complete));
        }
        new
    }

    /// Notes that a conversation is complete, but for the rest that stays with the server, and for messages that are so
    /// new that they come with a poll: the server's count has this many of them.
    pub fn note_complete(&mut self, missing: &Missing, rest: Option<Gap>, newer: u64) {
        rest.into_iter().for_each(|gap| _ = self.record(Record::Gap(gap)));
        let upto = missing.last.min(missing.taken);
        let count = missing.count.saturating_sub(newer);
        let complete = Complete { upto: upto.max(missing.above), count };
        self.record(Record::Complete(missing.target.clone(), complete));
        self.mark_seen(&missing.target, missing.read);
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
            self.record(Record::Shown(self.shown + count as u64));
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

    /// Adds the messages of a gap that a page of HISTORY below the gap's end has, and returns their number. What the page
    /// covers is no part of the gap any more.
    pub fn fill_gap(&mut self, gap: &Gap, page: &[HistoryRecord]) -> usize {
        let mut added = 0;
        for message in page.iter().filter_map(HistoryRecord::message) {
            let is_of_gap = message.seq >= gap.first && message.seq <= gap.last;
            if is_of_gap && !self.has_row(message) && !self.holds(message) {
                self.record(Record::Missed(message.clone()));
                added += 1;
            }
        }
        let oldest = page.first().map(|record| record.numbers().0).filter(|oldest| *oldest > gap.first);
        let first = oldest.unwrap_or(gap.first);
        self.record(Record::Filled(Gap { first, ..gap.clone() }));
        added
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

    /// Turns a setting on or off.
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

    /// Checks that a message with this number is among those that a comparison with the server has covered.
    fn is_covered(&self, message: &Outgoing, number: Option<&Seq>) -> bool {
        let covered = self.conversations.get(&message.to).map_or(Seq::ZERO, |c| c.complete().upto);
        number.is_some_and(|number| *number <= covered)
    }

    /// Checks that a message was queued here, whether it waits or was answered. It can be asked only while what
    /// other programs left is taken over.
    pub(super) fn is_known(&self, id: &MessageId) -> bool {
        self.outbox.contains(id) || self.settled.as_ref().is_some_and(|settled| settled.contains(id))
    }

    /// Notes that another program of this user sends the messages of the outbox.
    pub(super) fn move_all_away(&mut self) {
        let ids: Vec<_> = self.outbox.iter().map(|message| message.id.clone()).collect();
        for id in ids {
            self.record(Record::Moved(id));
        }
    }
}
