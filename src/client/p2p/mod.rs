//! Direct chats: from client to client, without the server (protocol, section 8).
//!
//! ```text
//! listener ── accepts ──> a thread a caller: HELLO, admitted? ─┐
//! a thread a call: connects, HELLO ────────────────────────────┴> reads lines ── DirectEvent ──> owner
//!                           owner ── Action ──> answers of the reader, lines of the writer thread ──> socket
//! ```
//! - `tokens`: the callers that the server has announced; the app admits each once, within 30 seconds.
//! - `handshake`: HELLO and its answer, from both sides. `listener`: the port where callers connect.
//! - `connection`: an open one: its two threads, and what the owner holds of it.
//! - `network`: all of them; it carries out the app's actions.
//!
//! A reader that has reported a message waits for the owner's answer, and hands it to the writer. So the answer
//! leaves only when the message is durable, and a peer that takes nothing is read no further.

mod connection;
mod handshake;
mod listener;
mod network;
pub mod tokens;

use std::net::SocketAddr;

pub use listener::Listener;
pub use network::Network;

use crate::model::{MessageId, Text, Token, UserName};
use crate::protocol::DirectLine;

/// A report of the threads of a direct connection. `number` tells the connections apart.
#[derive(Debug)]
pub enum DirectEvent {
    /// A caller shows a token, and waits.
    Called { number: u64, caller: UserName, token: Token },
    /// The peer has admitted this client.
    Connected { number: u64, peer: UserName },
    /// The peer was not reached, or does not admit this client.
    Unreachable { peer: UserName, why: String },
    /// The peer has sent a message, and waits for the answer that it is durable.
    Said { number: u64, id: MessageId, text: Text },
    /// The peer holds this message.
    Confirmed { number: u64, id: MessageId },
    /// The connection is closed; `why` is empty where the peer just left.
    Closed { number: u64, why: String },
}

/// An action of the app on direct connections.
#[derive(Debug)]
pub enum Action {
    /// Calls a peer.
    Connect { peer: UserName, address: SocketAddr, token: Token },
    /// Answers what a connection reported last.
    Answer { number: u64, line: DirectLine },
    /// Sends a message.
    Say { number: u64, id: MessageId, text: Text },
    /// Closes a connection.
    Close { number: u64 },
}
