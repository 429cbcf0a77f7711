//! Connections as they come in: each gets its reader thread, or a KO.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::connection::Connection;
use super::reader;
use super::refusal::refuse;
use crate::limits;
use crate::protocol::{Code, Ko, Port};
use crate::server::audit::{self, ConnectionRefusal};
use crate::server::shared::Shared;
use crate::state_machine::ConnectionId;
use crate::trace::{self, Traced};

/// Gives a connection its reader thread, or refuses it.
pub(crate) fn accept(shared: &Arc<Shared>, port: Port, stream: TcpStream, peer: SocketAddr) {
    // Without it the connection is only slower.
    let _ = stream.set_nodelay(true);
    let strangers = max_strangers(shared, peer.ip());
    let Some(slot) = shared.connections.admit(Some(peer.ip()), Some(port), strangers) else {
        note_refused(shared, Some(port), peer.ip(), ConnectionRefusal::TooMany);
        return refuse(&stream, Ko::new(Code::Full, "the server has too many connections; try later"));
    };
    shared.metrics.accepted_connections.of(Some(port)).add(1);
    let id = next_id(shared);
    let trace = shared.trace.as_ref();
    let trace = trace.and_then(|trace| Traced::open(trace, trace::Role::Server, port, &stream));
    let socket = match &shared.tls {
        None => Ok(stream.into()),
        Some(tls) => tls.accept(stream),
    };
    let socket = match socket {
        Ok(socket) => socket,
        Err(error) => return log::warn!("no TLS for {peer}: {error}"),
    };
    let connection = Arc::new(Connection::new(id, port, peer.ip(), Arc::new(socket), slot, trace));
    let of_reader = shared.clone();
    let reading = connection.clone();
    let read = move || reader::serve(&of_reader, &reading);
    let thread = std::thread::Builder::new().stack_size(limits::CONNECTION_STACK).spawn(read);
    if let Err(error) = thread {
        // The audit log has a line, which clients cannot flood.
        log::debug!("no thread for {peer}: {error}");
        note_refused(shared, Some(port), peer.ip(), ConnectionRefusal::NoThread);
        let full = Ko::new(Code::Full, "the server has no thread left; try later");
        refuse(connection.outgoing.socket().tcp(), full);
    }
}

/// Returns how many connections of an address may be open that have not logged in.
pub(crate) fn max_strangers(shared: &Shared, address: IpAddr) -> usize {
    let is_banned = shared.banned.find(address).is_some();
    if is_banned { limits::BANNED_PER_ADDRESS } else { limits::STRANGERS_PER_ADDRESS }
}

/// Returns the id of the next connection.
pub(crate) fn next_id(shared: &Shared) -> ConnectionId {
    ConnectionId(shared.accepted.fetch_add(1, Ordering::Relaxed) + 1)
}

/// Counts a connection that is not served, and has it in the audit log. `port`: `None` on the web port, before the upgrade.
pub(crate) fn note_refused(shared: &Shared, port: Option<Port>, from: IpAddr, reason: ConnectionRefusal) {
    shared.metrics.refused_connections.of(port).add(1);
    shared.metrics.count_refusal(Code::Full);
    shared.audit.note(audit::Event::ConnectionRefused { from, port, reason });
}
