//! Several servers as one, on this machine: their processes, the network before etcd, and what their stores hold.

pub mod network;
pub mod servers;
pub mod status;
pub mod stores;
pub mod turns;
