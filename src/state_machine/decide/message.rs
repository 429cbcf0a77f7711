//! SEND: accepts a message once, or refuses it (protocol, section 5).

use std::sync::Arc;
use std::time::Duration;

use super::{Context, Decided};
use crate::model::{Message, MessageId, Text, UserName};
use crate::protocol::request::RequestedTarget;
use crate::protocol::{Accepted, Code, Reply};
use crate::state_machine::stored::{Digest, TargetNumber};
use crate::state_machine::{AccountNumber, Record, StateMachine};

impl StateMachine {
    /// Accepts a message; a retry gets the reply of the first attempt.
    pub(super) fn accept_message(
        &mut self,
        user: &UserName,
        id: MessageId,
        to: &RequestedTarget,
        text: Text,
        context: &mut Context,
    ) -> Decided {
        let sender = self.stored.number(user)?;
        if let Some(reply) = self.find_duplicate(sender, &id, to, &text)? {
            return Ok(reply);
        }
        let target = self.stored.find_target(sender, to)?;
        self.enforce_rate_limit(sender, context.now.elapsed)?;
        if let TargetNumber::User(recipient) = target {
            self.check_recipient(sender, recipient)?;
        }
        let (seq, at) = (self.stored.last.next(), context.now.at);
        let (from, to) = (self.stored.account(sender).name.clone(), self.stored.target(target));
        let message = Message { seq, id: id.clone(), from, to, at, text };
        self.apply_and_emit(Record::Message(Arc::new(message)), context)?;
        Ok(Reply::Accepted(Accepted { id, at, seq }))
    }

    /// Finds the reply to an earlier message with this id. It comes before every other check: a retry gets the very
    /// same reply, whatever has changed since.
    fn find_duplicate(
        &self,
        sender: AccountNumber,
        id: &MessageId,
        to: &RequestedTarget,
        text: &Text,
    ) -> Result<Option<Reply>, Code> {
        let Some(sent) = self.stored.account(sender).sent.get(id) else { return Ok(None) };
        if to.as_ref().is_ok_and(|to| Digest::of(to, text.as_str()) == sent.digest) {
            return Ok(Some(Reply::Accepted(Accepted { id: id.clone(), at: sent.at, seq: sent.seq })));
        }
        Err(Code::Conflict)
    }

    fn enforce_rate_limit(&mut self, sender: AccountNumber, elapsed: Duration) -> Result<(), Code> {
        match self.policy.rate {
            Some(limit) if !self.rate_limits.count_message(sender, elapsed, limit) => Err(Code::Rate),
            _ => Ok(()),
        }
    }

    /// Checks that the recipient's account was not removed, and that the mailbox has room for the sender's message.
    fn check_recipient(&self, sender: AccountNumber, recipient: AccountNumber) -> Result<(), Code> {
        let account = self.stored.account(recipient);
        if account.removed_at.is_some() {
            return Err(Code::NoUser);
        }
        let full = account.mailbox.messages() >= self.policy.queue;
        if full || account.mailbox.messages_from(sender) >= self.policy.queue_per_sender {
            return Err(Code::Quota);
        }
        Ok(())
    }
}
