//! The running server: its life as a process, a slow disk, bad networks, a long run; and its state machine
//! beside a simple model.

#[path = "../support/mod.rs"]
mod support;

mod acknowledgements;
mod administrator_reads;
mod audit;
mod cheap_requests;
mod disk_floor;
mod exclusions;
mod flood;
mod guesses;
mod history_turns;
mod hostile;
mod isolation;
mod line_reader;
mod login_queue;
mod login_turns;
mod memory;
mod metrics;
mod model;
mod network;
mod networks;
mod outgoing;
mod panics;
mod places;
mod polls;
mod prices;
mod rates;
mod retention;
mod serve;
mod slow_disk;
mod soak;
mod sparse_history;
mod statuses;
mod takeover;
mod tallies;
mod user_connections;
