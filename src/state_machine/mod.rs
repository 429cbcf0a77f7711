//! The state machine: every rule of chatting, without IO, threads, locks or a clock.
//!
//! | folder | holds | changes the stored state |
//! |---|---|---|
//! | `stored/` | accounts, mailboxes, rooms, conversations: rebuilt by recovery | |
//! | `live/` | sessions, waiting polls, rate limits: gone after a restart | |
//! | `decide/` | a command in; records and effects out | only by `apply` |
//! | `apply/` | a record in; the next state out | yes |
//! | `query/` | lists, excerpts, deliveries, snapshots | never |
//!
//! [`StateMachine::handle`] decides a command. Time, random tokens and limits come in with it, so the same commands
//! lead to the same records, and tests can play millions of them. Recovery calls only `apply`: a replay of the records
//! leads to the same stored state.

mod apply;
mod command;
mod decide;
mod live;
mod number;
mod output;
mod query;
mod record;
mod snapshot;
mod stored;

use std::fmt;
use std::sync::Arc;

pub use command::{Command, ConnectionId, Now, Policy};
pub use number::{AccountNumber, RoomNumber};
pub use output::{Delivery, Effect, FiledEvents, Output};
pub use query::{Excerpt, LastOfPeer};
pub use record::Record;
pub use snapshot::{
    AccountRow, ChatRow, ConversationRow, IdRow, LogRow, MemberRow, RoomMarksRow, RoomRow, Snapshot, WaitingRow,
};
pub use stored::{ConversationId, Digest, HistoryPrefix, Participants, SentMessage};

use crate::model::{Message, Seq, UserName};
use live::{Presence, RateLimits};
use stored::StoredState;

/// A record that contradicts the state before it. In a write-ahead log: damage. From [`StateMachine::handle`]: a
/// defect of this program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplyError(pub String);

impl fmt::Display for ApplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The whole state of a server. The router's thread owns it.
pub struct StateMachine {
    /// Rebuilt by recovery.
    stored: StoredState,
    /// Live only, like the rate limits.
    presence: Presence,
    rate_limits: RateLimits,
    policy: Policy,
    /// Set while the disk has no room for more records: commands that need one are refused.
    disk_full: bool,
}

impl StateMachine {
    /// Makes the state machine of an empty store.
    pub fn new(store: Arc<str>, policy: Policy) -> Self {
        Self::with_state(StoredState::new(store), policy)
    }

    /// Restores the state machine from a snapshot.
    pub fn restore(snapshot: Snapshot, policy: Policy) -> Result<Self, ApplyError> {
        Ok(Self::with_state(StoredState::restore(snapshot)?, policy))
    }

    fn with_state(stored: StoredState, policy: Policy) -> Self {
        Self { stored, presence: Presence::default(), rate_limits: RateLimits::default(), policy, disk_full: false }
    }

    /// Replays one line of the write-ahead log, without its LF.
    pub fn replay(&mut self, line: &[u8]) -> Result<(), ApplyError> {
        self.stored.replay(line)
    }

    /// Makes a snapshot. Every message has to be in a history file ([`StateMachine::mark_history_written`]).
    pub fn snapshot(&self) -> Snapshot {
        self.stored.snapshot()
    }

    /// Returns the messages that are in no history file yet, by conversation, oldest first.
    pub fn pending_history(&self) -> impl Iterator<Item = (ConversationId, HistoryPrefix, &[Arc<Message>])> {
        self.stored.pending_history()
    }

    /// Drops the messages from memory that are in the history files now, durably.
    pub fn mark_history_written(&mut self, written: &[(ConversationId, HistoryPrefix)]) {
        self.stored.mark_history_written(written);
    }

    /// Returns the store's own name (protocol, section 6).
    pub fn store(&self) -> &Arc<str> {
        &self.stored.store
    }

    /// Returns the newest sequence number.
    pub fn last(&self) -> Seq {
        self.stored.last
    }

    /// Returns every name that is taken, with its password hash; `None` where the account was removed.
    pub fn accounts(&self) -> impl Iterator<Item = (&UserName, Option<&Arc<str>>)> {
        let accounts = self.stored.accounts.iter();
        accounts.map(|account| (&account.name, account.removed_at.is_none().then_some(&account.password_hash)))
    }

    /// Returns the participants of a conversation.
    pub fn participants(&self, id: ConversationId) -> Participants {
        self.stored.participants(id)
    }

    /// Sets whether the disk has no room for more records.
    pub fn set_disk_full(&mut self, full: bool) {
        self.disk_full = full;
    }
}
