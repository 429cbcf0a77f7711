//! The course's tools, each with the real programs.

#[path = "../support/mod.rs"]
mod support;

mod trace;
