//! The listener of the web port: each connection gets a thread, or a 503.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::Builder;

use super::answer::unavailable;
use super::exchange::Exchange;
use super::open::OpenSockets;
use super::site::Site;
use crate::limits;
use crate::net::{Listening, listen};
use crate::server::audit::ConnectionRefusal;
use crate::server::config::Web;
use crate::server::connections::accept::{max_strangers, note_refused};
use crate::server::shared::Shared;

/// The web port of a running server.
pub(crate) struct WebPort {
    listening: Listening,
    open: Arc<OpenSockets>,
}

impl WebPort {
    pub fn open(listener: TcpListener, web: &Web, shared: Arc<Shared>) -> io::Result<Self> {
        let open = Arc::<OpenSockets>::default();
        let site = Arc::new(Site::new(web));
        let noted = open.clone();
        let listening = listen(listener, "web port", move |stream, peer| accept(&shared, &site, &noted, stream, peer))?;
        Ok(Self { listening, open })
    }

    pub fn address(&self) -> SocketAddr {
        self.listening.address()
    }

    /// Accepts no more, and cuts off the connections before their upgrade.
    pub fn stop(&mut self) {
        self.listening.stop();
        self.open.stop();
    }
}

fn accept(shared: &Arc<Shared>, site: &Arc<Site>, open: &Arc<OpenSockets>, stream: TcpStream, peer: SocketAddr) {
    // Without it the connection is only slower.
    let _ = stream.set_nodelay(true);
    let address = peer.ip();
    // A proxy's connection counts for the address that its request names.
    let counted = Some(address).filter(|address| !site.is_proxy(*address));
    let Some(slot) = shared.connections.admit(counted, None, max_strangers(shared, address)) else {
        note_refused(shared, None, address, ConnectionRefusal::TooMany);
        return refuse(shared, &stream);
    };
    shared.metrics.accepted_connections.of(None).add(1);
    let socket = match &shared.tls {
        None => Ok(stream.into()),
        Some(tls) => tls.accept(stream),
    };
    let Ok(socket) = socket.map(Arc::new).inspect_err(|error| log::warn!("no TLS for {peer}: {error}")) else { return };
    let Some(noted) = open.note(&socket) else { return };
    let exchange = Exchange::new(shared.clone(), site.clone(), socket.clone(), address, slot, noted);
    let thread = Builder::new().stack_size(limits::CONNECTION_STACK).spawn(move || exchange.run());
    if let Err(error) = thread {
        log::debug!("no thread for {peer}: {error}");
        note_refused(shared, None, address, ConnectionRefusal::NoThread);
        refuse(shared, socket.tcp());
    }
}

/// Closes a connection that is not served. In clear text it is told, without waiting.
fn refuse(shared: &Shared, mut stream: &TcpStream) {
    if shared.tls.is_some() || stream.set_nonblocking(true).is_err() {
        return;
    }
    let _ = stream.write_all(&unavailable().bytes(false, true));
    // Closed with input that nobody has read, the connection would be reset, and the answer be lost.
    let _ = stream.read(&mut [0; limits::WEB_REFUSED_BYTES]);
    let _ = stream.shutdown(Shutdown::Both);
}
