//! RECV sessions: their begin and end, and direct chats between their clients (protocol, sections 3 and 8).

use std::net::IpAddr;

use super::{Context, Decided};
use crate::limits;
use crate::model::{Fingerprint, Proof, Target, UserName};
use crate::protocol::request::RequestedTarget;
use crate::protocol::{Code, Event, Peer, Reply, SessionOpened};
use crate::state_machine::{AccountNumber, Cost, Effect, Record, StateMachine};

impl StateMachine {
    /// Opens a session, which replaces an earlier one of the user.
    pub(super) fn open_session(
        &mut self,
        user: &UserName,
        order: u64,
        address: IpAddr,
        context: &mut Context,
    ) -> Decided {
        let number = self.stored.number(user)?;
        if !self.rate_limits.debt(number, context.now.elapsed).is_zero() {
            return Err(Code::Rate.into());
        }
        // A login whose password took long to verify does not take over from a later login: its client may have
        // given up, and the later login may be that client's retry.
        if self.presence.session(number).is_some_and(|session| session.login_order > order) {
            return Err(Code::Replaced.into());
        }
        self.charge_in_any_case(number, Cost::of_tokens(limits::SESSION_TOKENS), context.now.elapsed);
        let user = self.stored.name(number);
        match self.presence.open_session(context.connection, number, order, address) {
            Some(replaced) => context.out.effects.push(Effect::Close(replaced, Code::Replaced)),
            None => self.tell_contacts(number, &Event::Online { user: user.clone(), at: context.now.at }, context),
        }
        self.record_last_seen(number, context)?;
        let acknowledged = self.stored.account(number).row.acknowledged;
        Ok(Reply::SessionOpened(SessionOpened { user, acknowledged, store: self.stored.store.clone(), device: None }))
    }

    pub(super) fn close_session(&mut self, context: &mut Context) -> Decided<()> {
        let Some(number) = self.presence.close_session(context.connection) else { return Ok(()) };
        self.record_last_seen(number, context)?;
        let user = self.stored.name(number);
        self.tell_contacts(number, &Event::Offline { user, at: context.now.at }, context);
        Ok(())
    }

    /// Tells a user's contacts, at the cost of the user: one token for each who is online, and for each
    /// [`limits::TOKEN_ROOMS`] that are looked at.
    fn tell_contacts(&mut self, user: AccountNumber, event: &Event, context: &Context) {
        let (contacts, looked_at) = self.stored.contacts(user);
        let told = self.presence.push_transient_event(contacts, event);
        let tokens = told + looked_at / limits::TOKEN_ROOMS;
        self.charge_in_any_case(user, Cost::of_tokens(tokens), context.now.elapsed);
    }

    /// Records that a session began or ended. While the disk is full it is left out: no session is refused for it.
    fn record_last_seen(&mut self, number: AccountNumber, context: &mut Context) -> Decided<()> {
        let record = Record::Seen { user: self.stored.name(number), at: context.now.at };
        if self.disk_full { Ok(()) } else { self.apply_and_emit(record, context) }
    }

    /// Sets the port, and the certificate, with which the session's client takes direct chats. A session that was replaced gets no answer.
    pub(super) fn set_direct_port(
        &mut self,
        context: &Context,
        direct: Option<(u16, Option<Fingerprint>)>,
    ) -> Option<Reply> {
        let (_, session) = self.presence.session_of(context.connection)?;
        session.direct = direct;
        Some(Reply::Done)
    }

    /// Tells the caller the callee's address and certificate, and the callee the caller's name and proof.
    pub(super) fn arrange_direct_chat(&mut self, user: &UserName, callee: &RequestedTarget, proof: Proof) -> Decided {
        let me = self.stored.number(user)?;
        let Ok(Target::User(callee)) = callee else { return Err(Code::NoUser.into()) };
        let callee = self.stored.find_active_account(callee)?;
        let session = self.presence.session(callee).filter(|_| callee != me).ok_or(Code::NoPeer)?;
        let address = session.address;
        let (port, fingerprint) = session.direct.ok_or(Code::NoPeer)?;
        let user = self.stored.name(me);
        let token = proof.token.clone();
        _ = self.presence.push_transient_event([callee], &Event::Peer { user, proof });
        Ok(Reply::Peer(Peer { address, port, token, fingerprint }))
    }
}
