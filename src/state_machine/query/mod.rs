//! Queries: answer questions about the state and change nothing.

mod delivery;
mod device;
mod excerpt;
mod lists;
mod retention;

pub use excerpt::Excerpt;
pub(super) use lists::conversation_of;
