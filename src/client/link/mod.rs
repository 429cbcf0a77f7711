//! The two connections to the server, each on a thread of its own.
//!
//! ```text
//! owner ── Request ──> sender thread   ── Answered ──────> owner
//! owner ── Poll ─────> receiver thread ── LoggedIn, Polled ──> owner
//! ```
//! The threads hold no state of the client. Each is given its next request when the owner has the answer to the last
//! one; the owner decides when to try again (`backoff`).
//!
//! - `account`: the user and the server. `session`: one logged-in connection.
//! - `request`: the requests on the SEND port and their answers. `catch_up`: the messages of a gap.
//! - `sender`, `receiver`: the threads.

pub mod account;
pub mod backoff;
mod catch_up;
pub mod error;
pub mod receiver;
pub mod request;
pub mod sender;
pub mod session;

use std::collections::HashMap;

use crate::client::state::CaughtUp;
use crate::model::Seq;
use crate::protocol::{Event, Ko, SessionOpened};
use error::LinkError;
use request::{Answer, Request};

/// A report of one of the two threads.
#[derive(Debug)]
pub enum LinkEvent {
    /// The sender's answer to its one request.
    Answered(Request, Result<Answer, LinkError>),
    /// The receiver has a RECV session, and this is the reply to its login.
    LoggedIn(SessionOpened),
    /// The receiver's answer to its one poll.
    Polled(Result<Polled, Ko>),
    /// The receiver has no session.
    ReceiverFailed(LinkError),
}

/// The events of a poll, and the messages that were fetched for the gaps among them, by the gaps' numbers.
#[derive(Debug, Default)]
pub struct Polled {
    pub events: Vec<Event>,
    pub fetched: HashMap<Seq, CaughtUp>,
}
