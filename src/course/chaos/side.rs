//! One side of a pair of connections: the proxy's socket to the client or to the server, and what its trace records of it.
//! Without a trace nothing is recorded.

use std::net::TcpStream;

use crate::trace::{By, Traced};

pub(super) struct Side {
    pub socket: TcpStream,
    pub trace: Option<Traced>,
}

impl Side {
    pub fn received(&self, line: &[u8]) {
        if let Some(trace) = &self.trace {
            trace.received(line.strip_suffix(b"\n").unwrap_or(line));
        }
    }

    /// Records lines, or the beginning of one, that are about to be sent. `is_login`: what they are a copy of was the
    /// first line of the client, in which the password may be anywhere.
    pub fn sent(&self, lines: &[u8], is_login: bool) {
        match &self.trace {
            Some(trace) if is_login && !lines.is_empty() => trace.sent_login(lines),
            Some(trace) if !lines.is_empty() => trace.sent(lines),
            _ => {}
        }
    }

    /// Records the end of the connection. `why`: the fault, or empty.
    pub fn closed(&self, by: By, why: &str) {
        if let Some(trace) = &self.trace {
            trace.close(by, why);
        }
    }
}
