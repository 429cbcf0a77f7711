//! The RECV port: log in, then polls (protocol, section 6).

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::connection::{CloseReason, Connection};
use super::{Shared, history_reader, login};
use crate::net::LineReader;
use crate::protocol::{Code, Ko, RecvRequest, Reply};
use crate::state_machine::{Answer, Command};

/// Serves one connection to its end.
pub(super) fn serve(shared: &Shared, connection: &Arc<Connection>) {
    let mut lines = LineReader::new(connection.stream.clone(), shared.timeout);
    let ending = talk(shared, connection, &mut lines);
    // Also where no session began: then nothing happens.
    let _ = shared.tell(connection, Command::Closed);
    connection.close(ending);
}

fn talk(shared: &Shared, connection: &Arc<Connection>, lines: &mut LineReader) -> CloseReason {
    match lines.next_line().map_err(CloseReason::from).and_then(|line| open(shared, connection, line)) {
        Ok(()) => {}
        Err(ending) => return ending,
    }
    // Watched from here on, so that the session it concerns is there.
    if let Err(error) = shared.hang_ups.watch(&connection.stream, connection.id.0) {
        log::warn!("{} is not watched for a hang-up: {error}", connection.id);
    }
    loop {
        if let Err(ending) =
            lines.next_line().map_err(CloseReason::from).and_then(|line| answer(shared, connection, line))
        {
            return ending;
        }
    }
}

fn open(shared: &Shared, connection: &Arc<Connection>, line: &[u8]) -> Result<(), CloseReason> {
    let order = shared.logins.fetch_add(1, Ordering::Relaxed);
    let user = login::log_in(shared, connection, line)?;
    let address = connection.peer.to_canonical();
    match shared.ask(connection, Command::Open { user, order, address })?.into_reply()? {
        Reply::Ko(ko) => Err(CloseReason::Ko(ko)),
        reply => write(connection, &reply),
    }
}

fn answer(shared: &Shared, connection: &Arc<Connection>, line: &[u8]) -> Result<(), CloseReason> {
    match RecvRequest::parse(line) {
        Ok(RecvRequest::Poll { wait: Some(wait), .. }) if wait > shared.longest_wait() => {
            let form = format!("a poll waits at most {} seconds here", shared.longest_wait());
            write(connection, &Reply::Ko(Ko::new(Code::Syntax, form)))
        }
        Ok(RecvRequest::Poll { after, wait, max }) => {
            let reply = match shared.ask(connection, Command::Poll { after, wait, max })? {
                Answer::Events(delivery) => {
                    Reply::Events(history_reader::delivered(&shared.store, delivery).map_err(CloseReason::internal)?)
                }
                answer => answer.into_reply()?,
            };
            write(connection, &reply)
        }
        Ok(RecvRequest::Port { port }) => {
            let reply = shared.ask(connection, Command::Port { port })?.into_reply()?;
            write(connection, &reply)
        }
        Ok(RecvRequest::Ping) => write(connection, &Reply::Done),
        Ok(RecvRequest::Quit) => {
            write(connection, &Reply::Done)?;
            Err(CloseReason::Quit)
        }
        Err(error) => write(connection, &Reply::Ko(Ko::new(Code::Syntax, error))),
    }
}

fn write(connection: &Connection, reply: &Reply) -> Result<(), CloseReason> {
    let mut out = Vec::new();
    reply.write(&mut out);
    (&*connection.stream).write_all(&out).map_err(|_| CloseReason::Silent)
}
