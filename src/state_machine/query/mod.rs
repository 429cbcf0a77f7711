//! Queries: answer questions about the state and change nothing.

mod delivery;
mod excerpt;
mod lists;

pub use excerpt::{Excerpt, LastOfPeer};
