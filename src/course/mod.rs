//! Tools of a course on distributed systems: they watch, disturb and grade programs that speak the protocol. README.md
//! in this folder is their page.
//!
//! - `checker`: says whether what users saw keeps promises 1 to 6. The project's own tests ask it, too.
//! - `chaos`: a proxy that disturbs connections by rules; the tests put it between clients and a server.
//! - `class`: the servers of a class, a group each, and their score board.
//! - `demo`: shows what a promise means, and what happens without it.
//! - `dissector`: makes Wireshark's dissector of the protocol.
//! - `explain`: tells the life of one message as a story.
//! - `flawed`: a small server with flaws to choose from, for the judge's tests and `demo`.
//! - `judge`: grades a server that a student has written.
//! - `page`: the sections of the protocol's page.
//! - `process`: servers as processes of their own, and their ports.
//! - `talk`: a person speaks the protocol line by line.
//! - `wire`: a connection to a server, line by line.
//! - `trace`: reads what [`crate::trace`] has recorded, merges it, and draws it.

pub mod chaos;
pub mod checker;
pub mod class;
pub mod demo;
pub mod dissector;
pub mod explain;
pub mod flawed;
mod ids;
pub mod judge;
mod page;
pub mod process;
pub mod talk;
pub mod trace;
mod wire;
