//! The client: `wachat connect`, and the parts that the tools and the bridge share with it. It has the server's shape:
//!
//! ```text
//! terminal ── key or line ──────────┐     owner: App::handle(event) -> records, effects, views
//! sender ──── Answered ─────────────┼──>    records ──> log: one batch, one sync
//! receiver ── LoggedIn, Polled ─────┤       effects ──> sender, receiver: the next request; direct connections
//! direct connections ── DirectEvent ┘       views ────> front end; then Event::Seen or Shown
//! ```
//! - `app`: a deterministic state machine over the state; `state`: the state, over one write-ahead log.
//! - `owner`: the thread that owns both. Two front ends on it: `screen`, the full screen, and `line_mode`. `terminal`:
//!   the parts that both need at a terminal: raw mode, events, the editor, the text of a view.
//! - `connect`: `wachat connect`, from its options to its exit code.
//! - `log`: the log of the full screen, in a file.
//! - `sign_in`: the questions before the first connection: the password, or a new account.
//! - `link`: the two connections to the server. `p2p`: direct chats.
//! - `options`: the options of `wachat connect`. `exit`: the exit codes.
//!
//! README.md in this folder is the page for users: keys, commands, states.
//!
//! **Order.** Nothing is sent, acknowledged, ticked or shown before its records are durable; a message is called shown,
//! and read, only after the screen has shown it. A cut in between repeats a request under the same id or number.
//!
//! **Modes are enums.** `Input`: the next line is read, goes on with others, or waits for an answer; or none is read.
//! `Destination`: where a line without a command goes. `Server`: reachable or away. Each link has its own mode.
//!
//! **No deadlock.** The owner waits only for events, and sends without blocking: each link thread has one request at a
//! time and room for it, each reader of a direct chat one answer. The threads wait for the owner; it waits for none of
//! them. Delays are deadlines of the app, and the owner sleeps until the first.

pub mod app;
mod connect;
pub mod exit;
pub mod line_mode;
pub mod link;
mod log;
pub mod options;
pub(crate) mod owner;
pub mod p2p;
pub mod screen;
pub(crate) mod sign_in;
pub mod state;
pub mod terminal;

pub use connect::run;
pub use exit::{Exit, Failure};
pub use options::{AccountArgs, ConnectArgs, EXAMPLES, HomeArgs, TlsArgs, host, new_password};
