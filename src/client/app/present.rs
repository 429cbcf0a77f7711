//! The questions of a front end that shows the state itself: what an app is doing at present.

use std::time::Instant;

use super::destination::Destination;
use super::{App, Server};
use crate::model::Target;

impl App {
    /// Returns the destination of the next text.
    pub fn destination(&self) -> &Destination {
        &self.destination
    }

    /// Returns the conversation of a line without a command, if it has one.
    pub fn current(&self) -> Option<Target> {
        self.destination.target()
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
