//! One connection to the web port: requests and answers, up to the upgrade. It runs on the thread that is the connection's
//! reader afterwards.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Shutdown};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::answer::{Answer, Status, standing_by, unavailable};
use super::head::{Head, HeadReader, Method};
use super::open::Noted;
use super::site::{Site, port_at};
use super::upgrade::UpgradeRequest;
use crate::limits;
use crate::net::{Socket, TimedStream, drain_input};
use crate::protocol::Port;
use crate::server::audit::ConnectionRefusal;
use crate::server::connections::accept::{max_strangers, next_id, note_refused};
use crate::server::connections::connection::Connection;
use crate::server::connections::connection_table::Slot;
use crate::server::connections::reader;
use crate::server::router::input::Input;
use crate::server::shared::Shared;
use crate::trace::{self, Traced};

/// First byte of a record of TLS that begins a handshake.
const TLS_HANDSHAKE: u8 = 22;

pub(super) struct Exchange {
    shared: Arc<Shared>,
    site: Arc<Site>,
    socket: Arc<Socket>,
    peer: IpAddr,
    slot: Slot,
    noted: Noted,
    heads: HeadReader,
}

/// A WebSocket that is to be opened.
struct Upgrade {
    request: UpgradeRequest,
    port: Port,
    /// The address that the connection counts for.
    address: IpAddr,
}

/// Outcome of a request.
enum Outcome {
    Upgrade(Upgrade),
    Answer(Answer),
}

/// What comes after a request.
enum Next {
    Upgrade(Upgrade),
    Request,
    End,
}

impl Exchange {
    pub fn new(
        shared: Arc<Shared>,
        site: Arc<Site>,
        socket: Arc<Socket>,
        peer: IpAddr,
        slot: Slot,
        noted: Noted,
    ) -> Self {
        Self { shared, site, socket, peer, slot, noted, heads: HeadReader::default() }
    }

    /// Serves the connection until it ends, as a WebSocket perhaps.
    pub fn run(mut self) {
        match self.answer_requests() {
            Ok(Some(upgrade)) => self.upgrade(upgrade),
            Ok(None) => {}
            // A client that is slow or gone concerns no other.
            Err(error) => log::debug!("web, {}: {error}", self.peer),
        }
    }

    /// Answers requests until one of them asks for a WebSocket. `None`: there are to be no more.
    fn answer_requests(&mut self) -> io::Result<Option<Upgrade>> {
        let mut deadline = Instant::now() + self.shared.timeout;
        match (self.peek(deadline)?, self.shared.tls.is_some()) {
            (TLS_HANDSHAKE, true) => {}
            (TLS_HANDSHAKE, false) => return Ok(None),
            (_, true) => return self.redirect(deadline).map(|()| None),
            (_, false) => {}
        }
        for count in 1..=limits::WEB_REQUESTS {
            match self.answer_next(deadline, count == limits::WEB_REQUESTS)? {
                Next::Upgrade(upgrade) => return Ok(Some(upgrade)),
                Next::Request => deadline = Instant::now() + limits::WEB_KEEP_ALIVE,
                Next::End => break,
            }
        }
        Ok(None)
    }

    /// Reads a request and answers it.
    fn answer_next(&mut self, deadline: Instant, is_last: bool) -> io::Result<Next> {
        let socket = self.socket.clone();
        let head = self.heads.next(socket.tcp(), &|buffer| socket.read(buffer), deadline)?;
        let is_head = head.as_ref().is_ok_and(|head| head.method == Method::Head);
        let is_last = is_last || head.as_ref().map_or(true, |head| head.is_last);
        let answer = match head.and_then(|head| self.handle(head)) {
            Ok(Outcome::Upgrade(upgrade)) => return Ok(Next::Upgrade(upgrade)),
            Ok(Outcome::Answer(answer)) | Err(answer) => answer,
        };
        if is_last || !answer.status.keeps_alive() {
            self.write(&answer.bytes(is_head, true))?;
            return self.end().map(|()| Next::End);
        }
        self.write(&answer.bytes(is_head, false))?;
        Ok(Next::Request)
    }

    /// Returns the first byte, which stays to be read.
    fn peek(&self, deadline: Instant) -> io::Result<u8> {
        let tcp = self.socket.tcp();
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        tcp.set_read_timeout(Some(left))?;
        let mut first = [0];
        match tcp.peek(&mut first)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(first[0]),
        }
    }

    /// Sends a client that speaks clear text to the same path under TLS.
    fn redirect(&mut self, deadline: Instant) -> io::Result<()> {
        let tcp = self.socket.tcp();
        let read = |buffer: &mut [u8]| { tcp }.read(buffer);
        let head = self.heads.next(tcp, &read, deadline)?;
        let is_head = head.as_ref().is_ok_and(|head| head.method == Method::Head);
        let answer = head.and_then(|head| {
            self.site.check(&head)?;
            let target = format!("https://{}{}", head.host, head.path);
            let answer = Answer::text(Status::PermanentRedirect, "this server speaks TLS only");
            // A server may speak clear text again one day.
            Ok(answer.with("Location", &target).with("Cache-Control", "no-store"))
        });
        let answer = answer.unwrap_or_else(|refusal| refusal);
        TimedStream::new(tcp, limits::WEB_ANSWER).write_all(&answer.bytes(is_head, true))?;
        self.end()
    }

    /// Writes an answer.
    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        self.socket.write_all_within(limits::WEB_ANSWER, bytes)
    }

    /// Closes the connection after the last answer, so that it arrives: see [`drain_input`].
    fn end(&self) -> io::Result<()> {
        self.socket.tcp().shutdown(Shutdown::Write)?;
        drain_input(&self.socket);
        Ok(())
    }

    /// Handles a request; the error is an answer, too.
    fn handle(&mut self, mut head: Head) -> Result<Outcome, Answer> {
        self.site.check(&head)?;
        let address = self.site.client_address(self.peer, &head)?;
        if head.method == Method::Other {
            let other = Answer::text(Status::MethodNotAllowed, "GET and HEAD are served");
            return Err(other.with("Allow", "GET, HEAD"));
        }
        self.check_leads()?;
        let port = port_at(&head.path).filter(|_| head.upgrade.is_some());
        self.count_for(address, port)?;
        Ok(match head.upgrade.take().zip(port) {
            Some((request, port)) => Outcome::Upgrade(Upgrade { request, port, address }),
            None => Outcome::Answer(self.site.answer(&head)),
        })
    }

    /// Refuses what a server that stands by cannot serve: a proxy before the servers takes another one.
    fn check_leads(&self) -> Result<(), Answer> {
        let servers = self.shared.servers.lock();
        match servers.standing_by {
            true => Err(standing_by(servers.leader.as_ref().map(|leader| leader.host.as_str()))),
            false => Ok(()),
        }
    }

    /// Counts the connection for the address that a request names, and for its port.
    fn count_for(&mut self, address: IpAddr, port: Option<Port>) -> Result<(), Answer> {
        if self.slot.move_to(address, port, max_strangers(&self.shared, address)) {
            return Ok(());
        }
        note_refused(&self.shared, port, address, ConnectionRefusal::TooMany);
        Err(unavailable())
    }

    /// Opens the WebSocket, and reads from it until it ends.
    fn upgrade(self, Upgrade { request, port, address }: Upgrade) {
        if let Err(error) = self.write(&request.accept()) {
            return log::debug!("web, {address}: {error}");
        }
        let Self { shared, socket, slot, noted, heads, .. } = self;
        shared.metrics.accepted_connections.of(Some(port)).add(1);
        let id = next_id(&shared);
        let router = shared.router.clone();
        socket.upgrade(heads.into_rest(), Box::new(move || _ = router.send(Input::Pinged(id))));
        let trace = shared.trace.as_ref();
        let trace = trace.and_then(|trace| Traced::open(trace, trace::Role::Server, port, socket.tcp()));
        let connection = Arc::new(Connection::new(id, port, address, socket, slot, trace));
        // From here on the router closes it.
        drop(noted);
        reader::serve(&shared, &connection);
    }
}
