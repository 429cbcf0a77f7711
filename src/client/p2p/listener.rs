//! The port where direct chats are taken.

use std::io;
use std::net::{IpAddr, TcpListener, TcpStream};
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
            match listen_on_first(ip, self.ports.clone(), self.reports.clone(), self.tls.clone()) {
                Ok(listening) => self.listening = Some(listening),
                Err(error) => log::warn!("no direct chats: none of the ports {:?} of {ip}: {error}", self.ports),
            }
        }
        self.listening.as_ref().map(|listening| listening.address().port())
    }
}

fn listen_on_first(
    ip: IpAddr,
    mut ports: RangeInclusive<u16>,
    reports: Sender<Report>,
    tls: Option<Arc<PeerTls>>,
) -> io::Result<Listening> {
    let mut last = io::ErrorKind::AddrInUse.into();
    let listener = ports.find_map(|port| TcpListener::bind((ip, port)).map_err(|error| last = error).ok());
    let callers = Arc::<Callers>::default();
    listen(listener.ok_or(last)?, "direct chats", move |stream, peer| {
        admit_on_a_thread(stream, peer.ip(), reports.clone(), tls.clone(), &callers);
    })
}

/// Starts the handshake with a caller. One that is too many, or finds no thread, is dropped.
fn admit_on_a_thread(
    stream: TcpStream,
    address: IpAddr,
    reports: Sender<Report>,
    tls: Option<Arc<PeerTls>>,
    callers: &Arc<Callers>,
) {
    let Some(place) = callers.admit(address) else { return };
    let work = move || {
        let admitted = handshake::admit(stream, place, reports, tls.as_deref());
        if let Some(connection) = admitted {
            connection.run();
        }
    };
    // Without a thread the connection is closed.
    let _ = thread::Builder::new().name("direct callee".to_owned()).spawn(work);
}
