//! The client: in pipes and at terminals, beside a real server; and its files, on the simulated disk.

#[path = "../support/mod.rs"]
mod support;

mod accept;
mod account;
mod backoff;
mod bounds;
mod callers;
mod checkpoint;
mod commands;
mod completion;
mod completion_lives;
mod damage;
mod direct;
mod direct_power;
mod direct_tls;
mod editor;
mod entering;
mod faults;
mod full_screen;
mod hesitate;
mod history;
mod hostile_lists;
mod keyboard;
mod kill;
mod languages;
mod line_mode;
mod lives;
mod log_out;
mod odd_server;
mod parse;
mod parser;
mod pipe;
mod power;
mod presence;
mod retries;
mod rooms;
mod safe;
mod screen_app;
mod screen_cost;
mod screen_events;
mod screen_power;
mod screen_view;
mod state;
mod terminal;
