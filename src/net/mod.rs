//! Sockets without meaning: lines with deadlines, listening, sending without waiting, TLS, and the framing of WebSockets.

mod certificate;
mod line;
mod listen;
mod local;
mod outgoing;
mod socket;
mod straggler;
mod timed;
mod tls;
mod tls_config;
mod validity;
mod web_socket;

pub use certificate::Identity;
pub use line::{LineError, LineReader, drain_input, linger_close};
pub use listen::{Listening, listen, reachable};
pub use local::listen_locally;
pub use outgoing::{Backlog, Outgoing, Progress, Stragglers};
pub use socket::Socket;
pub use straggler::start_stragglers;
pub use timed::TimedStream;
pub use tls::is_clear_text;
pub use tls_config::{client_config, crypto, peer_configs, server_config};
pub use web_socket::{CloseCode, FramingEnd, Pinged, find_framing_end};
