//! Clients and a server with a bad network between them. A failure prints the seed of its run, and what
//! the network was to do; `WACHAT_NETWORK_SEED=17 cargo test --test network` plays it again.

#[path = "../client_support/mod.rs"]
mod client_support;
#[path = "../support/mod.rs"]
mod support;

mod clients;
mod programs;
mod runs;
