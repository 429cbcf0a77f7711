//! SESSIONS, LOGOUT, and the limit of a user's connections (protocol, sections 1 and 5).

use super::Router;
use super::session::{Session, Step};
use crate::limits;
use crate::model::UserName;
use crate::protocol::reply::OpenSession;
use crate::protocol::request::LogOut;
use crate::protocol::{Code, Ko, Port, Reply};
use crate::server::connections::connection::CloseReason;
use crate::state_machine::ConnectionId;

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
            device: None,
        };
        self.sessions_of(user).map(row).collect()
    }

    /// `LOGOUT`: closes a connection of the user, or all but this one.
    pub(crate) fn log_out(&mut self, this: ConnectionId, user: &UserName, which: LogOut) -> Step {
        let last = || CloseReason::Ko(Ko::new(Code::Auth, "this connection was closed by another one of yours"));
        let id = match which {
            LogOut::Connection(number) => ConnectionId(number),
            LogOut::Device(_) => return Step::Answer(Code::NoSession.into()),
            LogOut::Others => {
                self.close_others(this, user, &last());
                return Step::Answer(Reply::Done);
            }
        };
        if !self.user_connections.of(user).contains(&id) {
            return Step::Answer(Code::NoSession.into());
        }
        match self.sessions.get_mut(&id) {
            // It is closed after the reply.
            Some(session) if id == this => {
                session.pending.clear();
                session.close.get_or_insert(last());
            }
            _ => self.close_now(id, last()),
        }
        Step::Answer(Reply::Done)
    }

    /// Returns all connections of a user, on both ports.
    pub(crate) fn connections_of(&self, user: &UserName) -> Vec<ConnectionId> {
        self.user_connections.of(user).to_vec()
    }

    /// Closes the connections of a user other than this one.
    pub(crate) fn close_others(&mut self, this: ConnectionId, user: &UserName, last: &CloseReason) {
        let others: Vec<_> = self.user_connections.of(user).iter().copied().filter(|id| *id != this).collect();
        for other in others {
            self.close_now(other, last.clone());
        }
    }

    fn sessions_of(&self, user: &UserName) -> impl Iterator<Item = (ConnectionId, &Session)> {
        let ids = self.user_connections.of(user).iter();
        ids.filter_map(|id| Some((*id, self.sessions.get(id)?.as_ref())))
    }
}
