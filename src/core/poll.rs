//! Polls: what one acknowledges, what it brings, and how it waits (protocol, section 6).

use std::time::Duration;

use super::handle::{Handled, Outcome};
use super::presence::Parked;
use super::{Answer, ConnectionId, Core, Effect, Now, Record};
use crate::limits;
use crate::model::Seq;
use crate::protocol::{After, Code, Event};

impl Core {
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
        fleeting || self.account(user).mailbox.last() > poll.after
    }

    /// The events for a session now: those without a number, then those above `after`, in order.
    fn collect(&mut self, connection: ConnectionId, after: Seq, max: usize) -> Vec<Event> {
        let Some(session) = self.presence.session(connection) else { return Vec::new() };
        let user = session.user;
        let mut events = session.take_fleeting(max);
        let mut bytes = 0;
        for event in self.account(user).mailbox.after(after).take(max - events.len()) {
            bytes += size(&event);
            if bytes > limits::REPLY_BYTES && !events.is_empty() {
                break;
            }
            events.push(event);
        }
        if let Some(session) = self.presence.session(connection) {
            session.sent = events.iter().map(Event::seq).fold(session.sent, Seq::max);
        }
        events
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
        let events = self.collect(connection, poll.after, poll.max);
        let Some(session) = self.presence.session(connection) else { return };
        let user = session.user;
        out.effects.push(Effect::Events { to: connection, events, depends_on: self.account(user).mailbox.last() });
    }

    /// When the next waiting poll is to be answered: call [`Core::answer_polls`] then.
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

/// About what an event takes on the wire.
fn size(event: &Event) -> usize {
    match event {
        Event::Message(message) => crate::model::length_in_record(message.text.as_str()) + 256,
        _ => 256,
    }
}
