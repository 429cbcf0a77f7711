//! The handshake of a direct connection, from both sides (protocol, section 8).

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use crossbeam_channel::Sender;

use super::callers::Place;
use super::connection::{Connection, Report};
use super::event::DirectEvent;
use super::tls::PeerTls;
use crate::limits;
use crate::model::{Fingerprint, Proof, UserName};
use crate::net::{LineReader, Socket, linger_close};
use crate::protocol::{Codec as _, DirectLine, Hello, Peer};
use crate::texts::{Phrase, words};

/// Connects to a peer on a thread of its own, which reports the outcome and then runs the connection.
pub fn connect(me: UserName, reports: Sender<Report>, tls: Option<Arc<PeerTls>>, peer: UserName, at: Peer) {
    let failing = reports.clone();
    let callee = peer.clone();
    let work = move || match greet(me, tls.as_deref(), at) {
        Ok((socket, lines)) => {
            let (connection, handle) = Connection::new(socket, lines, reports, None);
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

fn greet(me: UserName, tls: Option<&PeerTls>, at: Peer) -> Result<(Arc<Socket>, LineReader), String> {
    let Peer { token, fingerprint, .. } = at;
    let address = SocketAddr::new(at.address, at.port);
    let broken = |error: std::io::Error| format!("{address}: {error}");
    let stream = TcpStream::connect_timeout(&address, limits::TIMEOUT).map_err(broken)?;
    set_up(&stream).map_err(broken)?;
    let socket = Arc::new(match tls {
        None => stream.into(),
        Some(tls) => tls.call(stream, fingerprint)?,
    });
    let mut hello = Vec::new();
    Hello { caller: me, token }.write(&mut hello);
    socket.write_all(&hello).map_err(broken)?;
    // The callee may wait as long for the server's announcement.
    let mut lines = LineReader::new(socket.clone(), limits::TIMEOUT + limits::POLL_MARGIN);
    match lines.next_line().map(DirectLine::parse) {
        Ok(Ok(DirectLine::Admitted)) => Ok((socket, lines)),
        Ok(Ok(DirectLine::Ko(ko))) => Err(words::ko(&ko)),
        Ok(_) => Err(Phrase::NoWachatAt { address: &address }.to_string()),
        Err(_) => Err(Phrase::NoAnswerAt { address: &address }.to_string()),
    }
}

/// Admits a caller whom the server has announced; any other one is answered `KO;AUTH`. The owner decides. A caller has the
/// time-out to say who it is, with the handshake of TLS.
pub fn admit(stream: TcpStream, place: Place, reports: Sender<Report>, tls: Option<&PeerTls>) -> Option<Connection> {
    let deadline = Instant::now() + limits::TIMEOUT;
    set_up(&stream).ok()?;
    let socket = Arc::new(match tls {
        None => stream.into(),
        Some(tls) => tls.answer(stream, deadline).ok()?,
    });
    let fingerprint = socket.peer_certificates().first().map(|certificate| Fingerprint::of(certificate));
    let mut lines = LineReader::new(socket.clone(), deadline.saturating_duration_since(Instant::now()));
    let Some(hello) = Hello::parse(lines.next_line().ok()?) else {
        refuse(&socket);
        return None;
    };
    lines.timeout = limits::TIMEOUT;
    let (connection, handle) = Connection::new(socket.clone(), lines, reports, Some(place));
    let number = connection.number;
    let Hello { caller, token } = hello;
    let proof = Proof { token, fingerprint };
    connection.report(DirectEvent::Called { number, caller, proof }, Some(handle));
    let Ok(answer) = connection.answers.recv_timeout(limits::TIMEOUT) else {
        refuse(&socket);
        connection.close(String::new());
        return None;
    };
    if matches!(answer, DirectLine::Ko(_)) {
        linger_close(&socket, &answer.line());
        connection.close(String::new());
        return None;
    }
    match socket.write_all(&answer.line()) {
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

fn refuse(socket: &Socket) {
    linger_close(socket, &DirectLine::refusal().line());
}
