//! Closes connections: each after the replies that were written, in the order of the requests.

use std::time::Instant;

use super::Router;
use super::session::Login;
use crate::net::Progress;
use crate::protocol::{Code, Port};
use crate::server::connections::connection::CloseReason;
use crate::state_machine::{Command, ConnectionId};

impl Router {
    /// Goes on with a connection whose last bytes the straggler thread has sent, or could not send.
    pub(crate) fn end_straggling(&mut self, id: ConnectionId, progress: Progress) {
        if progress == Progress::Failed {
            self.close_now(id, CloseReason::Closed);
        }
        if let Some(session) = self.sessions.get_mut(&id) {
            session.note_drained();
        }
        self.send_pong(id);
        if self.closed_stragglers.get(&id).is_some_and(|connection| !connection.outgoing.has_unsent()) {
            self.closed_stragglers.remove(&id);
        }
        self.resumable.push(id);
    }

    /// Sends the pong of a WebSocket that waits, if there is one.
    pub(crate) fn send_pong(&mut self, id: ConnectionId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if session.send_pong(&self.stragglers) == Progress::Failed {
            self.close_now(id, CloseReason::Closed);
        }
    }

    /// Answers the waiting polls, and closes each connection as soon as everything that was asked is answered.
    pub(crate) fn shut_down(&mut self) {
        self.shutting_down = true;
        self.group_commit.stop_waiting();
        let ids: Vec<_> = self.sessions.keys().copied().collect();
        for id in ids {
            let Some(session) = self.sessions.get_mut(&id) else { continue };
            session.close_when_over(Code::Shutdown.into());
            if matches!(session.login, Login::Pending) {
                self.close_now(id, Code::Shutdown.into());
            } else {
                self.close_if_over(id);
            }
        }
    }

    /// Closes a connection whose client asks no more, if everything was answered.
    pub(crate) fn close_if_over(&mut self, id: ConnectionId) {
        if let Some(session) = self.sessions.get_mut(&id).filter(|session| session.is_over())
            && let Some(reason) = session.close.take()
        {
            self.close_now(id, *reason);
        }
    }

    /// Closes a connection after the replies that were written; unanswered requests stay so. From then on there is no
    /// session: what other threads still do for it, and a second reason to close it, have no effect.
    pub(crate) fn close_now(&mut self, id: ConnectionId, reason: CloseReason) {
        let is_silent = reason == CloseReason::Closed && self.sessions.get(&id).is_none_or(|one| !one.has_output());
        if !is_silent && !self.may_answer() {
            // The term is over: all connections are about to be closed without a word.
            return;
        }
        self.count_close(id, &reason);
        let Some(session) = self.sessions.remove(&id) else { return };
        if session.started > 0 {
            self.shared.auth.cancel(session.connection.peer, id);
        }
        if let Some(user) = session.login.verified_user() {
            self.user_connections.remove(user, id);
        }
        if let Some(account) = session.account {
            self.history.cancel(account, id);
        }
        if session.connection.port == Port::Recv {
            self.deferred.push((id, Command::Closed));
        }
        let connection = session.connection.clone();
        if session.close(reason, &self.stragglers, &mut self.buffers, Instant::now()) {
            self.closed_stragglers.insert(id, connection);
        }
    }

    /// Counts the last KO of a connection, and a login that it refuses.
    fn count_close(&self, id: ConnectionId, reason: &CloseReason) {
        if let (CloseReason::Ko(ko), Some(session)) = (reason, self.sessions.get(&id)) {
            self.count_refusal(id, ko.code);
            if session.user().is_none() {
                self.shared.metrics.count_refused_login(ko);
            }
        }
    }
}
