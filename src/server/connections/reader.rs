//! The reader thread of a connection: it cuts the input into lines, parses them and enqueues requests for the router.
//! It never waits for a reply, so it notices at once when the client closes.

use std::sync::Arc;
use std::thread;

use super::connection::{CloseReason, Connection, Window};
use super::refusal::refuse;
use super::request::{Received, Request};
use crate::limits;
use crate::net::{LineError, LineReader, drain_input};
use crate::protocol::{Code, Port, RecvRequest, SendRequest};
use crate::server::auth::login;
use crate::server::router::input::Input;
use crate::server::shared::Shared;

/// Reads from one connection until it ends.
pub(crate) fn serve(shared: &Arc<Shared>, connection: &Arc<Connection>) {
    connection.outgoing.register_reader();
    if !announce(shared, connection) {
        return;
    }
    let mut reader = Reader {
        shared,
        connection,
        lines: LineReader::new(connection.outgoing.socket().clone(), shared.timeout),
        window: Window::new(connection),
    };
    let ended = reader.read_login().map(|()| reader.read_requests());
    finish(shared, connection, ended);
}

/// Gives the connection to the router. `false`: the server has stopped.
///
/// Not inlined, nor are [`finish`] and [`enqueue`]: under the call that waits for a line, the stack would hold what they
/// hand to the router.
#[inline(never)]
fn announce(shared: &Shared, connection: &Arc<Connection>) -> bool {
    shared.router.send(Input::Accepted(connection.clone())).is_ok()
}

/// Tells the router that the requests have ended, or that the login has failed, and waits until the connection is closed.
#[inline(never)]
fn finish(shared: &Shared, connection: &Connection, ended: Result<CloseReason, CloseReason>) {
    let ended = match ended {
        Ok(reason) => Input::ReadingEnded(connection.id, reason),
        Err(reason) => Input::ReadingFailed(connection.id, reason),
    };
    let gone = ended.client_is_gone() && !connection.outgoing.is_closed();
    if shared.router.send(ended).is_ok() && !gone {
        // The client may still be sending: the last line shall reach it.
        connection.outgoing.wait_until_closed();
        drain_input(connection.outgoing.socket());
    }
}

struct Reader<'a> {
    shared: &'a Arc<Shared>,
    connection: &'a Arc<Connection>,
    lines: LineReader,
    window: Window<'a>,
}

impl Reader<'_> {
    fn read_login(&mut self) -> Result<(), CloseReason> {
        self.lines.max_line = limits::LOGIN_BYTES;
        let line = self.lines.next_line().inspect_err(|error| {
            if matches!(error, LineError::ClearText) {
                // The one line that a client without TLS can read.
                refuse(self.connection.outgoing.socket().tcp(), Code::Tls.into());
            }
        })?;
        self.connection.trace_received(line);
        self.window.add(line.len());
        // Not sooner: before the handshake of TLS nothing can be said, and a client may be writing its line.
        // Until a server leads, it does not know the newest accounts, and would refuse a password that is right.
        if let Some(ko) = self.shared.servers.lock().redirect() {
            return Err(ko.into());
        }
        login::start(self.shared, self.connection, line)
    }

    /// Enqueues requests until QUIT, an error, or the end of the input.
    fn read_requests(&mut self) -> CloseReason {
        self.lines.max_line = limits::LINE_BYTES;
        loop {
            self.window.wait_for_room();
            self.connection.pause_if_too_fast();
            let line = match self.lines.next_line_since(|| self.window.idle_since()) {
                Ok(line) => line,
                Err(error) => return error.into(),
            };
            self.connection.trace_received(line);
            self.window.add(line.len());
            if let Err(reason) = enqueue(self.shared, self.connection, line) {
                return reason;
            }
        }
    }
}

/// Enqueues a request. An error: it is the last one, or the server has stopped.
#[inline(never)]
fn enqueue(shared: &Shared, connection: &Connection, line: &[u8]) -> Result<(), CloseReason> {
    let received = Received { request: parse(connection.port, line), bytes: line.len() };
    let is_last = received.request == Request::Quit;
    shared.router.send(Input::Request(connection.id, received)).map_err(|_| CloseReason::Closed)?;
    if is_last { Err(CloseReason::Quit) } else { Ok(()) }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.shared.tell_router(Input::ReadingFailed(self.connection.id, CloseReason::Closed));
        }
    }
}

fn parse(port: Port, line: &[u8]) -> Request {
    let request = match port {
        Port::Send => SendRequest::parse(line).map(Request::Send),
        Port::Recv => RecvRequest::parse(line).map(Request::Recv),
    };
    match request {
        Ok(Request::Send(SendRequest::Quit) | Request::Recv(RecvRequest::Quit)) => Request::Quit,
        Ok(request) => request,
        Err(error) => Request::Invalid(error),
    }
}
