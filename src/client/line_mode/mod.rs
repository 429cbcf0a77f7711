//! The line mode, a front end on the owner: lines scroll, and nothing above the prompt is drawn again but marks.
//!
//! - `interactive`: at a terminal, with an editor; `lines` is its screen.
//! - `plain`: in a pipe, and at a terminal that knows no control sequence; `keyboard` is the thread that reads its lines,
//!   and hides passwords.
//! - `days`: the lines between two days.

mod days;
pub(crate) mod interactive;
pub mod keyboard;
mod lines;
pub(crate) mod plain;
