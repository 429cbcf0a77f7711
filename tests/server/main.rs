//! The running server: its life as a process, a slow disk, bad networks, a long run; and its state machine
//! beside a simple model.

#[path = "../support/mod.rs"]
mod support;

mod acknowledgements;
mod administration;
mod administrator_reads;
mod administrator_sessions;
mod audit;
mod cheap_requests;
mod contradictions;
mod counts;
mod disk_floor;
mod dual_stack;
mod exclusions;
mod flood;
mod guesses;
mod history_turns;
mod hostile;
mod isolation;
mod last_lines;
mod line_reader;
mod live;
mod login_memory;
mod login_queue;
mod login_turns;
mod long_times;
mod memory;
mod metrics;
mod model;
mod network;
mod networks;
mod no_room;
mod outgoing;
mod panics;
mod pipelines;
mod places;
mod polls;
mod prices;
mod rates;
mod released;
mod retention;
mod serve;
mod slow_disk;
mod soak;
mod sparse_history;
mod statuses;
mod stopping;
mod stragglers;
mod strangers;
mod takeover;
mod tallies;
mod user_connections;
