//! The parts that every front end at a terminal needs.
//!
//! - `raw`: raw mode, and the way back. `input`: the thread that reads events, with `parser`, and the signals.
//! - `editor`: the text that is being written, with `recall` (the texts that were submitted) and `complete`
//!   (the Tab key).
//! - `display`: the text of a view. `marks`: the marks of the states.

pub mod complete;
pub mod display;
pub mod editor;
pub(crate) mod input;
pub mod marks;
pub mod parser;
pub mod raw;
pub mod recall;
