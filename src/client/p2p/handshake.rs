//! The handshake of a direct connection, from both sides (protocol, section 8).

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;

use crossbeam_channel::Sender;

use super::DirectEvent;
use super::connection::{Connection, Report};
use crate::client::texts::{Phrase, words};
use crate::limits;
use crate::model::{Token, UserName};
use crate::net::{LineReader, linger_close};
use crate::protocol::{Code, Codec as _, DirectLine, Hello, Ko};

/// Connects to a peer on a thread of its own, which reports the outcome and then runs the connection.
pub fn connect(me: UserName, reports: Sender<Report>, peer: UserName, address: SocketAddr, token: Token) {
    let (failing, callee) = (reports.clone(), peer.clone());
    let work = move || match greet(me, address, token) {
        Ok((stream, lines)) => {
            let (connection, handle) = Connection::new(stream, lines, reports);
            if connection.report(DirectEvent::Connected { number: connection.number, peer }, Some(handle)) {
                connection.run();
            }
        }
        // Without an owner the program is ending.
        Err(why) => _ = reports.send(Report { event: DirectEvent::Unreachable { peer, why }, handle: None }),
    };
    if let Err(error) = thread::Builder::new().name("direct caller".to_owned()).spawn(work) {
        let event = DirectEvent::Unreachable { peer: callee, why: error.to_string() };
        // This is the owner's thread: it must not wait for itself.
        let _ = failing.try_send(Report { event, handle: None });
    }
}

fn greet(me: UserName, address: SocketAddr, token: Token) -> Result<(Arc<TcpStream>, LineReader), String> {
    let broken = |error: std::io::Error| format!("{address}: {error}");
    let stream = Arc::new(TcpStream::connect_timeout(&address, limits::TIMEOUT).map_err(broken)?);
    set_up(&stream).map_err(broken)?;
    let mut hello = Vec::new();
    Hello { caller: me, token }.write(&mut hello);
    (&*stream).write_all(&hello).map_err(broken)?;
    // The callee may wait as long for the server's announcement.
    let mut lines = LineReader::new(stream.clone(), limits::TIMEOUT + limits::POLL_MARGIN);
    match lines.next_line().map(DirectLine::parse) {
        Ok(Ok(DirectLine::Admitted)) => Ok((stream, lines)),
        Ok(Ok(DirectLine::Ko(ko))) => Err(words::ko(&ko)),
        Ok(_) => Err(Phrase::NoWachatAt { address: &address }.to_string()),
        Err(_) => Err(Phrase::NoAnswerAt { address: &address }.to_string()),
    }
}

/// Admits a caller whom the server has announced; any other one is answered `KO;AUTH`. The owner decides.
pub fn admit(stream: TcpStream, reports: Sender<Report>) -> Option<Connection> {
    set_up(&stream).ok()?;
    let stream = Arc::new(stream);
    let mut lines = LineReader::new(stream.clone(), limits::TIMEOUT);
    let Some(hello) = Hello::parse(lines.next_line().ok()?) else {
        refuse(&stream);
        return None;
    };
    let (connection, handle) = Connection::new(stream.clone(), lines, reports);
    let (number, Hello { caller, token }) = (connection.number, hello);
    connection.report(DirectEvent::Called { number, caller, token }, Some(handle));
    let Ok(answer) = connection.answers.recv_timeout(limits::TIMEOUT) else {
        refuse(&stream);
        connection.close(String::new());
        return None;
    };
    match (&*stream).write_all(&answer.line()) {
        Ok(()) => Some(connection),
        Err(error) => {
            connection.close(error.to_string());
            None
        }
    }
}

fn set_up(stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true).and_then(|()| stream.set_write_timeout(Some(limits::TIMEOUT)))
}

fn refuse(stream: &TcpStream) {
    let ko = Ko::new(Code::Auth, "no caller with this name and token is expected");
    linger_close(stream, &DirectLine::Ko(ko).line());
}
