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
//! - `request`: the requests on the SEND port and their answers. `lists`: those that come in pages; `find`: those that
//!   take a second look; `passwd`: a change of the password. `sender`, `receiver`: the threads.
//! - `protection`: TLS, or clear text where it is no danger unnoticed. `trust`: whether a server's certificate is trusted.
//!   `known_servers`: the certificates that servers had.
//! - `error`: the errors between client and server.

pub mod backoff;
pub mod error;
pub mod find;
pub mod known_servers;
pub mod lists;
pub mod passwd;
pub mod protection;
pub mod receiver;
pub mod request;
pub mod sender;
pub mod session;
pub mod trust;

use crate::client::exit::note;
use crate::model::UserName;
use crate::protocol::{Event, Ko, SessionOpened};
use crate::trace::Trace;
use error::LinkError;
use protection::Protection;
use request::{Answer, Request};

/// A user at a server.
#[derive(Clone)]
pub struct Account {
    pub user: UserName,
    pub password: String,
    pub server: String,
    pub send_port: u16,
    pub recv_port: u16,
    /// A login that is refused may make the account.
    pub register: bool,
    /// Records every line, if there is one.
    pub trace: Option<Trace>,
    pub protection: Protection,
}

impl Account {
    /// Returns the server's name for messages to people, and for the name of the files' directory.
    pub fn server_name(&self) -> String {
        server_name(&self.server, self.send_port)
    }

    /// Returns, once, that the server's certificate was seen for the first time.
    pub fn take_news(&self) -> Option<String> {
        self.protection.take_news()
    }

    /// Writes it to standard error.
    pub fn note_news(&self) {
        self.take_news().into_iter().for_each(|news| note(&news));
    }
}

/// Returns the name of the server with this host and SEND port.
pub fn server_name(host: &str, send_port: u16) -> String {
    format!("{host}:{send_port}")
}

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
