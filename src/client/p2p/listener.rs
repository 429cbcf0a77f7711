//! The port where direct chats are taken.

use std::io;
use std::net::{IpAddr, TcpListener};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::thread;

use crossbeam_channel::Sender;

use super::callers::Callers;
use super::connection::Report;
use super::handshake;
use super::tls::PeerTls;
use crate::net::{Listening, listen};

/// The listener. It is owned by the receiver thread, which tells the server its port; both end with the
/// program.
pub struct Listener {
    ports: RangeInclusive<u16>,
    reports: Sender<Report>,
    tls: Option<Arc<PeerTls>>,
    listening: Option<Listening>,
}

impl Listener {
    pub fn new(ports: RangeInclusive<u16>, reports: Sender<Report>, tls: Option<Arc<PeerTls>>) -> Self {
        Self { ports, reports, tls, listening: None }
    }

    /// Listens on this address of the machine, at which the server sees the client, and returns the port: the first
    /// free one. `None`: none is free, and no direct chats are taken.
    pub fn listen_on(&mut self, ip: IpAddr) -> Option<u16> {
        if self.listening.as_ref().is_none_or(|listening| listening.address().ip() != ip) {
            // The old one first: it may have the only port.
            if let Some(mut old) = self.listening.take() {
                old.stop();
            }
            match self.listen_on_first_free(ip) {
                Ok(listening) => self.listening = Some(listening),
                Err(error) => log::warn!("no direct chats: none of the ports {:?} of {ip}: {error}", self.ports),
            }
        }
        self.listening.as_ref().map(|listening| listening.address().port())
    }

    fn listen_on_first_free(&self, ip: IpAddr) -> io::Result<Listening> {
        let mut last = io::ErrorKind::AddrInUse.into();
        let mut ports = self.ports.clone();
        let listener = ports.find_map(|port| TcpListener::bind((ip, port)).map_err(|error| last = error).ok());
        let callers = Arc::<Callers>::default();
        let reports = self.reports.clone();
        let tls = self.tls.clone();
        listen(listener.ok_or(last)?, "direct chats", move |stream, peer| {
            // A caller that is too many, or finds no thread, is dropped.
            let Some(place) = callers.admit(peer.ip()) else { return };
            let reports = reports.clone();
            let tls = tls.clone();
            let work = move || {
                if let Some(connection) = handshake::admit(stream, place, reports, tls.as_deref()) {
                    connection.run();
                }
            };
            let _ = thread::Builder::new().name("direct callee".to_owned()).spawn(work);
        })
    }
}
