//! `wachat chaos`: a proxy between clients and a server that disturbs records and connections, and says what it did.
//!
//! ```text
//! client ── line ──> wire: Record ──> decide: rules, random plan, or replay ──> faults ──> server
//!                                        └─> log, summary, terminal
//! ```
//! - `record`: what passes, in the words of the rules. `rule`, `parse`, `cursor`: the rules. `fault`: what can happen.
//! - `decide`: which faults a record has; `plan`: random ones, `random`: their numbers; `decisions`: log and replay.
//! - `network`: what all connections share; `gate`: records that are held; `answers`: SENDs that were answered.
//! - `wire`: one connection, a thread for each direction; `lines`: its input; `pending`: its unanswered requests; `side`:
//!   one of its two sockets, with its trace.
//!
//! The server is a real one and so are the clients: nothing here knows what they are to do about a fault. Of the
//! protocol the proxy knows where lines and replies end, and which request a reply answers.
//!
//! **Replay.** A decision depends on the record and its place, never on the time, and the log has each decision. A replay
//! takes the same decisions at the same places. The threads of the programs are not replayed.
//!
//! **Bounds.** Connections, users, decisions, remembered requests and each line are bounded (`limits`).

mod answers;
mod cursor;
mod decide;
mod decisions;
mod fault;
mod gate;
mod lines;
mod network;
mod parse;
mod pending;
mod plan;
mod random;
mod record;
mod rule;
mod side;
mod wire;

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use crate::net::{self, Listening};
use crate::protocol::Port;
use network::Network;

pub use cursor::RuleError;
pub use decide::Source;
pub use decisions::{Decision, Log, Script};
pub use fault::{Fault, Until};
pub use network::{Config, Notice, Summary};
pub use parse::parse;
pub use random::Random;
pub use rule::{GRAMMAR, Rule};

/// A proxy that runs. When it is dropped it accepts no more connections.
pub struct Proxy {
    network: Arc<Network>,
    listening: [Listening; 2],
}

impl Proxy {
    pub fn start(config: Config) -> Result<Self, String> {
        let bind = |address: SocketAddr| {
            TcpListener::bind(address).map_err(|error| format!("cannot listen on {address}: {error}"))
        };
        let [send, recv] = config.listen;
        let send = bind(send)?;
        let recv = bind(recv)?;
        let network = Arc::new(Network::new(config));
        let listen = |listener, port| listen(&network, listener, port).map_err(|error| format!("no thread: {error}"));
        let listening = [listen(send, Port::Send)?, listen(recv, Port::Recv)?];
        Ok(Self { network, listening })
    }

    /// Returns the addresses that stand for the SEND port and the RECV port.
    pub fn addresses(&self) -> [SocketAddr; 2] {
        self.listening.each_ref().map(Listening::address)
    }

    /// Ends the random faults: connections that begin from now on have none.
    pub fn heal(&self) {
        self.network.decider.heal();
    }

    /// Releases the records that are held until the Enter key.
    pub fn enter(&self) {
        self.network.gate.enter();
    }

    pub fn summary(&self) -> Summary {
        self.network.summary()
    }
}

impl Drop for Proxy {
    /// Connections that are open end with their clients.
    fn drop(&mut self) {
        self.listening.iter_mut().for_each(Listening::stop);
    }
}

fn listen(network: &Arc<Network>, listener: TcpListener, port: Port) -> io::Result<Listening> {
    let network = network.clone();
    net::listen(listener, "chaos", move |client: TcpStream, _| {
        let Some(guard) = network.enter() else {
            network.report("there are too many connections: one was refused".to_owned());
            let _ = io::Write::write_all(&mut &client, b"KO;FULL;too many connections of the proxy\n");
            return;
        };
        let shared = network.clone();
        let carry = move || {
            let _guard = guard;
            wire::carry(&shared, port, client);
        };
        if let Err(error) = thread::Builder::new().spawn(carry) {
            network.report(format!("no thread for a connection: {error}"));
        }
    })
}
