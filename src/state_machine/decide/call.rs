//! Direct chats: who may call whom, and what both are told (protocol, sections 5, 7 and 8).

use super::quota::quota;
use super::{Context, Decided};
use crate::limits;
use crate::model::{Proof, UserName};
use crate::protocol::request::RequestedTarget;
use crate::protocol::{Code, Event, Ko, Peer, Reply, reply};
use crate::state_machine::live::{DirectPort, Session};
use crate::state_machine::stored::SessionKey;
use crate::state_machine::{AccountNumber, Record, StateMachine};

impl StateMachine {
    /// Tells the caller the callee's address and certificate, and the callee the caller's name and proof. A caller who may
    /// not call is refused as if the callee took no direct chats.
    pub(super) fn arrange_direct_chat(
        &mut self,
        user: &UserName,
        callee: &RequestedTarget,
        proof: Proof,
        context: &Context,
    ) -> Decided {
        let me = self.stored.number(user)?;
        let callee = self.find_user(callee)?;
        if callee == me {
            return Err(Code::NoPeer.into());
        }
        if !self.stored.account(callee).lets_call(me) {
            self.tell_of_call(me, callee, context);
            return Err(Code::NoPeer.into());
        }
        let session = self.presence.direct_session(callee);
        let (Session { address, device, .. }, DirectPort { port, fingerprint, .. }) = session.ok_or(Code::NoPeer)?;
        let address = *address;
        let key = SessionKey { user: callee, device: *device };
        let user = self.stored.name(me);
        let token = proof.token.clone();
        self.presence.push_to_session(key, &Event::Peer { user, proof });
        Ok(Reply::Peer(Peer { address, port, token, fingerprint }))
    }

    /// Tells a callee who is online of a caller who was not let through, but of none whom the callee has refused.
    fn tell_of_call(&mut self, caller: AccountNumber, callee: AccountNumber, context: &Context) {
        let is_refused = self.stored.account(callee).permits.get(caller).is_some();
        let is_told = !is_refused && self.presence.is_online(callee);
        if is_told && self.told_calls.note(caller, callee, context.now.elapsed) {
            let event = Event::Call { user: self.stored.name(caller), at: context.now.at };
            _ = self.presence.push_transient_event([callee], &event);
        }
    }

    /// `PERMIT`: lets a user call, or not.
    pub(super) fn permit(
        &mut self,
        user: &UserName,
        caller: &RequestedTarget,
        permitted: bool,
        context: &mut Context,
    ) -> Decided {
        let me = self.stored.number(user)?;
        let caller = self.find_user(caller)?;
        if caller == me {
            return Err(Ko::new(Code::NoPeer, "that is you; a permit is for somebody else").into());
        }
        let permits = &self.stored.account(me).permits;
        if permits.get(caller) == Some(permitted) {
            return Ok(Reply::Done);
        }
        if !permits.has_place_for(caller) {
            return Err(quota(format!(
                "you have refused {} users, the limit; permit one of them first",
                limits::PERMITS
            )));
        }
        let record = Record::Permit { user: self.stored.name(me), caller: self.stored.name(caller), permitted };
        self.apply_and_emit(record, context)?;
        Ok(Reply::Done)
    }

    /// `PERMIT` alone: lists whom the user lets call, and whom not, by name.
    pub(super) fn list_permits(&self, user: &UserName) -> Decided {
        let permits = self.stored.permits(self.stored.number(user)?);
        let mut rows: Vec<_> = permits.map(|(user, permitted)| reply::Permit { user, permitted }).collect();
        rows.sort_unstable_by(|one, other| one.user.cmp(&other.user));
        Ok(Reply::Permits(rows))
    }
}
