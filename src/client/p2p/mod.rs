//! Direct chats: from client to client, without the server (protocol, section 8).
//!
//! ```text
//! listener ── accepts ──> a thread a caller: HELLO, admitted? ─┐
//! a thread a call: connects, HELLO ────────────────────────────┴> reads lines ── DirectEvent ──> owner
//!                           owner ── Action ──> answers of the reader, lines of the writer thread ──> socket
//! ```
//! - `handshake`: HELLO and its answer, from both sides. `listener`: the port where callers connect.
//! - `tls`: the certificate of this client, and that of the peer.
//! - `connection`: an open one: its two threads, and what the owner holds of it. `network`: all of them.
//! - `event`: the reports of the threads, and the actions of the app.
//! - `callers`: how many callers there may be, and from each address, whom the user has not accepted.
//!
//! A reader that has reported a message waits for the owner's answer, and hands it to the writer. So the answer
//! leaves only when the message is durable, and a peer that takes nothing is read no further. Nor is one whom the user has
//! not accepted: the app keeps its first message unanswered.

mod callers;
mod connection;
pub mod event;
mod handshake;
mod listener;
pub mod network;
mod tls;

pub use listener::Listener;
pub use tls::PeerTls;
