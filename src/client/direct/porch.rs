//! What the receiver thread does for direct chats: it tells the server where they are taken, and hears
//! from it who is about to call.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use super::chat::House;
use super::door::Door;
use crate::client::error::LinkError;
use crate::client::session::Session;
use crate::model::Seq;
use crate::protocol::{Event, RecvRequest};

/// The way to the door. Owned by the receiver thread.
pub struct Porch {
    house: House,
    ports: RangeInclusive<u16>,
    /// The door, and on which address of this machine it is.
    door: Option<(IpAddr, Door)>,
}

impl Porch {
    pub fn new(house: House, ports: RangeInclusive<u16>) -> Self {
        Self { house, ports, door: None }
    }

    /// Opens the door on the address that the server sees us at, and says so (protocol, section 6).
    pub fn announce(&mut self, session: &mut Session) -> Result<(), LinkError> {
        let Some(ip) = session.local_ip() else { return Ok(()) };
        if self.door.as_ref().is_none_or(|(there, _)| *there != ip) {
            // The old one first: it may have the only port.
            self.door = None;
            match Door::open(ip, self.ports.clone(), self.house.clone()) {
                Ok(door) => self.door = Some((ip, door)),
                Err(error) => log::warn!("no direct chats: none of the ports {:?} of {ip}: {error}", self.ports),
            }
        }
        let port = self.door.as_ref().map(|(_, door)| door.port());
        let mut line = Vec::new();
        RecvRequest::Port { port }.write(&mut line);
        // A server that knows no direct chats says so, and that is all there is to it.
        session.ask(&line).map(drop)
    }

    /// Notes who is about to call.
    pub fn expect(&self, events: &[(Seq, Option<Event>)]) {
        for (_, event) in events {
            if let Some(Event::Peer { user, token }) = event {
                self.house.tokens.announce(user.clone(), token.clone());
            }
        }
    }
}
