//! Which connections there are, and whether there is room for one more.

use std::collections::HashMap;
use std::net::{IpAddr, TcpStream};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use super::connection::{CloseReason, Connection, turn_away};
use crate::limits;
use crate::state_machine::ConnectionId;

#[derive(Default)]
pub(super) struct ConnectionTable {
    state: Mutex<State>,
    emptied: Condvar,
}

#[derive(Default)]
struct State {
    last: u64,
    connections: HashMap<ConnectionId, Arc<Connection>>,
    per_address: HashMap<IpAddr, usize>,
}

impl ConnectionTable {
    /// Takes a connection in, or turns it away.
    pub fn admit(&self, stream: TcpStream, peer: IpAddr) -> Option<Arc<Connection>> {
        let mut state = self.state.lock();
        let here = state.per_address.get(&peer).copied().unwrap_or(0);
        if state.connections.len() >= limits::CONNECTIONS || here >= limits::CONNECTIONS_PER_ADDRESS {
            turn_away(&stream, "the server has too many connections; try later");
            return None;
        }
        state.last += 1;
        let connection = Arc::new(Connection::new(ConnectionId(state.last), peer, stream));
        state.connections.insert(connection.id, connection.clone());
        state.per_address.insert(peer, here + 1);
        Some(connection)
    }

    pub fn leave(&self, connection: &Connection) {
        let mut state = self.state.lock();
        state.connections.remove(&connection.id);
        if let Some(here) = state.per_address.get_mut(&connection.peer) {
            *here -= 1;
            if *here == 0 {
                state.per_address.remove(&connection.peer);
            }
        }
        if state.connections.is_empty() {
            self.emptied.notify_all();
        }
    }

    /// Does something with a connection, if it has not left.
    pub fn with(&self, id: ConnectionId, act: impl FnOnce(&Connection)) {
        let connection = self.state.lock().connections.get(&id).cloned();
        if let Some(connection) = connection {
            act(&connection);
        }
    }

    pub fn end_all(&self, ending: CloseReason) {
        let connections: Vec<_> = self.state.lock().connections.values().cloned().collect();
        for connection in connections {
            connection.end(ending.clone());
        }
    }

    /// Waits until every connection has left, but not longer than this.
    pub fn wait_until_empty(&self, deadline: Instant) {
        let mut state = self.state.lock();
        while !state.connections.is_empty() {
            if self.emptied.wait_until(&mut state, deadline).timed_out() {
                return;
            }
        }
    }
}
