//! The tools of a course, each with the real programs.

#[path = "../support/mod.rs"]
mod support;

mod chaos;
mod class;
mod demo;
mod dissector;
mod explain;
mod flawed;
mod judge;
mod judge_client;
mod labs;
mod talk;
mod trace;
