//! SEND and READ: accepts a message once, or refuses it; moves a read mark (protocol, section 5).

use std::sync::Arc;

use super::{Context, Decided};
use crate::model::{Message, MessageId, Seq, Text, UserName};
use crate::protocol::request::RequestedTarget;
use crate::protocol::{Accepted, Code, Event, Reply};
use crate::state_machine::stored::{Digest, TargetNumber, length_in_reply};
use crate::state_machine::{AccountNumber, LastOfPeer, Record, StateMachine};

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
        if let TargetNumber::User(recipient) = target {
            self.check_recipient(recipient)?;
        }
        let bytes = length_in_reply(&text);
        self.today.set_time(context.now.at);
        self.check_quotas(sender, target, bytes)?;
        let seq = self.stored.last.next();
        let at = context.now.at;
        let from = self.stored.name(sender);
        let to = self.stored.target(target);
        let message = Message { seq, id: id.clone(), from, to, at, text };
        self.apply_and_emit(Record::Message(Arc::new(message)), context)?;
        self.today.add(sender, target, bytes);
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
        let Some(sent) = self.stored.find_sent(sender, id) else { return Ok(None) };
        if to.as_ref().is_ok_and(|to| Digest::of(to, text.as_str()) == sent.digest) {
            return Ok(Some(Reply::Accepted(Accepted { id: id.clone(), at: sent.at, seq: sent.seq })));
        }
        Err(Code::Conflict)
    }

    /// Checks that the recipient's account was not removed.
    fn check_recipient(&self, recipient: AccountNumber) -> Result<(), Code> {
        let is_removed = self.stored.account(recipient).row.removed_at.is_some();
        if is_removed { Err(Code::NoUser) } else { Ok(()) }
    }

    /// Marks a conversation as read. If the peer's last message has to be looked up in the history file, the answer
    /// is an excerpt that says where; the command then comes again with the number.
    pub(super) fn mark_read(
        &mut self,
        user: &UserName,
        target: &RequestedTarget,
        upto: Seq,
        last_of_peer: LastOfPeer,
        context: &mut Context,
    ) -> Decided<Option<Reply>> {
        let (me, target) = self.find_participants(user, target)?;
        if upto > self.stored.last_in(me, target) {
            return Err(Code::Seq.into());
        }
        if upto <= self.stored.read_upto(me, target) {
            return Ok(Some(Reply::Done));
        }
        let found = match (target, last_of_peer) {
            (TargetNumber::Room(_), _) => LastOfPeer::Found(None), // A room counts its recipients.
            (TargetNumber::User(peer), LastOfPeer::NotLookedUp) => self.stored.last_of_peer(me, peer, upto),
            (TargetNumber::User(_), found) => found,
        };
        let LastOfPeer::Found(last_of_peer) = found else {
            return Ok(context.emit_excerpt(self.stored.excerpt(me, target, 0, None)));
        };
        let user = self.stored.name(me);
        let target = self.stored.target(target);
        let event = Event::Read { target: target.clone(), upto };
        self.apply_and_emit(Record::Read { user, target, upto, last_of_peer, at: context.now.at }, context)?;
        self.presence.push_to_own_devices(me, &event);
        Ok(Some(Reply::Done))
    }
}
