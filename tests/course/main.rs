//! The tools of a course, with real servers and clients.

#[path = "../support/mod.rs"]
mod support;

mod chaos;
