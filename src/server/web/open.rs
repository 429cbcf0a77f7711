//! The connections to the web port before their upgrade. The router does not know them: a stop cuts them off here.

use std::collections::HashMap;
use std::net::Shutdown;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::net::Socket;

#[derive(Default)]
pub(super) struct OpenSockets(Mutex<State>);

#[derive(Default)]
struct State {
    sockets: HashMap<u64, Weak<Socket>>,
    last: u64,
    is_stopped: bool,
}

/// Notes one of them until it is dropped.
pub(super) struct Noted {
    open: Arc<OpenSockets>,
    number: u64,
}

impl OpenSockets {
    /// Notes a socket. `None`: there are to be none any more.
    pub fn note(self: &Arc<Self>, socket: &Arc<Socket>) -> Option<Noted> {
        let mut state = self.0.lock();
        if state.is_stopped {
            return None;
        }
        state.last += 1;
        let number = state.last;
        state.sockets.insert(number, Arc::downgrade(socket));
        Some(Noted { open: self.clone(), number })
    }

    /// Closes all of them, and those that come.
    pub fn stop(&self) {
        let mut state = self.0.lock();
        state.is_stopped = true;
        for socket in state.sockets.values().filter_map(Weak::upgrade) {
            // The peer may have closed it already.
            let _ = socket.tcp().shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        self.open.0.lock().sockets.remove(&self.number);
    }
}
