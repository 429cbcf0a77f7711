//! Tools of a course on distributed systems: they watch, disturb and grade programs that speak the protocol. README.md
//! in this folder is their page.
//!
//! - `trace`: reads what [`crate::trace`] has recorded, merges it, and draws it.

pub mod trace;
