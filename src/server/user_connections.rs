//! The connections of each user who has logged in: for the limit of them, SESSIONS, LOGOUT and PASSWD (protocol,
//! sections 1 and 5).

use hashbrown::HashMap;

use super::connection::CloseReason;
use super::requests::Step;
use super::router::Router;
use super::session::Session;
use crate::limits;
use crate::model::UserName;
use crate::protocol::reply::OpenSession;
use crate::protocol::{Code, Ko, Port, Reply};
use crate::state_machine::ConnectionId;

/// By user, in the order of the logins.
#[derive(Default)]
pub(super) struct UserConnections(HashMap<UserName, Vec<ConnectionId>>);

impl UserConnections {
    pub fn add(&mut self, user: &UserName, id: ConnectionId) {
        self.0.entry_ref(user).or_default().push(id);
    }

    /// Removes a connection that is being closed.
    pub fn remove(&mut self, user: &UserName, id: ConnectionId) {
        if let Some(ids) = self.0.get_mut(user) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.0.remove(user);
            }
        }
    }

    fn of(&self, user: &UserName) -> &[ConnectionId] {
        self.0.get(user).map_or(&[], Vec::as_slice)
    }
}

impl Router {
    /// Checks that a user may have one more connection on the SEND port.
    pub(super) fn check_connections_of(&self, user: &UserName) -> Result<(), Ko> {
        let on_send = self.sessions_of(user).filter(|(_, session)| session.connection.port == Port::Send);
        if on_send.count() < limits::CONNECTIONS_PER_USER {
            return Ok(());
        }
        let most = limits::CONNECTIONS_PER_USER;
        Err(Ko::new(Code::Full, format!("you have {most} connections on this port; close one, or try later")))
    }

    /// Lists the connections of a user, for one of them.
    pub(super) fn list_sessions(&self, this: ConnectionId, user: &UserName) -> Vec<OpenSession> {
        let row = |(id, session): (ConnectionId, &Session)| OpenSession {
            number: id.0,
            port: session.connection.port,
            address: session.connection.peer.to_canonical(),
            since: session.since,
            this: id == this,
        };
        self.sessions_of(user).map(row).collect()
    }

    /// `LOGOUT`: closes a connection of the user, or all but this one.
    pub(super) fn log_out(&mut self, this: ConnectionId, user: &UserName, number: Option<u64>) -> Step {
        let last = || CloseReason::Ko(Ko::new(Code::Auth, "this connection was closed by another one of yours"));
        let Some(id) = number.map(ConnectionId) else {
            self.close_others(this, user, &last());
            return Step::Answer(Reply::Done);
        };
        if !self.user_connections.of(user).contains(&id) {
            return Step::Answer(Code::NoSession.into());
        }
        match self.sessions.get_mut(&id) {
            // It is closed behind the reply.
            Some(session) if id == this => {
                session.pending.clear();
                session.close.get_or_insert(last());
            }
            _ => self.close_now(id, last()),
        }
        Step::Answer(Reply::Done)
    }

    /// Returns all connections of a user, on both ports.
    pub(super) fn connections_of(&self, user: &UserName) -> Vec<ConnectionId> {
        self.user_connections.of(user).to_vec()
    }

    /// Closes the connections of a user other than this one.
    pub(super) fn close_others(&mut self, this: ConnectionId, user: &UserName, last: &CloseReason) {
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
