//! The client's durable state: outbox, history and position, one state machine over one log.
//!
//! A decision (`decide`) reads the state and makes records; `ClientState::record` applies each of them and
//! keeps its line; the owner appends the lines to the log in one batch and syncs it once, and nothing that
//! depends on them leaves before that. Replay calls `apply` alone.
//!
//! - `machine`: the state and `apply`, over `outbox` (of `outgoing` messages) and `conversation` (of rows: `row`).
//!   `position`, `shown`, `choices`, `known`, `erasures`: the other parts of the state.
//! - `record`: the records. `rights`: what the owner of a room has set.
//! - `decide`, `completion`, `taken_back`: the decisions, those about messages that are missing here, and about messages that
//!   were taken back. `query`: the questions.
//! - `files`: the log in one directory, locked.
//! - `home`: the directories of a user. `take_over`: what other programs of the user left behind.
//! - `checkpoint`: the state in a file. `removal`: texts that were taken back leave the log. `lookup`: rows that only the log
//!   still has. `error`: errors of the files.

mod checkpoint;
mod choices;
mod completion;
pub mod conversation;
mod decide;
mod erasures;
pub mod error;
pub mod files;
pub mod home;
mod known;
pub mod lookup;
mod machine;
pub mod outbox;
pub mod outgoing;
mod position;
mod query;
pub mod record;
mod removal;
pub mod rights;
pub mod row;
mod shown;
mod take_over;
mod taken_back;

pub use completion::Missing;
pub use decide::Arrival;
pub use machine::ClientState;
