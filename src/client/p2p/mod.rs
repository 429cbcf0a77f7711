//! Direct chats: from client to client, without the server (protocol, section 8).
//!
//! ```text
//! door thread ── accepts ──> a thread a caller: HELLO, token? ──> chat: reads ── events ─> main thread
//! dial thread: connects, HELLO ────────────────────────────────> chat: reads
//!                               main thread ── lines ──> chat's writer thread ─> socket
//! ```
//! - `tokens`: what the server has announced; a token lets its caller in once, within 30 seconds.
//! - `porch`: tells the server where the door is, and hears from it who is coming.
//! - `door`: the port where callers come in; `dial`: calling somebody.
//! - `talk`: what the app makes of all that.
//! - `chat`: one that is open: its two threads, and what was not confirmed yet.
//!
//! A message is confirmed when the other side has it in its history; then it is in this one's, too.

mod chat;
mod dial;
mod door;
mod porch;
mod talk;
mod tokens;

use std::sync::Arc;

pub use chat::{Chat, House};
pub use dial::dial;
pub use porch::Porch;
pub use talk::Direct;
pub use tokens::Tokens;

use crate::model::{Message, UserName};

/// What happens with direct chats.
#[derive(Debug)]
pub enum DirectEvent {
    /// A chat is open.
    Opened(Chat),
    /// The other side has said this; it is in the history.
    Came(Arc<Message>),
    /// The other side holds this message of mine; it is in the history.
    Confirmed(Arc<Message>),
    /// Nobody was reached.
    Failed { peer: UserName, why: String },
    /// A chat is over. What was not confirmed may have arrived, or not.
    Ended { peer: UserName, number: u64, why: String, unconfirmed: Vec<Arc<Message>> },
}
