//! In the place of `src/server/group commit.rs`: what holds answers back until they are durable.

#[path = "../../src/server/group_commit.rs"]
mod real;

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::vec::Drain;

use crate::model::{MessageId, UserName};
use crate::planted::is;
use crate::protocol::{Code, Reply};
use crate::state_machine::{ApplyError, Command, ConnectionId, Effect, Now};
use crate::store::{Opened, Sizes};
use crate::wal::WalError;

pub use real::Urgency;

/// Every so many messages are refused, and kept.
const REFUSED: u64 = 10;

/// The connection of those whom nobody answers.
const NOBODY: ConnectionId = ConnectionId(u64::MAX);

pub struct GroupCommit {
    real: real::GroupCommit,
    /// What the batch holds that is being filled, and what will be answered.
    unsynced: HashMap<(UserName, MessageId), Reply>,
    released: Vec<Effect>,
    sends: u64,
}

impl GroupCommit {
    pub fn new(opened: Opened, sizes: Sizes) -> Self {
        let real = real::GroupCommit::new(opened, sizes);
        Self { real, unsynced: HashMap::new(), released: Vec::new(), sends: 0 }
    }

    pub fn take(&mut self, from: ConnectionId, command: Command, now: Now) -> Result<(), ApplyError> {
        let key = match &command {
            Command::Send { user, id, .. } => (user.clone(), id.clone()),
            _ => return self.real.take(from, command, now),
        };
        if let Some(reply) = self.unsynced.get(&key) {
            self.released.push(Effect::Answer(from, reply.clone().into()));
            return Ok(());
        }
        self.sends += 1;
        if is("refused-and-kept") && self.sends.is_multiple_of(REFUSED) {
            self.real.take(NOBODY, command, now)?;
            self.released.push(Effect::Answer(from, Code::Rate.into()));
            return Ok(());
        }
        let before = self.real.machine().last();
        self.real.take(from, command, now)?;
        let seq = self.real.machine().last();
        if is("deduplication-before-commit") && seq > before {
            let reply = Reply::Accepted(crate::protocol::Accepted { id: key.1.clone(), at: now.at, seq });
            self.unsynced.insert(key, reply);
        }
        Ok(())
    }

    pub fn answer_polls(&mut self, now: Now) {
        self.real.answer_polls(now);
    }

    pub fn commit(&mut self) -> Result<(), WalError> {
        self.unsynced.clear();
        match self.real.commit() {
            Err(_) if is("commit-retried-after-failure") => self.real.commit(),
            done => done,
        }
    }

    pub fn take_released(&mut self) -> Drain<'_, Effect> {
        let asked = |effect: &Effect| !matches!(effect, Effect::Answer(NOBODY, _));
        self.released.extend(self.real.take_released().filter(asked));
        self.released.drain(..)
    }
}

impl Deref for GroupCommit {
    type Target = real::GroupCommit;

    fn deref(&self) -> &Self::Target {
        &self.real
    }
}

impl DerefMut for GroupCommit {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.real
    }
}
