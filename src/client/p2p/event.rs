//! The reports of the threads of direct connections, and the actions of the app on them.

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
