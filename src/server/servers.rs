//! The servers that are one to their clients, as this one knows them (protocol, section 1).

use crate::limits;
use crate::model::ServerAddress;
use crate::protocol::Ko;

/// The servers, as clients are told of them. A server alone has the default: it serves, and there are no others.
#[derive(Clone, Debug, Default)]
pub struct Servers {
    /// This server does not lead: it refuses each login line, whatever is in it.
    pub standing_by: bool,
    /// Epoch of the term of the server that leads: it grows with every change of the leader.
    pub epoch: Option<i64>,
    /// The server that leads, if this one knows it.
    pub leader: Option<ServerAddress>,
    /// All servers, as SERVERS lists them; at most [`limits::SERVERS`] are told.
    pub all: Vec<ServerAddress>,
}

impl Servers {
    /// Returns the answer to each login line, if this server does not lead.
    pub(crate) fn redirect(&self) -> Option<Ko> {
        self.standing_by.then(|| Ko::redirect(self.leader.clone()))
    }

    /// Returns the records of a SERVERS reply.
    pub(crate) fn list(&self) -> Vec<ServerAddress> {
        self.all.iter().take(limits::SERVERS).cloned().collect()
    }
}
