//! The running server: its life as a process, a slow disk, bad networks, a long run; and its state machine
//! beside a simple model.

#[path = "../support/mod.rs"]
mod support;

mod isolation;
mod model;
mod network;
mod serve;
mod slow_disk;
mod soak;
