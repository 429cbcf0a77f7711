//! The reports of the two threads.

use super::error::LinkError;
use super::request::{Answer, Request};
use crate::protocol::{Event, Ko, SessionOpened};

/// A report of one of the two threads.
#[derive(Debug)]
pub enum LinkEvent {
    /// The sender's answer to its one request.
    Answered(Request, Result<Answer, LinkError>),
    /// The receiver has a RECV session, and this is the reply to its login.
    LoggedIn(SessionOpened),
    /// The server's certificate was seen for the first time.
    News(String),
    /// The receiver's answer to its one poll.
    Polled(Result<Vec<Event>, Ko>),
    /// The receiver has no session.
    ReceiverFailed(LinkError),
}
