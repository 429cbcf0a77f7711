//! Sockets without meaning: lines with deadlines, listening, and sending without waiting.

mod line;
mod listen;
mod outgoing;
mod straggler;

pub use line::{LineError, LineReader, drain_input, linger_close};
pub use listen::{Listening, listen};
pub use outgoing::{Outgoing, Progress};
pub use straggler::{Backlog, Stragglers};
