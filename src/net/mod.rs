//! Sockets without meaning: bounded lines with deadlines, accepting, and noticing who has hung up.

mod hang_up;
mod line;
mod listen;

pub use hang_up::HangUps;
pub use line::{LineError, LineReader, linger_close};
pub use listen::{Listening, listen};
