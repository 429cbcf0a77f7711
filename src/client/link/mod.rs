//! The two connections to the server, each on a thread of its own.
//!
//! ```text
//! owner ── Request ──> sender thread   ── Answered ──────> owner
//! owner ── Poll ─────> receiver thread ── LoggedIn, Polled ──> owner
//! ```
//! The threads hold no state of the client. Each is given its next request when the owner has the answer to the last
//! one; the owner decides when to try again (`backoff`).
//!
//! - `session`: one logged-in connection.
//! - `account`: the user and the server. `device`: this client as one of the user's devices, and its key.
//! - `request`: the requests on the SEND port and their answers, and the reports of the threads. `perform` carries them
//!   out; `lists`: those whose answer comes in pages; `passwd`: a change of the password; `taking_back`: a message that is taken back. `sender`, `receiver`: the threads.
//! - `servers`: the servers that are one, and which of them leads. `server_file`: where they are remembered.
//! - `protection`: TLS, or clear text where it is no danger unnoticed. `trust`: whether a server's certificate is trusted.
//!   `known_servers`: the certificates that servers had.
//! - `error`: the errors between client and server.

pub mod account;
pub mod backoff;
pub mod device;
pub mod error;
pub mod known_servers;
pub mod lists;
pub mod passwd;
pub mod perform;
pub mod protection;
pub mod receiver;
pub mod request;
pub mod sender;
pub mod server_file;
pub mod servers;
pub mod session;
mod taking_back;
pub mod trust;
