//! POLL: acknowledges, and returns the pending events at once or when the first one comes (protocol, section 6).

use std::time::Duration;

use super::{Context, Decided};
use crate::model::Seq;
use crate::protocol::{After, Code, Reply};
use crate::state_machine::live::WaitingPoll;
use crate::state_machine::{AccountNumber, Delivery, Effect, Now, Output, Record, StateMachine};

impl StateMachine {
    /// Acknowledges, and returns events or lets the poll wait. The poll of a session that was replaced gets no answer:
    /// its connection is being closed.
    pub(super) fn poll(
        &mut self,
        after: After,
        wait: Option<u64>,
        max: usize,
        context: &mut Context,
    ) -> Decided<Option<Reply>> {
        let Some(user) = self.presence.user(context.connection) else { return Ok(None) };
        let Some(session) = self.presence.session_mut(user) else { return Ok(None) };
        let (hung_up, sent) = (session.hung_up, session.sent);
        let after = match after {
            After::AllSent => sent,
            After::Number(seq) => seq,
        };
        let after = self.acknowledge(user, after, context)?;
        let longest = self.policy.poll_wait;
        let wait = wait.map_or(longest, |seconds| Duration::from_secs(seconds).min(longest));
        let poll = WaitingPoll { after, max, deadline: context.now.elapsed.saturating_add(wait) };
        let delivery = self.take_delivery(user, &poll);
        if hung_up || wait.is_zero() || !delivery.is_empty() {
            self.emit_delivery(user, delivery, context.out);
        } else {
            self.presence.start_poll(user, poll);
        }
        Ok(None)
    }

    /// Applies a cumulative acknowledgement that is new; returns the number above which events are pending.
    fn acknowledge(&mut self, user: AccountNumber, upto: Seq, context: &mut Context) -> Decided<Seq> {
        if upto > self.stored.last {
            return Err(Code::Seq.into());
        }
        let account = self.stored.account(user);
        let acknowledged = account.row.acknowledged;
        if upto > acknowledged {
            let user = account.row.name.clone();
            self.apply_and_emit(Record::Acknowledged { user, upto, at: context.now.at }, context)?;
        }
        Ok(upto.max(acknowledged))
    }

    /// Takes the events for a poll: first the transient ones, then those above `after`, in order.
    fn take_delivery(&mut self, user: AccountNumber, poll: &WaitingPoll) -> Delivery {
        let Some(session) = self.presence.session_mut(user) else { return Delivery::default() };
        let mut delivery = Delivery { events: session.take_transient_events(poll.max), filed: Vec::new() };
        let last = self.stored.collect(user, poll.after, poll.max - delivery.events.len(), &mut delivery);
        session.sent = session.sent.max(last);
        delivery
    }

    fn emit_delivery(&mut self, user: AccountNumber, delivery: Delivery, out: &mut Output) {
        let Some(session) = self.presence.session_mut(user) else { return };
        let depends_on = self.stored.account(user).mailbox.newest();
        out.effects.push(Effect::Events { to: session.connection, delivery, depends_on });
    }

    /// Answers the waiting polls for which events have come, and those whose time is over. To be called once for
    /// all commands of a batch: a poll then returns all their events.
    pub fn answer_polls(&mut self, now: Now, out: &mut Output) {
        for user in self.presence.take_woken() {
            self.answer_poll(user, false, out);
        }
        for user in self.presence.users_polling_until(now.elapsed) {
            self.answer_poll(user, true, out);
        }
    }

    /// Answers a user's poll, if one waits; without events only if `now`.
    fn answer_poll(&mut self, user: AccountNumber, now: bool, out: &mut Output) {
        let Some(poll) = self.presence.session(user).and_then(|session| session.poll) else { return };
        let delivery = self.take_delivery(user, &poll);
        if now || !delivery.is_empty() {
            self.presence.end_poll(user);
            self.emit_delivery(user, delivery, out);
        }
    }

    /// Returns the earliest deadline of the waiting polls: call [`StateMachine::answer_polls`] then.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.presence.next_deadline()
    }

    /// Notes that a session's client has ended its input: polls do not wait any more.
    pub(super) fn end_input(&mut self, context: &mut Context) -> Option<Reply> {
        let user = self.presence.user(context.connection)?;
        self.presence.session_mut(user)?.hung_up = true;
        self.answer_poll(user, true, context.out);
        None
    }

    /// Answers every waiting poll, since the server is stopping; later polls do not wait.
    pub fn stop_polls(&mut self, out: &mut Output) {
        self.policy.poll_wait = Duration::ZERO;
        for user in self.presence.users_polling_until(Duration::MAX) {
            self.answer_poll(user, true, out);
        }
    }
}
