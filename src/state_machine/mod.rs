//! The state machine: every rule of chatting, without IO, threads, locks or a clock.
//!
//! | folder | holds | changes the stored state |
//! |---|---|---|
//! | `stored/` | accounts, mailboxes, rooms, conversations: rebuilt by recovery | |
//! | `live.rs`, `rates.rs`, `today.rs` | sessions, waiting polls, rate limits, daily quotas: gone after a restart | |
//! | `decide/` | a command in; records and effects out | only by `apply` |
//! | `apply/` | a record in; the next state out | yes |
//! | `query/`, `snapshot.rs` | lists, excerpts, deliveries, snapshots | never |
//!
//! [`StateMachine::handle`] decides a command. Time, random tokens and limits come in with it, so the same commands
//! lead to the same records, and tests can play millions of them. Recovery calls only `apply`: a replay of the records
//! leads to the same stored state.

mod apply;
mod command;
mod decide;
mod live;
mod output;
mod query;
mod rates;
mod record;
mod snapshot;
mod stored;
mod today;

use std::fmt;

pub use command::{ADMINISTRATOR, Command, ConnectionId, Now, Policy, mib};
pub use output::{Delivery, Effect, FiledEvents, Output};
pub use query::{Excerpt, LastOfPeer};
pub use rates::Cost;
pub use record::Record;
pub use snapshot::{
    BanRow, ChatRow, ConversationRow, IdRow, LogRow, MemberRow, RoomMarksRow, RoomRow, Snapshot, WaitingRow,
    WaitingRowEvent,
};
pub use stored::{
    AccountNumber, AccountRow, Ban, Bans, Capacities, Chat, ConversationId, Digest, HistoryPrefix, Marks, Member,
    Participants, RemovedRows, RoomNumber, SentMessage, StoredState, Tally, length_in_reply, looks_like,
};

use live::Presence;
use rates::RateLimits;
use today::StoredToday;

use crate::model::Seq;

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
    pub stored: StoredState,
    /// Live only, like the rate limits.
    presence: Presence,
    rate_limits: RateLimits,
    today: StoredToday,
    policy: Policy,
    /// Acknowledgements of this batch that are not applied yet: they become one record.
    acknowledgements: Vec<(Seq, AccountNumber)>,
    /// Set while the disk has no room for more records: commands that need one are refused.
    pub disk_full: bool,
}

impl StateMachine {
    /// Makes the state machine of a state that recovery has rebuilt.
    pub fn new(mut stored: StoredState, policy: Policy) -> Self {
        stored.begin_tally();
        let (presence, rate_limits, today, acknowledgements) = Default::default();
        Self { stored, presence, rate_limits, today, policy, acknowledgements, disk_full: false }
    }
}
