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
//! - `catch_up` fetches what a `GAP` stands for.
//! - `session` is one connection; `sender` and `receiver` each own one; `agenda` tells the sender
//!   what to do; `backoff` how long to wait.
//! - `direct`: chats from client to client; it has a page of its own.
//! - `event` in, `app` (with `parse`, `commands`, `obey`, `news`) decides, `view` out.
//! - `texts`: what it says, in three languages. `rooms`, `find`: what the app does
//!   about rooms, and about finding and hiding.
//! - `display`, `screen`, `keyboard`, `plain`: the line mode. Another user interface replaces these.
//!
//! What holds throughout: nothing is sent before it is in the outbox, nothing is acknowledged or
//! ticked before it is in the history, and nothing is called shown before it was.

pub mod account;
pub(crate) mod agenda;
mod app;
pub(crate) mod backoff;
mod catch_up;
pub mod commands;
pub mod conversation;
mod direct;
pub(crate) mod display;
mod entry;
pub mod error;
pub(crate) mod event;
pub(crate) mod exit;
mod find;
pub mod history;
pub mod home;
mod keyboard;
pub(crate) mod ledger;
mod memory;
mod news;
mod obey;
pub(crate) mod options;
pub mod outbox;
mod parse;
pub(crate) mod plain;
pub(crate) mod questions;
pub(crate) mod receiver;
mod rooms;
mod screen;
pub(crate) mod sender;
pub(crate) mod session;
mod take_over;
pub mod texts;
mod view;

pub use exit::Exit;
pub(crate) use home::make_directories;
pub use options::{AccountArgs, ConnectArgs, HomeArgs, new_password};
pub use plain::run;
pub(crate) use receiver::read_greeting;
