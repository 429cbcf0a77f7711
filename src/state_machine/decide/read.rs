//! READ: moves a user's read mark (protocol, section 5).

use super::{Context, Decided};
use crate::model::{Seq, UserName};
use crate::protocol::request::RequestedTarget;
use crate::protocol::{Code, Reply};
use crate::state_machine::stored::TargetNumber;
use crate::state_machine::{LastOfPeer, Record, StateMachine};

impl StateMachine {
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
        let me = self.stored.number(user)?;
        let target = self.stored.find_target(me, target)?;
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
            context.emit_excerpt(self.stored.excerpt(me, target, 0, None));
            return Ok(None);
        };
        let (user, target) = (self.stored.account(me).name.clone(), self.stored.target(target));
        self.apply_and_emit(Record::Read { user, target, upto, last_of_peer, at: context.now.at }, context)?;
        Ok(Some(Reply::Done))
    }
}
