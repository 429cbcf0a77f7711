//! The client: `wachat connect`.
//!
//! ```text
//! keyboard thread ─ lines ─┐
//! sender thread ── events ─┼─> main thread: App::handle(event) -> views -> screen
//! receiver thread ─ events ┘        │ queues          │ bell
//!        │ history                  v                 v
//!        └──────────────> Home: outbox, history <─ sender thread
//! ```
//! - `account`, `options`, `exit`: who, where, what was asked for, how it ended.
//! - `ledger` is one append-only file; `outbox` and `history` (with `entry`, `memory`,
//!   `conversation`) say what two of them mean; `home` holds both, locked, and `take_over` brings
//!   together what several programs of one user left.
//! - `session` is one connection; `sender` and `receiver` each own one; `agenda` tells the sender
//!   what to do; `backoff` how long to wait.
//! - `event` in, `app` (with `commands`, `obey`, `news`) decides, `view` out.
//! - `display`, `screen`, `keyboard`, `plain`: the line mode. Another user interface replaces these.
//!
//! What holds throughout: nothing is sent before it is in the outbox, nothing is acknowledged or
//! ticked before it is in the history, and nothing is called shown before it was.

pub mod account;
mod agenda;
mod app;
mod backoff;
mod commands;
pub mod conversation;
mod display;
mod entry;
pub mod error;
mod event;
mod exit;
pub mod history;
pub mod home;
mod keyboard;
mod ledger;
mod memory;
mod news;
mod obey;
mod options;
#[cfg_attr(feature = "planted-bugs", path = "../../tests/planted/outbox.rs")]
pub mod outbox;
mod plain;
mod questions;
mod receiver;
mod screen;
mod sender;
mod session;
mod take_over;
mod view;

pub use exit::Exit;
pub use options::{ConnectArgs, new_password};
pub use plain::run;
