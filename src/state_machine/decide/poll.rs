//! POLL: acknowledges, and returns the pending events at once or when the first one comes (protocol, section 6).

use std::time::Duration;

use super::{Context, Decided};
use crate::limits;
use crate::model::Seq;
use crate::protocol::{After, Code};
use crate::state_machine::live::WaitingPoll;
use crate::state_machine::stored::SessionKey;
use crate::state_machine::{
    Acknowledgement, ApplyError, Cost, Delivery, Effect, Now, Output, Record, Review, StateMachine,
};

impl StateMachine {
    /// Acknowledges, and lets the poll wait: the end of the batch answers it if there are events. The poll of a user who is
    /// above the rate is not refused, since it may acknowledge, but held back. The poll of a session that was replaced
    /// gets no answer: its connection is being closed.
    pub(super) fn poll(&mut self, after: After, wait: Option<u64>, max: usize, context: &mut Context) -> Decided<()> {
        let Some((key, session)) = self.presence.session_of(context.connection) else { return Ok(()) };
        let user = key.user;
        let hung_up = session.hung_up;
        let sent = session.sent;
        let after = match after {
            After::AllSent => sent,
            After::Number(seq) => seq,
        };
        let after = self.acknowledge(key, after)?;
        let longest = if hung_up { Duration::ZERO } else { self.policy.poll_wait };
        let hold = self.rate_limits.debt(user, context.now.elapsed);
        let is_held = !hold.is_zero();
        let wait = if is_held { hold } else { wait.map_or(longest, Duration::from_secs) }.min(longest);
        let poll = WaitingPoll { after, max, deadline: context.now.elapsed.saturating_add(wait), is_held };
        self.presence.start_poll(key, poll);
        self.presence.woken.push(key);
        Ok(())
    }

    /// Notes a cumulative acknowledgement that is new; returns the number above which events are pending for the device.
    fn acknowledge(&mut self, key: SessionKey, upto: Seq) -> Decided<Seq> {
        if upto > self.stored.last {
            return Err(Code::Seq.into());
        }
        let SessionKey { user, device } = key;
        let acknowledged = self.stored.account(user).position(device);
        if upto > acknowledged {
            if self.disk_full {
                return Err(Code::Full.into());
            }
            self.acknowledgements.push(Acknowledgement { upto, device, user });
        }
        Ok(upto.max(acknowledged))
    }

    /// Applies the acknowledgements that were noted, as one record: when a message in a room is acknowledged by a thousand
    /// members, a record for each would take many times the space of the message.
    pub(super) fn apply_acknowledgements(&mut self, now: Now, out: &mut Output) -> Result<(), ApplyError> {
        if self.acknowledgements.is_empty() || self.disk_full {
            return Ok(());
        }
        let mut users = std::mem::take(&mut self.acknowledgements);
        users.sort_unstable();
        users.dedup();
        self.emit(Record::Acknowledged { users, at: now.at }, out)
    }

    /// Ends a batch of commands: applies their acknowledgements, then answers the waiting polls for which events have come,
    /// and those whose time is over. A poll returns the events of all commands of the batch.
    pub fn end_batch(&mut self, now: Now, out: &mut Output) -> Result<(), ApplyError> {
        self.apply_acknowledgements(now, out)?;
        self.drop_slow_devices(now, out)?;
        for key in std::mem::take(&mut self.presence.woken) {
            self.answer_poll(key, false, now.elapsed, out);
        }
        for key in self.presence.polling_until(now.elapsed) {
            self.answer_poll(key, true, now.elapsed, out);
        }
        Ok(())
    }

    /// Answers a session's poll, if one waits, with the transient events and then those above its number, in order; without
    /// events only if `now`. The user pays for the events and for the rooms that were looked at.
    fn answer_poll(&mut self, key: SessionKey, now: bool, elapsed: Duration, out: &mut Output) {
        let user = key.user;
        let Some(session) = self.presence.session_mut(key) else { return };
        let Some(poll) = session.poll.filter(|poll| now || !poll.is_held) else { return };
        let transient = session.transient.len().min(poll.max);
        let mut delivery = Delivery { events: session.transient.drain(..transient).collect(), ..Delivery::default() };
        let mut last = self.stored.collect(key, poll.after, poll.max - transient, &mut delivery);
        let collected = delivery.count();
        if delivery.may_lack_removed() && self.stored.lacks_removed(key) {
            // The review takes the number from the device, and closes the session.
            out.effects.push(Effect::ReviewDevices(Review { from: Some(key), upto: Some(key), may_forget: false }));
            delivery.events.truncate(transient);
            delivery.filed.clear();
            last = poll.after;
        }
        session.sent = session.sent.max(last);
        let to = session.connection;
        let looked_at = self.stored.rooms_with_news(user, poll.after);
        let tokens = collected / limits::POLL_TOKEN_EVENTS + looked_at / limits::TOKEN_ROOMS;
        self.charge_in_any_case(user, Cost::of_tokens(tokens), elapsed);
        if now || delivery.count() > 0 {
            let depends_on = self.stored.account(user).mailbox.newest();
            out.effects.push(Effect::Events { to, delivery, depends_on });
            self.presence.end_poll(key);
        }
    }

    /// Returns the earliest deadline of the waiting polls: call [`StateMachine::end_batch`] then.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.presence.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Notes that a session's client has ended its input: polls do not wait any more.
    pub(super) fn end_input(&mut self, context: &mut Context) {
        if let Some((key, session)) = self.presence.session_of(context.connection) {
            session.hung_up = true;
            self.answer_poll(key, true, context.now.elapsed, context.out);
        }
    }

    /// Answers every waiting poll, since the server is stopping; later polls do not wait.
    pub fn stop_polls(&mut self, out: &mut Output) {
        self.policy.poll_wait = Duration::ZERO;
        for key in self.presence.polling_until(Duration::MAX) {
            self.answer_poll(key, true, Duration::ZERO, out);
        }
    }
}
