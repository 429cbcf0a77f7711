//! The router's side: requests that concern what only a running server has, and the connections that a change ends.

use super::end::Fatal;
use super::input::Asked;
use super::status::figures;
use super::{Router, session};
use crate::limits;
use crate::model::{Banned, NewAccount, Timestamp, UserName};
use crate::protocol::control::{ControlRequest, Session, SessionChoice};
use crate::protocol::{Code, Ko, Reply};
use crate::server::admin::log_level::set_log_level;
use crate::server::admin::plan::{Plan, list, plan, written};
use crate::server::audit;
use crate::server::connections::connection::CloseReason;
use crate::state_machine::{ADMINISTRATOR, Command, ConnectionId};

/// Bytes that the records of an account take in the log beside its name, password hash and address: an upper bound.
const ACCOUNT_RECORD_BYTES: usize = 256;

impl Router {
    /// Executes a request of the administrator, and replies. A change is durable when this returns: nothing that a client
    /// asks for comes between the change and what follows from it, such as the end of a user's connections.
    pub(crate) fn administer(&mut self, asked: Asked) -> Result<(), Fatal> {
        let request = asked.request;
        if request.is_query() {
            // The answer shows durable state alone (output commit), and the batch may hold more.
            self.commit()?;
        }
        let reply = match plan(request.clone(), self.group_commit.state(), Timestamp::now()) {
            Plan::Change(_) if self.stands_by() => {
                written(&Reply::Ko(Ko::new(Code::Shutdown, self.leader_for_people())))
            }
            Plan::Change(command) => self.change(&request, command)?,
            Plan::Answer(reply) => reply,
            Plan::Live(request) => self.answer_live(request),
        };
        if !request.is_query() {
            self.audit_command(&request, &reply);
        }
        if !self.may_answer() {
            return self.check_term();
        }
        // A command that has gone away takes no reply.
        let _ = asked.reply.try_send(reply);
        Ok(())
    }

    /// Says where the administrator's changes are made.
    fn leader_for_people(&self) -> String {
        match &self.shared.servers.lock().leader {
            Some(leader) => {
                format!("this server stands by: make the change at {}, which leads the cluster", leader.host)
            }
            None => "no server of the cluster leads now; try again".to_owned(),
        }
    }

    fn change(&mut self, request: &ControlRequest, command: Command) -> Result<Vec<u8>, Fatal> {
        if let Command::AddAccounts { accounts, .. } = &command
            && !self.make_room_for(accounts)?
        {
            let why = "these are too many accounts at once for the log, or the disk is full; import fewer";
            return Ok(written(&Reply::Ko(Ko::new(Code::Full, why))));
        }
        self.execute(ADMINISTRATOR, command)?;
        self.commit()?;
        let reply = self.administrator_reply.take().unwrap_or_else(|| Code::Internal.into());
        if reply == Reply::Done {
            self.follow(request);
        }
        Ok(written(&reply))
    }

    /// Notes in the audit log that the administrator has asked for a change, and what became of it.
    fn audit_command(&self, request: &ControlRequest, reply: &[u8]) {
        let is_done = !reply.starts_with(b"KO");
        self.shared.audit.note(audit::Event::AdminCommand { command: request.summary(), is_done });
        if let ControlRequest::Ban { banned, seconds, reason } = request
            && is_done
        {
            let banned = banned.to_string();
            let reason = reason.as_str().to_owned();
            self.shared.audit.note(audit::Event::Ban { banned, seconds: *seconds, reason });
        }
    }

    /// Makes room for the records of new accounts, which become one batch. `false`: there is none.
    fn make_room_for(&mut self, accounts: &[NewAccount]) -> Result<bool, Fatal> {
        let bytes = |new: &NewAccount| {
            let name = 3 * new.name.stored().to_string().len();
            ACCOUNT_RECORD_BYTES + name + 2 * (new.password_hash.len() + new.email.as_str().len())
        };
        let bytes = accounts.iter().map(bytes).sum();
        if !self.group_commit.has_room_for(bytes) && self.group_commit.fits_into_segment(bytes) {
            self.begin_segment(bytes)?;
        }
        Ok(self.group_commit.has_room_for(bytes))
    }

    /// Does what follows from a change that is durable.
    fn follow(&mut self, request: &ControlRequest) {
        match request {
            ControlRequest::Remove { user } => {
                self.shared.accounts.publish(user.clone(), None);
                let last = Ko::new(Code::Auth, "the account was removed").into();
                self.close_all(self.connections_of(user), &last);
            }
            ControlRequest::Ban { banned, .. } => {
                self.shared.banned.publish(self.group_commit.state());
                self.close_banned(banned);
            }
            ControlRequest::Unban { .. } => self.shared.banned.publish(self.group_commit.state()),
            _ => {}
        }
    }

    fn answer_live(&mut self, request: ControlRequest) -> Vec<u8> {
        match request {
            ControlRequest::Sessions { after } => list(self.list_logged_in(after)),
            ControlRequest::Close(choice) => written(&self.close_chosen(choice)),
            ControlRequest::Status => list(figures(self)),
            ControlRequest::LogLevel { level } => {
                set_log_level(level);
                written(&Reply::Done)
            }
            other => written(&Reply::Ko(Ko::new(Code::Syntax, other.summary()))),
        }
    }

    fn list_logged_in(&self, after: u64) -> impl Iterator<Item = Session> {
        let numbered = self.sessions.iter().filter(|(id, session)| id.0 > after && session.user().is_some());
        let mut ids: Vec<ConnectionId> = numbered.map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids.truncate(limits::PAGE_RECORDS);
        ids.into_iter().filter_map(|id| session_row(id, self.sessions.get(&id)?))
    }

    fn close_chosen(&mut self, choice: SessionChoice) -> Reply {
        let closed = match choice {
            SessionChoice::Number(number) => {
                let id = ConnectionId(number);
                let is_there = self.sessions.get(&id).is_some_and(|session| session.user().is_some());
                if is_there {
                    self.close_now(id, closed_by_administrator());
                }
                is_there
            }
            SessionChoice::Of(user) => self.close_all(self.connections_of(&user), &closed_by_administrator()),
        };
        if closed { Reply::Done } else { Reply::Ko(Ko::new(Code::NoSession, "there is no such connection")) }
    }

    /// Closes the connections that a new ban concerns.
    fn close_banned(&mut self, banned: &Banned) {
        let Some(ban) = self.group_commit.state().bans.find(banned, Timestamp::now()) else { return };
        let ko = CloseReason::Ko(ban.ko());
        let ids = match banned {
            Banned::User(user) => self.connections_of(user),
            Banned::Network(network) => {
                let inside = self.sessions.iter().filter(|(_, session)| network.contains(session.connection.peer));
                inside.map(|(id, _)| *id).collect()
            }
        };
        self.close_all(ids, &ko);
    }

    /// Closes connections. `false`: there are none.
    fn close_all(&mut self, ids: Vec<ConnectionId>, last: &CloseReason) -> bool {
        let some = !ids.is_empty();
        for id in ids {
            self.close_now(id, last.clone());
        }
        some
    }

    /// Returns the KO that keeps a user out who has logged in with the right password.
    pub(crate) fn ban_of(&self, user: &UserName) -> Option<Ko> {
        self.group_commit.state().bans.of_user(user, Timestamp::now()).map(|ban| ban.ko())
    }
}

fn closed_by_administrator() -> CloseReason {
    Ko::new(Code::Auth, "this connection was closed by the administrator").into()
}

fn session_row(id: ConnectionId, session: &session::Session) -> Option<Session> {
    Some(Session {
        number: id.0,
        user: session.user()?.clone(),
        port: session.connection.port,
        address: session.connection.peer.to_canonical(),
        since: session.since,
    })
}
