//! The proxy's two ends of a pair of connections, to the client and to the server, as its trace records them. Without a
//! trace nothing is recorded.

use std::net::TcpStream;

use super::record::Direction;
use crate::protocol::{LoggedIn, Port, parse_reply};
use crate::trace::{By, Role, Trace, Traced};

#[derive(Default)]
pub(super) struct Ends {
    client: Option<Traced>,
    server: Option<Traced>,
}

impl Ends {
    /// Records that a client has connected.
    pub fn open(trace: Option<&Trace>, port: Port, client: &TcpStream) -> Self {
        let client = trace.and_then(|trace| Traced::open(trace, Role::Server, port, client));
        Self { client, server: None }
    }

    /// Records the connection to the server that carries the lines of this client.
    pub fn open_server(&mut self, port: Port, server: &TcpStream) {
        self.server = self.client.as_ref().and_then(|client| client.open_next(port, server));
    }

    /// Returns the end that receives in this direction.
    fn source(&self, way: Direction) -> Option<&Traced> {
        if way == Direction::ToServer { self.client.as_ref() } else { self.server.as_ref() }
    }

    /// Returns the end that sends in this direction.
    fn target(&self, way: Direction) -> Option<&Traced> {
        if way == Direction::ToServer { self.server.as_ref() } else { self.client.as_ref() }
    }

    pub fn received(&self, way: Direction, line: &[u8]) {
        if let Some(end) = self.source(way) {
            end.received(line.strip_suffix(b"\n").unwrap_or(line));
        }
    }

    /// Records lines, or the beginning of one, that are about to be sent. `is_login`: what they are a copy of was the
    /// first line of the client, in which the password may be anywhere.
    pub fn sent(&self, way: Direction, lines: &[u8], is_login: bool) {
        match self.target(way) {
            Some(end) if is_login && !lines.is_empty() => end.sent_login(lines),
            Some(end) if !lines.is_empty() => end.sent(lines),
            _ => {}
        }
    }

    /// Takes the name of the user from the reply to a login.
    pub fn log_in(&self, reply: &[u8]) {
        let Ok(Ok(LoggedIn { user })) = parse_reply(reply) else { return };
        for end in [&self.client, &self.server].into_iter().flatten() {
            end.set_user(user.shown());
        }
    }

    /// Records that the source of this direction has closed its connection.
    pub fn source_closed(&self, way: Direction) {
        if let Some(end) = self.source(way) {
            end.close(By::Peer, "");
        }
    }

    /// Records that the proxy closes the connection to the target of this direction. `why`: the fault, or empty.
    pub fn close_target(&self, way: Direction, why: &str) {
        if let Some(end) = self.target(way) {
            end.close(By::Local, why);
        }
    }
}
