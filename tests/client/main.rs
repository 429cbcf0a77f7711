//! The client: in pipes and at terminals, beside a real server; and its files, on the simulated disk.

#[path = "../support/mod.rs"]
mod support;

mod commands;
mod damage;
mod direct;
mod faults;
mod history;
mod kill;
mod languages;
mod odd_server;
mod pipe;
mod power;
mod rooms;
mod terminal;
