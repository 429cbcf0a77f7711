//! Clients and a server with a bad network between them. A failure prints the seed of its run, and what
//! the network did; `WACHAT_NETWORK_SEED=17 cargo test --test suite server::network` plays it again.

mod clients;
mod programs;
mod runs;
