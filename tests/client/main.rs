//! The client: in pipes and at terminals, beside a real server; and its files, on the simulated disk.

#[path = "../support/mod.rs"]
mod support;

mod backoff;
mod checkpoint;
mod commands;
mod completion;
mod damage;
mod direct;
mod direct_power;
mod faults;
mod history;
mod keyboard;
mod kill;
mod languages;
mod log_out;
mod odd_server;
mod parse;
mod pipe;
mod power;
mod retries;
mod rooms;
mod safe;
mod state;
mod terminal;
mod tokens;
