//! The files of a data directory (data/README.md has their columns): recovery, checkpoints, history, check,
//! backup and restore, retention, and the life of one message.
//!
//! The newest checkpoint and the write-ahead log after it are the state. A checkpoint is made from the closed
//! segments alone, by recovery beside the live state machine: it is the state that a restart would have reached.

mod backup;
mod blocks;
mod check;
mod check_history;
mod checkpoint;
mod clean_up;
mod cluster;
mod copy;
mod cross_check;
mod data_directory;
mod error;
mod files;
mod history;
mod history_file;
mod id_tables;
mod life;
mod prefix_reader;
mod recovery;
mod restore;
mod retention;
mod room_tables;
mod rotation;
mod store_row;
mod table;
mod tables;
mod texts_of;
mod user_tables;

pub use check::Report;
pub use checkpoint::Checkpointed;
pub use data_directory::{CONTROL_SOCKET, Store};
pub use error::{Problem, StoreError};
pub use history_file::{HistoryFile, Row};
pub use life::{Change, Life};
pub use recovery::{DirectoryLock, Opened, Sizes};
pub use retention::{CleanUp, Retention};
pub use rotation::Rotated;
