//! Polls: what one acknowledges, what it brings, and how it waits (protocol, section 6).

use std::collections::BTreeMap;
use std::time::Duration;

use super::decide::{Handled, Outcome};
use super::presence::Parked;
use super::room::Entry;
use super::rooms::EVENT_BYTES;
use super::{
    AccountNumber, Answer, ConnectionId, ConversationId, Delivery, Effect, FiledEvents, Now, Record, RoomNumber,
    StateMachine, TargetNumber,
};
use crate::limits;
use crate::model::Seq;
use crate::protocol::{After, Code, Event};
use crate::record::length_in_record;

impl StateMachine {
    pub(super) fn poll(
        &mut self,
        connection: ConnectionId,
        after: After,
        wait: Option<u64>,
        max: usize,
        now: Now,
        out: &mut Outcome,
    ) -> Handled<Option<Answer>> {
        // A session that was just replaced may still have asked: its last KO is on its way.
        let Some(session) = self.presence.session(connection) else { return Ok(None) };
        let (user, hung_up) = (session.user, session.hung_up);
        let after = match after {
            After::AllSent => session.sent,
            After::Number(seq) if seq > self.last => return Err(Code::Seq.into()),
            After::Number(seq) => seq,
        };
        let acknowledged = self.account(user).mailbox.acknowledged();
        if after > acknowledged {
            let user = self.account(user).name.clone();
            self.happen(Record::Acknowledged { user, upto: after, at: now.at }, out)?;
        }
        let after = after.max(acknowledged);
        let longest = self.policy.poll_wait;
        let wait = wait.map_or(longest, |seconds| Duration::from_secs(seconds).min(longest));
        let deadline = now.elapsed.saturating_add(wait);
        self.presence.park(connection, Parked { after, max, deadline });
        if hung_up || wait.is_zero() || self.has_news(connection) {
            self.answer_poll(connection, out);
        }
        Ok(None)
    }

    /// Whether there is anything for a connection's poll.
    fn has_news(&mut self, connection: ConnectionId) -> bool {
        let Some(session) = self.presence.session(connection) else { return false };
        let (user, Some(poll), fleeting) = (session.user, session.poll, session.has_fleeting()) else { return false };
        let account = self.account(user);
        fleeting
            || account.mailbox.last() > poll.after
            || account.rooms.iter().any(|room| self.room(*room).has_news(user, poll.after))
    }

    /// The events for a session now: those without a number, then those above `after`, in order.
    fn collect(&mut self, connection: ConnectionId, after: Seq, max: usize) -> Delivery {
        let Some(session) = self.presence.session(connection) else { return Delivery::default() };
        let user = session.user;
        let events = session.take_fleeting(max);
        let mut last = session.sent;
        let mut delivery = Delivery { events, filed: Vec::new() };
        let mut bytes = 0;
        for due in self.due(user, after, max - delivery.events.len()) {
            bytes += due.bytes();
            if bytes > limits::REPLY_BYTES && last > after {
                break;
            }
            last = last.max(due.seq());
            self.put(due, &mut delivery);
        }
        if let Some(session) = self.presence.session(connection) {
            session.sent = last;
        }
        delivery
    }

    /// What waits for a user above a number, in her mailbox and in her rooms: the first `max` of it.
    /// Merged one by one, so that a poll costs what it brings, however much waits in how many rooms.
    fn due(&self, user: AccountNumber, after: Seq, max: usize) -> Vec<Due> {
        let account = self.account(user);
        let mailbox: Waits = Box::new(account.mailbox.after(after).map(Due::Event));
        let rooms = account.rooms.iter().map(|room| self.due_in_room(*room, user, after));
        // The first of each, by its number; where it is from tells equal ones apart.
        let mut heads = BTreeMap::new();
        for (origin, mut rest) in std::iter::once(mailbox).chain(rooms).enumerate() {
            rest.next().map(|first| heads.insert((first.seq(), origin), (first, rest)));
        }
        let mut due = Vec::new();
        while due.len() < max
            && let Some(((_, origin), (first, mut rest))) = heads.pop_first()
        {
            due.push(first);
            rest.next().map(|next| heads.insert((next.seq(), origin), (next, rest)));
        }
        due
    }

    /// A room's part of it: a gap is older than all that the log holds.
    fn due_in_room(&self, number: RoomNumber, user: AccountNumber, after: Seq) -> Waits<'_> {
        let room = self.room(number);
        let gap = room.gap(user, self.account(user).mailbox.acknowledged(), after);
        let gap = gap.map(|(first, last)| Due::Event(Event::Gap { room: room.name.clone(), first, last }));
        Box::new(gap.into_iter().chain(room.after(user, after).map(move |entry| Due::InRoom(number, *entry))))
    }

    /// Adds one to what a poll brings: from memory, or as one to be read from the history file.
    fn put(&self, due: Due, delivery: &mut Delivery) {
        let (room, seq) = match due {
            Due::Event(event) => return delivery.events.push(event),
            Due::InRoom(room, entry) => (ConversationId::Room(room), entry.seq),
        };
        let Some(conversation) = self.conversations.get(&room) else { return };
        if let Some(message) = conversation.row(seq) {
            return delivery.events.push(Event::Message(message.clone()));
        }
        match delivery.filed.iter_mut().find(|filed| filed.conversation == room) {
            Some(filed) => filed.seqs.push(seq),
            None => delivery.filed.push(FiledEvents { conversation: room, filed: conversation.filed, seqs: vec![seq] }),
        }
    }

    /// Answers the polls that waited for something that came, and those that have waited long enough.
    /// Called once for all the commands that came together: a poll then brings all that they bring.
    pub fn answer_polls(&mut self, now: Now, out: &mut Outcome) {
        self.answer_woken(out);
        for connection in self.presence.due(now.elapsed) {
            self.answer_poll(connection, out);
        }
    }

    fn answer_woken(&mut self, out: &mut Outcome) {
        for connection in self.presence.take_woken() {
            if self.has_news(connection) {
                self.answer_poll(connection, out);
            }
        }
    }

    /// Answers a connection's poll with what there is, if one waits.
    fn answer_poll(&mut self, connection: ConnectionId, out: &mut Outcome) {
        let Some(poll) = self.presence.unpark(connection) else { return };
        let delivery = self.collect(connection, poll.after, poll.max);
        let Some(session) = self.presence.session(connection) else { return };
        let user = session.user;
        out.effects.push(Effect::Events { to: connection, delivery, depends_on: self.newest_for(user) });
    }

    /// The newest number that what waits for a user can depend on.
    fn newest_for(&self, user: AccountNumber) -> Seq {
        let account = self.account(user);
        let last_in = |room: &RoomNumber| self.last_in(user, TargetNumber::Room(*room));
        account.rooms.iter().map(last_in).fold(account.mailbox.last(), Seq::max)
    }

    /// When the next waiting poll is to be answered: call [`StateMachine::answer_polls`] then.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.presence.next_deadline()
    }

    pub(super) fn hung_up(&mut self, connection: ConnectionId, out: &mut Outcome) {
        if let Some(session) = self.presence.session(connection) {
            session.hung_up = true;
            self.answer_poll(connection, out);
        }
    }

    /// The server is stopping: every waiting poll is answered, and none waits any more.
    pub fn stop_waiting(&mut self, out: &mut Outcome) {
        self.policy.poll_wait = Duration::ZERO;
        for connection in self.presence.parked() {
            self.answer_poll(connection, out);
        }
    }
}

/// What waits in one place, oldest first.
type Waits<'a> = Box<dyn Iterator<Item = Due> + 'a>;

/// Something that is due to a user.
enum Due {
    Event(Event),
    InRoom(RoomNumber, Entry),
}

impl Due {
    fn seq(&self) -> Seq {
        match self {
            Self::Event(event) => event.seq(),
            Self::InRoom(_, entry) => entry.seq,
        }
    }

    /// About what it takes on the wire.
    fn bytes(&self) -> usize {
        match self {
            Self::Event(Event::Message(message)) => length_in_record(message.text.as_str()) + EVENT_BYTES,
            Self::Event(_) => EVENT_BYTES,
            Self::InRoom(_, entry) => entry.bytes as usize,
        }
    }
}
