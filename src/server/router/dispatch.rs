//! Dispatches the effects of the last commit: replies into the connections' output, work for other threads.

use hashbrown::HashMap;

use super::Router;
use super::end::Fatal;
use super::history_reader::Job;
use super::own_sessions::logged_out;
use super::session::Login;
use crate::model::{Seq, Target, UserName};
use crate::protocol::{Code, Codec, Event, Ko, LoggedIn, Port, Reply, write_list_head};
use crate::server::audit;
use crate::server::auth::outcome::{LoginDevice, Outcome, PendingAccount};
use crate::server::connections::connection::{CloseReason, Connection};
use crate::state_machine::{ADMINISTRATOR, Command, ConnectionId, Delivery, Effect};

/// Lines of room messages, by number, before and after they were taken back: each is encoded once for all the members that it
/// is delivered to.
#[derive(Default)]
pub(crate) struct EncodedEvents(HashMap<(Seq, bool), Vec<u8>>);

impl EncodedEvents {
    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Message(message) if matches!(message.to, Target::Room(_)) => {
                let line = self.0.entry((message.seq, message.text.is_erased())).or_insert_with(|| {
                    let mut line = Vec::new();
                    event.write(&mut line);
                    line
                });
                out.extend_from_slice(line);
            }
            event => event.write(out),
        }
    }
}

impl Router {
    /// Dispatches the effects that depend on nothing that is not durable, in order.
    pub(crate) fn dispatch_effects(&mut self) -> Result<(), Fatal> {
        let mut encoded = EncodedEvents::default();
        let mut effects = std::mem::take(&mut self.effects);
        self.group_commit.release_effects(&mut effects);
        if !effects.is_empty() && !self.may_answer() {
            return self.check_term();
        }
        for effect in effects.drain(..) {
            match effect {
                Effect::Account { name, password_hash } => self.shared.accounts.publish(name, Some(password_hash)),
                Effect::Password { name, password_hash, by, address, device } => {
                    self.publish_password(name, password_hash, by, address, device.as_ref());
                }
                Effect::Key { user, device, key } => self.shared.accounts.publish_key(&user, &device, key),
                Effect::CloseDevice { user, device, by } => self.close_device(&user, &device, by),
                Effect::LogOut { connection, by } => self.close_one(ConnectionId(connection), by),
                Effect::LogOutOthers { user, by, device } => {
                    self.close_others(by, device.as_ref(), &user, &logged_out());
                }
                Effect::ReviewDevices(review) => self.maintenance.reviews.put_off(review),
                Effect::Reply(ADMINISTRATOR, reply) => self.administrator_reply = Some(reply),
                Effect::Reply(id, reply) => self.reply(id, reply),
                Effect::Excerpt(id, excerpt) => {
                    if let Some(lookup) = self.sessions.get_mut(&id).and_then(|session| session.lookup.take()) {
                        self.submit(id, Job::Lookup(*lookup, excerpt));
                    }
                }
                Effect::Events { to, delivery, .. } => self.deliver(to, delivery, &mut encoded),
                Effect::Close(id, code) => self.close_now(id, code.into()),
            }
        }
        self.effects = effects;
        Ok(())
    }

    /// Writes the reply to the oldest unanswered request of a connection; it is sent with the next flush.
    pub(crate) fn answer(&mut self, id: ConnectionId, write: impl FnOnce(&mut Vec<u8>)) {
        if let Some(session) = self.sessions.get_mut(&id)
            && session.answer(&mut self.buffers, write)
        {
            self.dirty.push(id);
        }
    }

    /// Answers with a reply, and counts it if it is a refusal.
    pub(crate) fn write_reply(&mut self, id: ConnectionId, reply: &Reply) {
        if let Reply::Ko(ko) = reply {
            self.count_refusal(id, ko.code);
        }
        self.answer(id, |out| reply.write(out));
    }

    /// Counts a KO, and tells the audit log of one that a limit has caused.
    pub(crate) fn count_refusal(&self, id: ConnectionId, code: Code) {
        self.shared.metrics.count_refusal(code);
        if let Some(session) = self.sessions.get(&id).filter(|_| code.is_temporary()) {
            let Connection { peer, port, .. } = *session.connection;
            let user = session.login.verified_user().cloned();
            self.shared.audit.note(audit::Event::Refused { user, from: peer, port, code });
        }
    }

    /// Answers a request that the state machine need not see, behind those that it has still to answer.
    pub(crate) fn answer_in_order(&mut self, id: ConnectionId, reply: Reply) {
        match self.sessions.get(&id) {
            Some(session) if session.started > 1 => self.group_commit.add_effect(Effect::Reply(id, reply)),
            _ => self.write_reply(id, &reply),
        }
    }

    /// Hands a job to the history threads, for a connection that is logged in.
    fn submit(&self, id: ConnectionId, job: Job) {
        if let Some(user) = self.sessions.get(&id).and_then(|session| session.account) {
            self.history.submit(user, id, job);
        }
    }

    pub(crate) fn deliver(&mut self, id: ConnectionId, delivery: Delivery, encoded: &mut EncodedEvents) {
        if !delivery.filed.is_empty() {
            return self.submit(id, Job::Events(delivery));
        }
        self.answer(id, |out| {
            write_list_head(out, delivery.events.len());
            delivery.events.iter().for_each(|event| encoded.write(event, out));
        });
    }

    fn reply(&mut self, id: ConnectionId, reply: Reply) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        match (&mut session.login, &reply) {
            (Login::Done(_), Reply::Ko(ko)) if ko.code.closes() => return self.close_now(id, ko.clone().into()),
            (Login::Done(_), _) => {}
            // Any KO to the login line closes the connection (protocol, section 4).
            (_, Reply::Ko(ko)) => return self.refuse_login(id, ko.clone()),
            (Login::Opening(user), _) => {
                let user = user.clone();
                session.log_in(user.clone(), self.group_commit.state().number(&user).ok());
                self.shared.metrics.logins.accepted.add(1);
                self.resumable.push(id);
            }
            (Login::Registering(_) | Login::Pending, _) => return self.finish_registration(id, reply),
        }
        self.write_reply(id, &reply);
    }

    /// Takes the outcome of a login attempt from an auth thread or a reader thread.
    pub(crate) fn log_in(&mut self, id: ConnectionId, outcome: Outcome) -> Result<(), Fatal> {
        let Some(session) = self.sessions.get_mut(&id) else { return Ok(()) };
        // The address can have been banned since the login line was read.
        if let Some(ko) = self.shared.banned.find(session.connection.peer) {
            self.close_now(id, ko.into());
            return Ok(());
        }
        match outcome {
            Outcome::LoggedIn { account, order, device } => {
                // The password can have been changed, and the key can have ended, since it was compared.
                let is_current = match &device {
                    Some(LoginDevice { name, key: Some(key) }) => {
                        self.shared.accounts.is_current_key(&account.name, name, *key)
                    }
                    _ => self.shared.accounts.is_current(&account),
                };
                if is_current {
                    self.open_session(id, account.name.clone(), order, device);
                } else {
                    self.close_now(id, Code::Auth.into());
                }
            }
            Outcome::Refused(ko) => self.close_now(id, CloseReason::Ko(ko)),
            Outcome::Register(account) => {
                let PendingAccount { user, password_hash, .. } = &*account;
                let register = Command::Register { name: user.clone(), password_hash: password_hash.clone() };
                session.login = Login::Registering(account);
                return self.execute(id, register);
            }
        }
        Ok(())
    }

    /// Goes on with a registration that is durable.
    fn finish_registration(&mut self, id: ConnectionId, reply: Reply) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let login = std::mem::replace(&mut session.login, Login::Pending);
        if let (Login::Registering(account), Reply::LoggedIn(LoggedIn { user })) = (login, reply) {
            let PendingAccount { password, password_hash, device, order, .. } = *account;
            self.shared.accounts.remember_new(&user, &password_hash, &password);
            let from = session.connection.peer;
            let port = session.connection.port;
            self.shared.audit.note(audit::Event::AccountCreated { user: user.clone(), from, port });
            self.open_session(id, user, order, device.map(|name| LoginDevice { name, key: None }));
        }
    }

    fn refuse_login(&mut self, id: ConnectionId, ko: Ko) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let login = std::mem::replace(&mut session.login, Login::Pending);
        if let Some(user) = login.verified_user() {
            self.user_connections.remove(user, id);
        }
        let retried = match login {
            Login::Registering(account) => (account.retry)(ko),
            _ => Err(ko),
        };
        if let Err(ko) = retried {
            self.close_now(id, CloseReason::Ko(ko));
        }
    }

    /// Lets a user in whose password or key is right. On RECV the state machine opens a session, which may replace another.
    fn open_session(&mut self, id: ConnectionId, user: UserName, order: u64, device: Option<LoginDevice>) {
        if let Some(ko) = self.ban_of(&user) {
            return self.close_now(id, ko.into());
        }
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let key = device.as_ref().and_then(|device| device.key);
        let device = device.map(|device| device.name);
        session.device = device.clone();
        if session.connection.port == Port::Recv {
            session.login = Login::Opening(user.clone());
            self.user_connections.add(&user, id);
            let address = session.connection.peer.to_canonical();
            return self.deferred.push((id, Command::Open { user, device, key, order, address }));
        }
        if let Err(ko) = self.check_connections_of(&user) {
            return self.close_now(id, ko.into());
        }
        self.user_connections.add(&user, id);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.log_in(user.clone(), self.group_commit.state().number(&user).ok());
        self.shared.metrics.logins.accepted.add(1);
        self.answer(id, |out| Reply::LoggedIn(LoggedIn { user }).write(out));
        self.resumable.push(id);
    }
}
