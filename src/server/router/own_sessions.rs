//! SESSIONS, LOGOUT, and the limit of a user's connections (protocol, sections 1 and 5).

use super::Router;
use super::session::{Session, Step};
use crate::limits;
use crate::model::{DeviceName, UserName};
use crate::protocol::reply::OpenSession;
use crate::protocol::request::LogOut;
use crate::protocol::{Code, Ko, Port};
use crate::server::connections::connection::CloseReason;
use crate::state_machine::{Command, ConnectionId};

/// The last line of a connection that its user has logged out.
pub(super) fn logged_out() -> CloseReason {
    CloseReason::Ko(Ko::new(Code::Auth, "this connection was closed by another one of yours"))
}

impl Router {
    /// Checks that a user may have one more connection on the SEND port.
    pub(crate) fn check_connections_of(&self, user: &UserName) -> Result<(), Ko> {
        let on_send = self.sessions_of(user).filter(|(_, session)| session.connection.port == Port::Send);
        if on_send.count() < limits::CONNECTIONS_PER_USER {
            return Ok(());
        }
        let most = limits::CONNECTIONS_PER_USER;
        Err(Ko::new(Code::Full, format!("you have {most} connections on this port; close one, or try later")))
    }

    /// Lists the connections of a user, for one of them.
    pub(crate) fn list_sessions(&self, this: ConnectionId, user: &UserName) -> Vec<OpenSession> {
        let row = |(id, session): (ConnectionId, &Session)| OpenSession {
            number: id.0,
            port: session.connection.port,
            address: session.connection.peer.to_canonical(),
            since: session.since,
            this: id == this,
            device: session.device.clone(),
        };
        self.sessions_of(user).map(row).collect()
    }

    /// `LOGOUT`: the state machine ends keys and forgets devices, and what is to be closed follows.
    pub(crate) fn log_out(&mut self, this: ConnectionId, user: UserName, which: LogOut) -> Step {
        let device = |id: &ConnectionId| self.sessions.get(id).and_then(|session| session.device.clone());
        let closed = match &which {
            LogOut::Connection(number) => {
                let id = ConnectionId(*number);
                if !self.user_connections.has(&user, id) {
                    return Step::Answer(Code::NoSession.into());
                }
                device(&id)
            }
            LogOut::Device(_) | LogOut::Others => None,
        };
        Step::Execute(Command::LogOut { asker: device(&this), closed, user, which })
    }

    /// Closes a connection that a user has logged out; the one that has asked for it after its reply.
    pub(crate) fn close_one(&mut self, id: ConnectionId, by: ConnectionId) {
        match self.sessions.get_mut(&id) {
            Some(session) if id == by => {
                session.pending.clear();
                session.close_when_over(logged_out());
            }
            _ => self.close_now(id, logged_out()),
        }
    }

    /// Closes the connections of a device that is forgotten, or whose key has ended.
    pub(crate) fn close_device(&mut self, user: &UserName, device: &DeviceName, by: ConnectionId) {
        let of_device = self.sessions_of(user).filter(|(_, session)| session.device.as_ref() == Some(device));
        let ids: Vec<_> = of_device.map(|(id, _)| id).collect();
        ids.into_iter().for_each(|id| self.close_one(id, by));
    }

    /// Returns all connections of a user, on both ports.
    pub(crate) fn connections_of(&self, user: &UserName) -> Vec<ConnectionId> {
        self.user_connections.of(user).collect()
    }

    /// Closes the connections of a user other than this one and those of its device, if it has one.
    pub(crate) fn close_others(
        &mut self,
        this: ConnectionId,
        device: Option<&DeviceName>,
        user: &UserName,
        last: &CloseReason,
    ) {
        let is_other = |id: &ConnectionId| {
            let others = self.sessions.get(id).and_then(|session| session.device.as_ref());
            *id != this && (device.is_none() || others != device)
        };
        let others: Vec<_> = self.user_connections.of(user).filter(is_other).collect();
        for other in others {
            self.close_now(other, last.clone());
        }
    }

    fn sessions_of(&self, user: &UserName) -> impl Iterator<Item = (ConnectionId, &Session)> {
        let ids = self.user_connections.of(user);
        ids.filter_map(|id| Some((id, self.sessions.get(&id)?.as_ref())))
    }
}
