//! The write-ahead log: one append-only log in numbered segments, for the server, the client and the bridge. It
//! carries records and does not know what they mean.
//!
//! Records come in numbered batches. A batch ends in a commit mark with its number, its length and a checksum; it
//! is one write and one sync, and after a crash it exists whole or not at all. Segments are created in their
//! full size ahead of need, filled with line feeds: a sync has no file length to record, a full disk is met before
//! anything was promised, and a segment that is shorter than its head says is damage.
//!
//! | file | holds |
//! |---|---|
//! | `format` | the bytes: head, batch, commit mark |
//! | `segment` | one file: created, written, synced |
//! | `edit` | records of closed segments, replaced |
//! | `append` | [`Wal`], the end of the log: the batch that is being filled, group commit, the next segment |
//! | `replay` | reading back; a torn tail is told apart from damage |
//! | `recover` | recovery at a start, and reading a log without changing it |
//! | `small` | [`SmallWal`], which makes its own segments and can be compacted |
//! | `location` | the directory |
//!
//! The server makes segments on a thread of its own and removes them after a checkpoint; recovery is told after
//! which segment to begin. A [`SmallWal`] does all of this itself: a compaction is a new first segment, and
//! recovery begins at the first segment that the head of the newest one names.

mod append;
mod edit;
mod error;
mod format;
mod location;
mod recover;
mod replay;
mod segment;
mod small;

pub use append::Wal;
pub use edit::edit_segment;
pub use error::WalError;
pub use location::Location;
pub use recover::{Inspected, Recovered, inspect, recover, replay_closed};
pub use replay::{Replay, TornTail};
pub use segment::{Segment, make_segment};
pub use small::{Covered, SmallWal, is_covered, replay_all, replay_covered};
