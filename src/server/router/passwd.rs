//! `PASSWD`, and what follows from every change of a password (protocol, section 5).
//!
//! The change is a compare-and-set: it takes effect only if the hash that the old password was compared with is still the
//! current one when the new one is applied.

use std::net::IpAddr;
use std::sync::Arc;

use super::Router;
use super::end::Fatal;
use super::input::{Input, PasswordChange};
use super::session::Step;
use crate::model::{DeviceName, Password, UserName};
use crate::protocol::{Code, Ko, Port, Reply};
use crate::server::audit::{Event, LoginFailure};
use crate::server::auth::failed_logins::Origin;
use crate::server::auth::job::Job;
use crate::server::auth::login_queue::{Busy, Task};
use crate::state_machine::{Asked, Command, ConnectionId};

impl Router {
    /// `PASSWD`: has an auth thread compare the old password and hash the new one.
    pub(crate) fn change_password(&mut self, id: ConnectionId, user: &UserName, old: Vec<u8>, new: &str) -> Step {
        let Some(session) = self.sessions.get(&id) else { return Step::Wait };
        let new = match Password::new(user, new) {
            Ok(new) => new.as_bytes().to_vec(),
            Err(error) => return Step::Answer(Reply::Ko(Ko::new(Code::Password, error))),
        };
        let origin = Origin::new(session.connection.peer, Some(user));
        let hash = self.shared.accounts.find(user).and_then(|account| account.password_hash.clone());
        let shared = self.shared.clone();
        let from = origin.clone();
        let old_hash = hash.clone();
        let compared = Box::new(move |right: Result<bool, Busy>| {
            let hashing = shared.clone();
            let hashed = Box::new(move |hash: Option<_>| {
                let change = old_hash.zip(hash).map(|(old_hash, new_hash)| PasswordChange { old_hash, new_hash });
                hashing.tell_router(Input::PasswordHashed(id, change.ok_or(Code::Internal.into())));
            });
            let refused = match right {
                Ok(true) => {
                    let task = Task::new(from, id, Job::Hash { password: new, done: hashed });
                    shared.auth.submit(task).err().map(Ko::from)
                }
                Ok(false) => Some(Code::Auth.into()),
                Err(busy) => Some(busy.into()),
            };
            if let Some(ko) = refused {
                shared.tell_router(Input::PasswordHashed(id, Err(ko)));
            }
        });
        let job = Job::Verify { password: old, hash, known: None, done: compared };
        match self.shared.auth.submit(Task::new(origin, id, job)) {
            Ok(()) => Step::Wait,
            Err(busy) => Step::Answer(Reply::Ko(busy.into())),
        }
    }

    /// Refuses a login or a PASSWD whose client has closed its side, and whose task has no place any more.
    pub(crate) fn refuse_password(&mut self, id: ConnectionId) {
        let is_logged_in = self.sessions.get(&id).is_some_and(|session| session.user().is_some());
        match Ko::from(Busy) {
            busy if is_logged_in => self.answer_in_order(id, Reply::Ko(busy)),
            busy => self.close_now(id, busy.into()),
        }
    }

    /// Goes on with a PASSWD whose old password was right and whose new one was hashed.
    pub(crate) fn set_password(&mut self, id: ConnectionId, change: Result<PasswordChange, Ko>) -> Result<(), Fatal> {
        let Some(session) = self.sessions.get(&id) else { return Ok(()) };
        let Some(user) = session.user().cloned() else { return Ok(()) };
        let address = session.connection.peer;
        let device = session.device.clone();
        match change {
            Ok(PasswordChange { old_hash, new_hash }) => {
                let asked = Some(Asked { old_hash, address, device });
                return self.execute(id, Command::SetPassword { user, asked, password_hash: new_hash });
            }
            Err(ko) if ko.code.closes() => {
                if ko.code == Code::Auth {
                    let from = address;
                    let port = Port::Send;
                    let reason = LoginFailure::OldPassword;
                    self.shared.audit.note(Event::LoginFailed { user: Some(user), from, port, reason });
                }
                self.close_now(id, ko.into());
            }
            Err(ko) => self.write_reply(id, &Reply::Ko(ko)),
        }
        Ok(())
    }

    /// Does what follows from a new password that is durable: logins use it, and only the connection that has set it stays, with
    /// those of its device.
    pub(crate) fn publish_password(
        &mut self,
        name: UserName,
        password_hash: Arc<str>,
        by: ConnectionId,
        address: Option<IpAddr>,
        device: Option<&DeviceName>,
    ) {
        self.shared.accounts.publish(name.clone(), Some(password_hash));
        let last = Ko::new(Code::Auth, "the password was changed, so log in again");
        self.close_others(by, device, &name, &last.into());
        if let Some(from) = address {
            self.shared.audit.note(Event::PasswordChanged { user: name, from, port: Port::Send });
        }
    }
}
