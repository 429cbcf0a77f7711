//! The tools of a course, each with the real programs.

#[path = "../support/mod.rs"]
mod support;

mod chaos;
mod class;
mod flawed;
mod judge;
mod talk;
mod trace;
