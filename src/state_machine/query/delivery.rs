//! The events that a poll returns: the user's mailbox and the logs of the user's rooms, merged (protocol, section 6).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::lists::conversation_of;
use crate::limits;
use crate::model::{Message, Seq};
use crate::protocol::Event;
use crate::state_machine::output::{Delivery, FiledEvents};
use crate::state_machine::stored::{
    Conversation, ConversationId, EVENT_BYTES, ErasedEvent, Erasure, HistoryPrefix, RoomEvent, SessionKey, StoredState,
    TargetNumber, WaitingEvent,
};
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
            Self::InRoom(_, RoomEvent::Gap(last)) => *last,
            Self::InRoom(_, RoomEvent::Message(entry)) => entry.seq,
            Self::InRoom(_, RoomEvent::Erased(erasure)) => erasure.seq,
        }
    }

    /// Returns the approximate length in a reply.
    fn bytes(&self) -> usize {
        match self {
            Self::InMailbox(WaitingEvent::Message(_, message)) => message.bytes as usize,
            Self::InMailbox(WaitingEvent::Own(_, message)) => message.bytes as usize,
            Self::InRoom(_, RoomEvent::Message(entry)) => entry.bytes as usize,
            Self::InMailbox(WaitingEvent::State(_) | WaitingEvent::Erased(..)) | Self::InRoom(..) => EVENT_BYTES,
        }
    }
}

/// Adds events to a delivery, in the order of their numbers.
struct Collector<'a> {
    state: &'a StoredState,
    key: SessionKey,
    delivery: &'a mut Delivery,
    /// The conversation of the message that was added last, and the messages of it after that one: mostly the next event is
    /// the first of them, and is not searched for.
    conversation: Option<ConversationId>,
    next: &'a [Arc<Message>],
}

impl<'a> Collector<'a> {
    fn new(state: &'a StoredState, key: SessionKey, delivery: &'a mut Delivery) -> Self {
        Self { state, key, delivery, conversation: None, next: &[] }
    }

    /// Adds one event: from memory, or as one to read from the history file.
    fn add(&mut self, event: PendingEvent) {
        match event {
            PendingEvent::InMailbox(WaitingEvent::State(event)) => self.delivery.events.push(event.clone()),
            PendingEvent::InMailbox(WaitingEvent::Message(seq, message)) => {
                self.add_message(TargetNumber::User(message.from), seq);
            }
            PendingEvent::InMailbox(WaitingEvent::Own(seq, message)) => self.add_message(message.to, seq),
            PendingEvent::InMailbox(WaitingEvent::Erased(seq, ErasedEvent { peer, from, first, last })) => {
                self.add_erased(TargetNumber::User(peer), Erasure { seq, from, first, last });
            }
            PendingEvent::InRoom(room, RoomEvent::Erased(erasure)) => {
                self.add_erased(TargetNumber::Room(room), erasure);
            }
            PendingEvent::InRoom(room, RoomEvent::Gap(last)) => {
                let first = self.state.gap_start(self.key, room);
                let room = self.state.room(room).name.clone();
                self.delivery.events.push(Event::Gap { room, first, last });
            }
            PendingEvent::InRoom(room, RoomEvent::Message(entry)) => {
                self.add_message(TargetNumber::Room(room), entry.seq);
            }
        }
    }

    fn add_erased(&mut self, target: TargetNumber, Erasure { seq, from, first, last }: Erasure) {
        let target = self.state.target(target);
        let from = self.state.name(from);
        self.delivery.events.push(Event::Erased { seq, target, first, last, from });
    }

    fn add_message(&mut self, target: TargetNumber, seq: Seq) {
        let id = conversation_of(self.key.user, target);
        if let Some(message) = self.find_message(id, seq) {
            return self.delivery.events.push(Event::Message(message));
        }
        let state = self.state;
        let filed = self.delivery.filed.entry(id).or_insert_with(|| FiledEvents {
            participants: state.participants(id),
            target: state.target(target),
            filed: state.conversation(id).map_or(HistoryPrefix::default(), |conversation| conversation.filed),
            seqs: Vec::new(),
        });
        filed.seqs.push(seq);
    }

    /// Returns a message, if memory holds it.
    fn find_message(&mut self, id: ConversationId, seq: Seq) -> Option<Arc<Message>> {
        let is_next = self.conversation == Some(id) && self.next.first().is_some_and(|row| row.seq == seq);
        if !is_next {
            self.conversation = Some(id);
            self.next = self.state.conversation(id).map_or(&[], |conversation| conversation.rows_from(seq));
        }
        let (row, next) = self.next.split_first().filter(|(row, _)| row.seq == seq)?;
        self.next = next;
        Some(row.clone())
    }
}

impl StoredState {
    /// Adds the events above the number that a poll acknowledges to a delivery, in order: at most `max`, and about
    /// [`limits::REPLY_BYTES`]. Returns the number of the last one. The sources are merged event by event, so that a poll
    /// costs what it returns, however much is pending in however many rooms.
    pub fn collect(&self, key: SessionKey, acknowledged: Seq, max: usize, delivery: &mut Delivery) -> Seq {
        let SessionKey { user, device } = key;
        let mailbox = &self.account(user).mailbox;
        // The nameless device gets no messages of the user's own.
        let own = mailbox.own_after(if device.is_named() { acknowledged } else { Seq::LAST });
        let mut own = own.map(PendingEvent::InMailbox);
        let mut erased = mailbox.erased_after(acknowledged).map(PendingEvent::InMailbox);
        let mut mailbox = mailbox.after(acknowledged).map(PendingEvent::InMailbox);
        let mut heads = self.first_events(user, acknowledged, [mailbox.next(), own.next(), erased.next()]);
        delivery.rewritings = self.rewritings();
        let mut collector = Collector::new(self, key, delivery);
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
                PendingEvent::InMailbox(WaitingEvent::Own(..)) => own.next(),
                PendingEvent::InMailbox(WaitingEvent::Erased(..)) => erased.next(),
                PendingEvent::InMailbox(_) => mailbox.next(),
                PendingEvent::InRoom(room, _) => self.next_in_room(user, room, seq),
            };
            collector.add(event);
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
    fn first_events<'a>(
        &'a self,
        user: AccountNumber,
        acknowledged: Seq,
        in_mailbox: [Option<PendingEvent<'a>>; 3],
    ) -> BTreeMap<Seq, PendingEvent<'a>> {
        let mut heads = BTreeMap::new();
        let account = self.account(user);
        if account.mailbox.newest() > acknowledged {
            heads.extend(in_mailbox.into_iter().flatten().map(|first| (first.seq(), first)));
            for room in &account.rooms {
                if let Some(first) = self.next_in_room(user, *room, acknowledged) {
                    heads.insert(first.seq(), first);
                }
            }
        }
        heads
    }

    /// Returns the first number of a GAP that is pending for a device.
    fn gap_start(&self, key: SessionKey, room: RoomNumber) -> Seq {
        let Some(member) = self.room(room).members.get(&key.user) else { return Seq::ZERO };
        let device = self.account(key.user).devices.get(key.device);
        match device.and_then(|device| Some((device, device.acknowledged?))) {
            Some((device, acknowledged)) => {
                device.gaps.get(&room).copied().unwrap_or(acknowledged.max(member.joined).next())
            }
            None => member.gap_start(),
        }
    }

    fn next_in_room(&self, user: AccountNumber, number: RoomNumber, after: Seq) -> Option<PendingEvent<'_>> {
        let room = self.room(number);
        let pending = room.first_pending(user, after).map(|event| PendingEvent::InRoom(number, event));
        let erased = room.first_erased(user, after).map(|event| PendingEvent::InRoom(number, RoomEvent::Erased(event)));
        pending.into_iter().chain(erased).min_by_key(PendingEvent::seq)
    }

    /// Makes a delivery of events again. Their messages are looked up as they are now: what was read before a history file was
    /// rewritten may have texts that were taken back.
    pub fn collect_again(&self, key: SessionKey, events: Vec<Event>) -> Delivery {
        let mut delivery = Delivery { rewritings: self.rewritings(), ..Delivery::default() };
        let me = &self.account(key.user).row.name;
        let mut collector = Collector::new(self, key, &mut delivery);
        for event in events {
            let target = match &event {
                Event::Message(message) => Some(message.target_for(me)),
                Event::Damaged { target, .. } => Some(target.clone()),
                _ => None,
            };
            match target.map(|target| self.target_number(&target)) {
                Some(Ok(target)) => collector.add_message(target, event.seq()),
                // The room has been removed meanwhile.
                Some(Err(_)) => {}
                None => collector.delivery.events.push(event),
            }
        }
        delivery
    }

    /// Takes the text of an event's message out if that was taken back: the event was read from a history file.
    pub fn without_erased_text(&self, event: Event) -> Event {
        match event {
            Event::Message(message) if self.is_erased(&message) => Event::Message(Arc::new(message.erased())),
            event => event,
        }
    }

    /// Returns whether a message with a text was taken back.
    pub fn is_erased(&self, message: &Message) -> bool {
        let Ok(from) = self.number(&message.from) else { return false };
        let Ok(target) = self.target_number(&message.to) else { return false };
        self.is_erased_in(conversation_of(from, target), message)
    }

    /// Returns whether a message with a text was taken back, in a conversation that may be that of a removed room.
    pub fn is_erased_in(&self, id: ConversationId, message: &Message) -> bool {
        let Ok(from) = self.number(&message.from) else { return false };
        let is_erased = |conversation: &Conversation| conversation.is_erased(message.seq, from);
        !message.text.is_erased() && self.conversation(id).is_some_and(is_erased)
    }
}
