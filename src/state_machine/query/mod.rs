//! Queries: answer questions about the state and change nothing.

mod delivery;
mod excerpt;
mod lists;
mod retention;

pub use excerpt::Excerpt;
