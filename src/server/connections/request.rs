//! A request as the reader thread hands it over.

use crate::protocol::request::{INVALID_COST, RequestError};
use crate::protocol::{RecvRequest, SendRequest};

/// One line after the login line, as the reader thread has parsed it.
#[derive(Debug, PartialEq)]
pub(crate) enum Request {
    Send(SendRequest),
    Recv(RecvRequest),
    Quit,
    Invalid(RequestError),
}

impl Request {
    /// Returns the tokens that the request costs (protocol, section 4).
    pub fn tokens(&self) -> u32 {
        match self {
            Self::Send(request) => request.cost(),
            Self::Recv(request) => request.cost(),
            Self::Quit => 0,
            Self::Invalid(_) => INVALID_COST,
        }
    }
}

/// A request, and the length of its line in bytes.
#[derive(Debug)]
pub(crate) struct Received {
    pub request: Request,
    pub bytes: usize,
}
