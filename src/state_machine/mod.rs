//! The state machine: every rule of chatting, without IO, threads, locks or a clock.
//!
//! | folder | holds | changes the stored state |
//! |---|---|---|
//! | `stored/` | accounts, devices, mailboxes, rooms, conversations: rebuilt by recovery | |
//! | `live.rs`, `rates.rs`, `today.rs`, `told_calls.rs` | sessions, waiting polls, rate limits, daily quotas, calls: gone after a restart | |
//! | `decide/` | a command in; records and effects out | only by `apply` |
//! | `apply/` | a record in; the next state out | yes |
//! | `query/`, `snapshot.rs`, `rows.rs` | lists, excerpts, deliveries, the rows of a checkpoint | never |
//!
//! [`StateMachine::handle`] decides a command. Time, random tokens and limits come in with it, so the same commands
//! lead to the same records, and tests can play millions of them. Recovery calls only `apply`: a replay of the records
//! leads to the same stored state.

mod apply;
mod command;
mod decide;
mod error;
mod live;
mod machine;
mod output;
mod query;
mod rates;
mod record;
mod rows;
mod snapshot;
mod stored;
mod today;
mod told_calls;

pub use apply::Restoring;
pub use command::{ADMINISTRATOR, Asked, Command, ConnectionId, LastOfPeer, Now, Policy, Review, Sought, Texts, mib};
pub use error::ApplyError;
pub use machine::StateMachine;
pub use output::{Delivery, Effect, FiledEvents, Output};
pub use query::Excerpt;
pub use rates::Cost;
pub use record::{Acknowledgement, Record};
pub use snapshot::{
    BanRow, ChatRow, ConversationRow, DeviceGapRow, DeviceRow, ErasureRow, GuestRow, Head, IdRow, LogRow, MemberRow,
    PermitRow, RightsRow, RoomMarksRow, RoomRow, Snapshot, StateRow, WaitingRow, WaitingRowEvent,
};
pub use stored::{
    AccountNumber, AccountRow, Ban, Bans, Capacities, Chat, Conversation, ConversationId, Device, DeviceClock,
    DeviceNumber, Digest, HistoryPrefix, IdHash, IdKey, Marks, Member, Participants, RemovedRows, RoomNumber,
    SentMessage, SessionKey, StoredState, Tally, length_in_reply, looks_like,
};
