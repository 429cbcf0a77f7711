//! Changes that an administrator makes to a store while no server runs: by the server's own recovery, state machine
//! and write-ahead log, so that they are as durable as a message, and never by editing a file.

use std::sync::Arc;

use crate::model::{Email, Password, RoomName, Target, Timestamp, UserName};
use crate::protocol::{Code, Reply};
use crate::state_machine::{AccountRow, Command, ConnectionId, Effect, Now, Output, Policy, RoomSummary};
use crate::store::{Opened, Sizes, Store, StoreError};

use super::auth;

/// A store that this process holds.
pub struct Offline {
    opened: Opened,
}

/// An account that is to be created.
pub struct NewAccount {
    pub name: UserName,
    pub password_hash: Arc<str>,
    pub email: Email,
}

/// Hashes the passwords of many accounts, in their order: on two threads, some tens of milliseconds each.
pub fn hash_all(passwords: &[&Password]) -> Result<Vec<Arc<str>>, String> {
    let bytes: Vec<_> = passwords.iter().map(|password| password.as_bytes()).collect();
    auth::hash_all(&bytes).ok_or_else(|| "the passwords cannot be hashed here".to_owned())
}

impl Offline {
    /// Opens the store; refused while a server holds it. `lobby`: new accounts are in #lobby.
    pub fn open(store: &Store, lobby: bool) -> Result<Self, StoreError> {
        Ok(Self { opened: store.open(Policy { lobby, ..Policy::default() }, Sizes::default())? })
    }

    /// Creates an account.
    pub fn add(&mut self, name: UserName, password: &Password) -> Result<(), String> {
        self.execute([Command::Register { name, password_hash: hash(password)? }])
    }

    /// Creates many accounts, all or none.
    pub fn add_all(&mut self, accounts: Vec<NewAccount>) -> Result<(), String> {
        self.execute(accounts.into_iter().flat_map(|NewAccount { name, password_hash, email }| {
            let set_email = Command::SetEmail { user: name.clone(), email: email.clone() };
            let set_email = (email != Email::default()).then_some(set_email);
            std::iter::once(Command::Register { name, password_hash }).chain(set_email)
        }))
    }

    pub fn set_password(&mut self, user: UserName, password: &Password) -> Result<(), String> {
        self.execute([Command::SetPassword { user, password_hash: hash(password)? }])
    }

    /// Closes an account for good; its name stays taken.
    pub fn remove(&mut self, user: UserName) -> Result<(), String> {
        self.execute([Command::Remove { user }])
    }

    /// Returns every account there ever was, in the order of registration.
    pub fn list(&self) -> Vec<AccountRow> {
        self.opened.machine.stored.snapshot().accounts
    }

    /// Returns every room.
    pub fn rooms(&self) -> Vec<RoomSummary> {
        self.opened.machine.stored.summarize_rooms()
    }

    /// Ends all memberships of a room, and frees its name.
    pub fn remove_room(&mut self, room: RoomName) -> Result<(), String> {
        self.execute([Command::RemoveRoom { room: Ok(Target::Room(room)) }])
    }

    /// Executes commands as one batch of the write-ahead log: durably, all or none. If one is refused, nothing is
    /// written.
    fn execute(&mut self, commands: impl IntoIterator<Item = Command>) -> Result<(), String> {
        let Opened { machine, wal, location, .. } = &mut self.opened;
        let mut outcome = Output::default();
        for command in commands {
            let now = Now { at: Timestamp::now(), ..Now::default() };
            machine.handle(ConnectionId(0), command, now, &mut outcome).map_err(|defect| defect.to_string())?;
        }
        outcome.effects.into_iter().try_for_each(refusal)?;
        for (last, record) in outcome.records {
            wal.append(|batch| record.write(last, batch));
        }
        let room = wal.make_room(location, Sizes::default().segment_bytes);
        room.and_then(|_| wal.commit()).map_err(|error| format!("the write-ahead log cannot be written: {error}"))
    }
}

fn hash(password: &Password) -> Result<Arc<str>, &'static str> {
    auth::hash_one(password.as_bytes()).ok_or("the password cannot be hashed here")
}

/// Returns an error if the effect refuses a command.
fn refusal(effect: Effect) -> Result<(), String> {
    match effect {
        Effect::Reply(_, Reply::Ko(ko)) if ko.code == Code::Exists => {
            Err("that name is taken (a removed one stays so)".to_owned())
        }
        Effect::Reply(_, Reply::Ko(ko)) => Err(ko.text),
        _ => Ok(()),
    }
}
