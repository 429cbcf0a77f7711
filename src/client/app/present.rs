//! The questions of a front end that shows the state itself: what an app is doing at present.

use std::time::Instant;

use super::{App, Destination, Server};
use crate::model::{Target, UserName};

/// The destination of the next text, as a front end shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Open {
    /// No conversation, or it is not known yet.
    Nothing,
    Conversation(Target),
    /// A direct chat with this user.
    Direct(UserName),
}

impl Open {
    /// Returns the conversation that is shown.
    pub fn target(&self) -> Option<Target> {
        match self {
            Self::Nothing => None,
            Self::Conversation(target) => Some(target.clone()),
            Self::Direct(peer) => Some(Target::User(peer.clone())),
        }
    }
}

impl App {
    pub fn open(&self) -> Open {
        match &self.destination {
            Destination::Undecided | Destination::Nowhere => Open::Nothing,
            Destination::Conversation(target) => Open::Conversation(target.clone()),
            Destination::Direct(peer) => Open::Direct(peer.clone()),
        }
    }

    /// Returns the conversation of a line without a command, if it has one.
    pub fn current(&self) -> Option<Target> {
        self.open().target()
    }

    /// The server's name, as the user gave it.
    pub fn server_name(&self) -> &str {
        &self.setting.server
    }

    pub fn is_connected(&self) -> bool {
        self.server == Server::Reachable && self.polling.works
    }

    /// Returns the context of the next attempt to connect, if the client waits for it.
    pub fn reconnects_at(&self, now: Instant) -> Option<Instant> {
        self.polling.deadline(now)
    }
}
