//! Direct chats: from client to client, without the server (protocol, section 8).
//!
//! ```text
//! listener ── accepts ──> a thread a caller: HELLO, admitted? ─┐
//! a thread a call: connects, HELLO ────────────────────────────┴> reads lines ── DirectEvent ──> owner
//!                           owner ── Action ──> answers of the reader, lines of the writer thread ──> socket
//! ```
//! - `handshake`: HELLO and its answer, from both sides. `listener`: the port where callers connect.
//! - `tls`: the certificate of this client, and that of the peer.
//! - `connection`: an open one: its two threads, and what the owner holds of it.
//! - `callers`: how many callers there may be, and from each address, whom the user has not accepted.
//!
//! A reader that has reported a message waits for the owner's answer, and hands it to the writer. So the answer
//! leaves only when the message is durable, and a peer that takes nothing is read no further. Nor is one whom the user has
//! not accepted: the app keeps its first message unanswered.

mod callers;
mod connection;
mod handshake;
mod listener;
mod tls;

use std::collections::HashMap;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};

use connection::{Handle, Report};
pub use listener::Listener;
pub use tls::PeerTls;

use crate::limits;
use crate::model::{MessageId, Proof, Text, UserName};
use crate::protocol::{DirectLine, Peer};

/// A report of the threads of a direct connection. `number` tells the connections apart.
#[derive(Debug)]
pub enum DirectEvent {
    /// A caller shows its proof, and waits.
    Called { number: u64, caller: UserName, proof: Proof },
    /// The peer has admitted this client.
    Connected { number: u64, peer: UserName },
    /// The peer was not reached, or does not admit this client.
    Unreachable { peer: UserName, why: String },
    /// The peer has sent a message, and waits for the answer that it is durable.
    Said { number: u64, id: MessageId, text: Text },
    /// The peer holds this message.
    Confirmed { number: u64, id: MessageId },
    /// The connection is closed; `why` is empty where the peer just left.
    Closed { number: u64, why: String },
}

/// An action of the app on direct connections.
#[derive(Debug)]
pub enum Action {
    /// Calls a peer.
    Connect { peer: UserName, at: Peer },
    /// Answers what a connection reported last.
    Answer { number: u64, line: DirectLine },
    /// Sends a message.
    Say { number: u64, id: MessageId, text: Text },
    /// Notes that the user has accepted a caller, who is not counted any more.
    Accept { number: u64 },
    /// Closes a connection.
    Close { number: u64 },
}

/// All direct connections of this client. The owner holds them.
pub struct Network {
    me: UserName,
    /// Direct chats are under TLS.
    tls: Option<Arc<PeerTls>>,
    reports: Sender<Report>,
    arriving: Receiver<Report>,
    open: HashMap<u64, Handle>,
}

impl Network {
    pub fn new(me: UserName, tls: Option<Arc<PeerTls>>) -> Self {
        let (reports, arriving) = bounded(limits::CLIENT_EVENTS);
        Self { me, tls, reports, arriving, open: HashMap::new() }
    }

    /// Returns the channel on which the threads of the connections report.
    pub fn reports(&self) -> Sender<Report> {
        self.reports.clone()
    }

    /// Returns the other end of that channel.
    pub fn arriving(&self) -> Receiver<Report> {
        self.arriving.clone()
    }

    /// Notes a report, and returns the event in it.
    pub fn note(&mut self, report: Report) -> DirectEvent {
        if let Some(handle) = report.handle {
            self.open.insert(handle.number, handle);
        }
        if let DirectEvent::Closed { number, .. } = report.event {
            self.open.remove(&number);
        }
        report.event
    }

    /// Carries out an action. It does not block. A connection that is closed by now has reported that.
    pub fn carry_out(&mut self, action: Action) {
        match action {
            Action::Connect { peer, at } => {
                handshake::connect(self.me.clone(), self.reports.clone(), self.tls.clone(), peer, at);
            }
            Action::Answer { number, line } => {
                let _ = self.open.get(&number).map(|handle| handle.answers.try_send(line));
            }
            Action::Say { number, id, text } => {
                if let Some(handle) = self.open.get(&number)
                    && handle.lines.try_send(DirectLine::Send { id, text }).is_err()
                {
                    // The peer takes nothing: the message stays unconfirmed.
                    handle.close();
                }
            }
            Action::Accept { number } => _ = self.open.get_mut(&number).and_then(|handle| handle.place.take()),
            // A reader that waits for an answer ends with the handle.
            Action::Close { number } => _ = self.open.remove(&number).as_ref().map(Handle::close),
        }
    }
}
