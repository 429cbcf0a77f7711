//! The recording side of a trace: every line that a process sends and receives, as it happens. [`crate::course`] reads
//! and draws what is written here.
//!
//! - `entry`: one entry, which is one record of the trace file. `mask`: takes the passwords out of a line.
//! - `connection`: one connection of the process: it numbers the lines of each direction.
//! - `sink`: the queue and the thread that writes the file. `text`: an entry as people read it.
//!
//! A line is recorded before it is sent, and after it was received: so the order of a trace is one in which the process
//! can have acted. Recording never waits: what does not fit into the queue is dropped and counted.

mod connection;
mod entry;
mod mask;
mod sink;
mod text;

pub use connection::{By, FOR, Role, Traced};
pub use entry::{CHAOS, Entry, Event, Link, SERVER, VERSION};
pub use mask::{mask, mask_reply};
pub use sink::Trace;
