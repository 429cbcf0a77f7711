//! RECV sessions: their begin and end (protocol, section 3), and the port at which they take direct chats.

use std::net::IpAddr;

use super::{Context, Decided};
use crate::limits;
use crate::model::{DeviceName, Fingerprint, KeyDigest, UserName};
use crate::protocol::{Code, Event, Reply, SessionOpened};
use crate::state_machine::stored::SessionKey;
use crate::state_machine::{AccountNumber, ApplyError, ConnectionId, Cost, Effect, Record, StateMachine};

impl StateMachine {
    /// Opens a session, which replaces an earlier one of the device. `device`: its name; `None`: the nameless one.
    pub(super) fn open_session(
        &mut self,
        user: &UserName,
        device: Option<&DeviceName>,
        key: Option<KeyDigest>,
        order: u64,
        address: IpAddr,
        context: &mut Context,
    ) -> Decided {
        let number = self.stored.number(user)?;
        // The key can have ended since it was compared.
        let known_key = device.and_then(|device| self.stored.account(number).devices.find(device)?.key);
        if key.is_some() && key != known_key {
            return Err(Code::Auth.into());
        }
        if !self.rate_limits.debt(number, context.now.elapsed).is_zero() {
            return Err(Code::Rate.into());
        }
        self.refuse_late_login(number, device, order)?;
        let (device, state) = self.begin_device(number, device, context)?;
        self.charge_in_any_case(number, Cost::of_tokens(limits::SESSION_TOKENS), context.now.elapsed);
        let user = self.stored.name(number);
        let key = SessionKey { user: number, device };
        let was_online = self.presence.is_online(number);
        if let Some(replaced) = self.presence.open_session(context.connection, key, order, address) {
            context.out.effects.push(Effect::Close(replaced, Code::Replaced));
        }
        if !was_online {
            self.tell_contacts(number, &Event::Online { user: user.clone(), at: context.now.at }, context);
        }
        self.record_last_seen(key, context)?;
        let acknowledged = self.stored.account(number).position(device);
        let store = self.stored.store.clone();
        Ok(Reply::SessionOpened(SessionOpened { user, acknowledged, store, device: state }))
    }

    /// Refuses a login whose password took long to verify where a later login has opened the session of the device: its client
    /// may have given up, and the later login may be that client's retry.
    fn refuse_late_login(&self, user: AccountNumber, device: Option<&DeviceName>, order: u64) -> Decided<()> {
        let known = self.known_device(user, device).map(|device| SessionKey { user, device });
        let session = known.and_then(|key| self.presence.session(key));
        let is_late = session.is_some_and(|session| session.login_order > order);
        if is_late { Err(Code::Replaced.into()) } else { Ok(()) }
    }

    /// Ends the session of a connection that is closed.
    pub(super) fn close_session(&mut self, context: &mut Context) -> Decided<()> {
        if let Some((key, _)) = self.presence.session_of(context.connection) {
            self.end_session(key, context)?;
        }
        Ok(())
    }

    /// Ends the session of a device, if it has one, and returns its connection, which has to be closed.
    pub(super) fn end_session(
        &mut self,
        key: SessionKey,
        context: &mut Context,
    ) -> Result<Option<ConnectionId>, ApplyError> {
        let Some(connection) = self.presence.remove_session(key) else { return Ok(None) };
        self.record_last_seen(key, context)?;
        self.tell_offline(key.user, context);
        Ok(Some(connection))
    }

    /// Tells a user's contacts that the last session has ended, if it has.
    fn tell_offline(&mut self, user: AccountNumber, context: &Context) {
        if !self.presence.is_online(user) {
            let name = self.stored.name(user);
            self.tell_contacts(user, &Event::Offline { user: name, at: context.now.at }, context);
        }
    }

    /// Tells a user's contacts, at the cost of the user: one token for each who is online, and for each
    /// [`limits::TOKEN_ROOMS`] that are looked at.
    fn tell_contacts(&mut self, user: AccountNumber, event: &Event, context: &Context) {
        let (contacts, looked_at) = self.stored.contacts(user);
        let told = self.presence.push_transient_event(contacts, event);
        let tokens = told + looked_at / limits::TOKEN_ROOMS;
        self.charge_in_any_case(user, Cost::of_tokens(tokens), context.now.elapsed);
    }

    /// Records that a session began, goes on or ended. While the disk is full it is left out: no session is refused for it.
    pub(super) fn record_last_seen(&mut self, key: SessionKey, context: &mut Context) -> Result<(), ApplyError> {
        let record = Record::Seen { user: self.stored.name(key.user), device: key.device, at: context.now.at };
        if self.disk_full { Ok(()) } else { self.emit(record, context.out) }
    }

    /// Sets the port, and the certificate, with which the session's client takes direct chats. A session that was replaced gets no answer.
    pub(super) fn set_direct_port(
        &mut self,
        context: &Context,
        direct: Option<(u16, Option<Fingerprint>)>,
    ) -> Option<Reply> {
        self.presence.set_direct(context.connection, direct).then_some(Reply::Done)
    }
}
