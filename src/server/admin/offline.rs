//! Changes that an administrator makes to a store while no server runs: by the server's own recovery, state machine
//! and write-ahead log, so that they are as durable as a message, and never by editing a file.

use std::sync::Arc;

use super::plan::{Plan, plan, written};
use crate::model::{Email, NewAccount, Password, Timestamp, UserName};
use crate::protocol::Reply;
use crate::protocol::control::ControlRequest;
use crate::server::auth::hashing;
use crate::state_machine::{ADMINISTRATOR, AccountRow, Command, Effect, Now, Output, Policy};
use crate::store::{Opened, Sizes, Store, StoreError};

/// A store that this process holds.
pub struct Offline {
    opened: Opened,
}

/// Hashes the passwords of many accounts, in their order: on two threads, some tens of milliseconds each.
pub fn hash_all(passwords: &[&Password]) -> Result<Vec<Arc<str>>, String> {
    let bytes: Vec<_> = passwords.iter().map(|password| password.as_bytes()).collect();
    hashing::hash_all(&bytes).ok_or_else(|| "the passwords cannot be hashed here".to_owned())
}

/// Hashes a password.
pub fn hash_one(password: &Password) -> Result<Arc<str>, String> {
    hashing::hash_one(password.as_bytes()).ok_or_else(|| "the password cannot be hashed here".to_owned())
}

impl Offline {
    /// Opens the store; refused while a server holds it. `lobby`: new accounts are in #lobby.
    pub fn open(store: &Store, lobby: bool) -> Result<Self, StoreError> {
        let opened = store.open(Policy { lobby, ..Policy::default() }, Sizes::default())?;
        // A change that the log of the cluster does not have would make the store another one.
        if opened.machine.stored.chain.is_some() { Err(store.refuse_cluster()) } else { Ok(Self { opened }) }
    }

    /// Executes a request of the administrator, and returns the lines of the reply, as a server does.
    pub fn answer(&mut self, request: ControlRequest) -> Result<Vec<u8>, String> {
        match plan(request, &self.opened.machine.stored, Timestamp::now()) {
            Plan::Change(command) => self.execute(command).map(|reply| written(&reply)),
            Plan::Answer(reply) => Ok(reply),
            Plan::Live(_) => Err("no server is running; start one with wachat serve".to_owned()),
        }
    }

    /// Creates an account.
    pub fn add(&mut self, name: UserName, password: &Password) -> Result<(), String> {
        self.add_all(vec![NewAccount { name, password_hash: hash_one(password)?, email: Email::default() }])
    }

    /// Creates many accounts, all or none.
    pub fn add_all(&mut self, accounts: Vec<NewAccount>) -> Result<(), String> {
        self.change(Command::AddAccounts { accounts, lobby: true })
    }

    pub fn set_password(&mut self, user: UserName, password: &Password) -> Result<(), String> {
        self.change(Command::SetPassword { user, asked: None, password_hash: hash_one(password)? })
    }

    /// Returns every account there ever was, in the order of registration.
    pub fn list(&self) -> Vec<AccountRow> {
        self.opened.machine.stored.accounts().cloned().collect()
    }

    fn change(&mut self, command: Command) -> Result<(), String> {
        match self.execute(command)? {
            Reply::Ko(ko) => Err(ko.text),
            _ => Ok(()),
        }
    }

    /// Executes a command as one batch of the write-ahead log. Returns the reply; if it is a KO, nothing is written.
    fn execute(&mut self, command: Command) -> Result<Reply, String> {
        let Opened { machine, wal, location, .. } = &mut self.opened;
        let mut outcome = Output::default();
        let now = Now { at: Timestamp::now(), ..Now::default() };
        machine.handle(ADMINISTRATOR, command, now, &mut outcome).map_err(|defect| defect.to_string())?;
        for (last, record) in outcome.records {
            wal.append(|batch| record.write(last, batch));
        }
        let room = wal.make_room(location, Sizes::default().segment_bytes);
        room.and_then(|_| wal.commit()).map_err(|error| format!("the write-ahead log cannot be written: {error}"))?;
        let reply = outcome.effects.into_iter().find_map(|effect| match effect {
            Effect::Reply(_, reply) => Some(reply),
            _ => None,
        });
        reply.ok_or_else(|| "a defect of this program: there is no reply".to_owned())
    }
}
