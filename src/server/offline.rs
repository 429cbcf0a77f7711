//! What the administrator does with a store that no server holds: by its own recovery and its own
//! write-ahead log, so that it is as durable as anything else, and never by changing a file.

use std::sync::Arc;

use crate::model::{Email, Password, Timestamp, UserName};
use crate::protocol::{Code, Reply};
use crate::state_machine::{AccountRow, Answer, Command, ConnectionId, Effect, Now, Policy};
use crate::store::{Sizes, Store, StoreError};
use crate::wal::{Location, make_segment};

use super::{GroupCommit, auth};

/// A store held by this process.
pub struct Offline {
    group_commit: GroupCommit,
    location: Location,
}

/// An account that is to be made.
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
    /// Takes the store; refused while a server has it. `lobby`: whether accounts made here are in #lobby.
    pub fn open(store: &Store, lobby: bool) -> Result<Self, StoreError> {
        let opened = store.open(Policy { lobby, ..Policy::default() }, Sizes::default())?;
        let location = opened.location.clone();
        Ok(Self { group_commit: GroupCommit::new(opened, Sizes::default()), location })
    }

    /// Makes an account.
    pub fn add(&mut self, name: UserName, password: &Password) -> Result<(), String> {
        let password_hash = auth::hash_one(password.as_bytes()).ok_or("the password cannot be hashed here")?;
        self.carry_out(Command::Register { name, password_hash })
    }

    /// Makes many accounts, all or none: they are one batch of the write-ahead log. Only if they do not fit into
    /// a segment (some 10,000 do) are they several, and a crash in between leaves the first of them.
    pub fn add_all(&mut self, accounts: Vec<NewAccount>) -> Result<(), String> {
        let mut fresh = false;
        for NewAccount { name, password_hash, email } in accounts {
            if !self.group_commit.has_room() {
                // What waits to be written goes into the next segment as a whole, unless it fills that alone.
                if fresh {
                    self.commit()?;
                }
                self.next_segment()?;
                fresh = true;
            }
            self.take(Command::Register { name: name.clone(), password_hash })?;
            if email != Email::default() {
                self.take(Command::SetEmail { user: name, email })?;
            }
        }
        self.commit()
    }

    pub fn set_password(&mut self, user: UserName, password: &Password) -> Result<(), String> {
        let password_hash = auth::hash_one(password.as_bytes()).ok_or("the password cannot be hashed here")?;
        self.carry_out(Command::SetPassword { user, password_hash })
    }

    /// Closes an account for good; its name stays taken.
    pub fn remove(&mut self, user: UserName) -> Result<(), String> {
        self.carry_out(Command::Remove { user })
    }

    /// Every account there ever was, in the order of registration.
    pub fn list(&self) -> Vec<AccountRow> {
        self.group_commit.machine().snapshot().accounts
    }

    /// Does it, durably.
    fn carry_out(&mut self, command: Command) -> Result<(), String> {
        if !self.group_commit.has_room() {
            self.next_segment()?;
        }
        self.take(command)?;
        self.commit()
    }

    fn next_segment(&mut self) -> Result<(), String> {
        let number = self.group_commit.wants_segment();
        let made = number.map(|number| make_segment(&self.location, number, Sizes::default().segment_bytes));
        if let Some(segment) = made.transpose().map_err(|error| format!("no room for the write-ahead log: {error}"))? {
            self.group_commit.give_segment(segment);
        }
        self.group_commit.switch_segment();
        Ok(())
    }

    fn take(&mut self, command: Command) -> Result<(), String> {
        let now = Now { at: Timestamp::now(), ..Now::default() };
        self.group_commit.take(ConnectionId(0), command, now).map_err(|defect| defect.to_string())
    }

    fn commit(&mut self) -> Result<(), String> {
        self.group_commit.commit().map_err(|error| format!("the write-ahead log cannot be written: {error}"))?;
        let refusal = self.group_commit.take_released().into_iter().find_map(|effect| match effect {
            Effect::Answer(_, Answer::Reply(Reply::Ko(ko))) => Some(ko),
            _ => None,
        });
        match refusal {
            None => Ok(()),
            Some(ko) if ko.code == Code::Exists => Err("that name is taken (a removed one stays so)".to_owned()),
            Some(ko) => Err(ko.text),
        }
    }
}
