//! One connection through the proxy: a thread for each direction.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::decide::Identity;
use super::fault::{End, Fault, How};
use super::lines::Lines;
use super::network::Network;
use super::pending::{Pending, Request};
use super::record::{Direction, Kind, Record};
use super::side::Side;
use crate::limits;
use crate::model::UserName;
use crate::protocol::{LoggedIn, Login, Port, parse_reply};
use crate::trace::{By, Role, Traced};

/// State that both threads of a connection share.
pub(super) struct Wire<'a> {
    network: &'a Network,
    port: Port,
    client: Side,
    server: Side,
    /// Set when the login line has come.
    identity: OnceLock<Identity>,
    login: OnceLock<Vec<u8>>,
    pending: Pending,
    over: AtomicBool,
    late: AtomicBool,
}

/// Beginning of the bytes of a client that speaks TLS: a record of the handshake, version 3.
const HANDSHAKE: [u8; 2] = [22, 3];

/// Beginning of the answer of a server under TLS to a line in clear text (protocol, section 1).
const TLS_ALONE: &[u8] = b"KO;TLS;";

/// The remedy for both.
const CLEAR_TEXT: &str = "and the proxy carries clear text alone; start server and clients without --tls";

/// This direction is at its end.
struct Over;

/// State of the direction to the client.
#[derive(Default)]
struct Reply {
    /// The request that is being answered.
    to: Request,
    /// Number of records of the list that are to come.
    rows: usize,
    /// Of a list that is to come twice, what has passed.
    copy: Option<Vec<u8>>,
}

/// The delivery in which a record is passed on.
struct Delivery {
    arrival: u64,
    copies: usize,
    split: bool,
    resend: bool,
}

/// Carries what client and server send to each other, until both have ended or were ended.
pub(super) fn carry(network: &Network, port: Port, client: TcpStream) {
    let trace = network.trace.as_ref().and_then(|trace| Traced::open(trace, Role::Server, port, &client));
    let client = Side { socket: client, trace };
    let Some(server) = network.connect(port) else { return };
    let trace = client.trace.as_ref().and_then(|client| client.open_next(port, &server));
    let server = Side { socket: server, trace };
    if [&client, &server].iter().any(|side| prepare(&side.socket).is_err()) {
        return;
    }
    let identity = OnceLock::new();
    let login = OnceLock::new();
    let pending = Pending::default();
    let (over, late) = Default::default();
    let wire = Wire { network, port, client, server, identity, login, pending, over, late };
    thread::scope(|scope| {
        let to_client = thread::Builder::new().spawn_scoped(scope, || wire.pump_replies());
        if to_client.is_ok() {
            wire.pump_requests();
        }
    });
    // Sockets that were told to reset do so when they are dropped, here.
    let Wire { client, server, login, pending, identity, late, .. } = wire;
    drop((client.socket, server.socket));
    if late.into_inner()
        && let (Some(identity), Some(login)) = (identity.get(), login.get())
    {
        network.send_again(&identity.connection, login, pending.sends());
    }
}

impl Wire<'_> {
    fn pump_requests(&self) {
        let mut lines = Lines::default();
        let passed = self.pump(Direction::ToServer, &mut lines, |line, number| self.pass_request(line, number));
        self.finish(Direction::ToServer, &mut lines, passed);
    }

    fn pump_replies(&self) {
        let mut lines = Lines::default();
        let mut reply = Reply::default();
        // A reply that the client does not get has no number.
        let mut kept = 0;
        let pass = |line: &[u8], number: u64| {
            let hidden = self.pass_reply(line, number - kept, &mut reply)?;
            kept += u64::from(hidden);
            Ok(())
        };
        let passed = self.pump(Direction::ToClient, &mut lines, pass);
        self.pending.close();
        self.finish(Direction::ToClient, &mut lines, passed);
    }

    /// Returns the source and the target of a direction.
    fn sides(&self, way: Direction) -> (&Side, &Side) {
        if way == Direction::ToServer { (&self.client, &self.server) } else { (&self.server, &self.client) }
    }

    /// Reads lines and passes them on, with their numbers. What is no line, or a longer one, goes on as it is.
    fn pump(
        &self,
        way: Direction,
        lines: &mut Lines,
        mut pass: impl FnMut(&[u8], u64) -> Result<(), Over>,
    ) -> Result<(), Over> {
        let to = &self.sides(way).1.socket;
        while let Some((line, number)) = self.receive(way, lines) {
            match number {
                Some(number) => pass(&line, number)?,
                None => write(to, &line, false)?,
            }
        }
        write(to, lines.rest(), false)
    }

    /// Returns the next line that comes, and its number; `None`: its source sends no more.
    fn receive(&self, way: Direction, lines: &mut Lines) -> Option<(Vec<u8>, Option<u64>)> {
        let source = self.sides(way).0;
        loop {
            if let Some((line, number)) = lines.next() {
                if number.is_some() {
                    source.received(&line);
                }
                if way == Direction::ToClient && line.starts_with(TLS_ALONE) {
                    self.network.report(format!("the server speaks TLS, {CLEAR_TEXT}"));
                }
                return Some((line, number));
            }
            let mut buffer = [0; 16 << 10];
            match (&source.socket).read(&mut buffer) {
                Ok(read @ 1..) => {
                    let bytes = buffer.get(..read).unwrap_or_default();
                    if way == Direction::ToServer && self.identity.get().is_none() && bytes.starts_with(&HANDSHAKE) {
                        self.network.report(format!("a client speaks TLS, {CLEAR_TEXT}"));
                        return None;
                    }
                    lines.add(bytes);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                _ => return None,
            }
        }
    }

    /// Ends a direction. If the other one goes on, what still comes here is lost.
    fn finish(&self, way: Direction, lines: &mut Lines, passed: Result<(), Over>) {
        if passed.is_err() {
            while !self.is_over() && self.receive(way, lines).is_some() {}
        }
        if !self.is_over() {
            let (source, target) = self.sides(way);
            source.closed(By::Peer, "");
            target.closed(By::Local, "");
            let _ = target.socket.shutdown(Shutdown::Write);
        }
    }

    /// Sends a record, or a part of it, or copies.
    fn send(&self, record: &Record, bytes: &[u8], split: bool) -> Result<(), Over> {
        let target = self.sides(record.way()).1;
        target.sent(bytes, record.kind == Kind::Request && record.line == 1);
        write(&target.socket, bytes, split)
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    fn pass_request(&self, line: &[u8], number: u64) -> Result<(), Over> {
        let record = Record::request(line, number);
        if number == 1 {
            let user = Login::parse(line.trim_ascii_end()).and_then(|login| UserName::new(login.user).ok());
            let _ = self.identity.set(self.network.begin(user, self.port));
            let _ = self.login.set(line.to_vec());
        }
        let request = Request::new(&record);
        let delivery = self.disturb(&record, |end| {
            if end.after >= line.len() {
                self.pending.push(request.clone());
            }
        })?;
        for copy in 0..delivery.copies {
            self.pending.push(Request { hidden: copy > 0, ..request.clone() });
            self.send(&record, line, delivery.split)?;
        }
        self.passed(&record, &delivery);
        Ok(())
    }

    /// Passes on a reply, or a record of one. Returns true if it is kept from the client, which does not know of it.
    fn pass_reply(&self, line: &[u8], number: u64, reply: &mut Reply) -> Result<bool, Over> {
        let is_head = reply.rows == 0;
        if is_head {
            reply.to = self.pending.first();
        }
        let verb = reply.to.verb;
        let record = if is_head { Record::reply(line, number, verb) } else { Record::row(line, number, verb) };
        if !is_head {
            reply.rows -= 1;
        } else if verb.is_answered_by(line.trim_ascii_end()) {
            self.take_answer(line.trim_ascii_end(), reply);
        } else {
            reply.to.hidden = false;
        }
        if reply.to.hidden {
            return Ok(true);
        }
        let delivery = self.disturb(&record, |_| {})?;
        match delivery.copies {
            // The rest of the list is kept from the client, too.
            0 => reply.to.hidden = is_head,
            1 => self.send(&record, line, delivery.split)?,
            _ if is_head && reply.rows > 0 => {
                self.send(&record, line, delivery.split)?;
                reply.copy = Some(Vec::new());
            }
            _ => (0..delivery.copies).try_for_each(|_| self.send(&record, line, delivery.split))?,
        }
        self.copy(&record, reply)?;
        self.passed(&record, &delivery);
        Ok(false)
    }

    /// Takes note of the first line of a reply, without its end.
    fn take_answer(&self, line: &[u8], reply: &mut Reply) {
        self.pending.pop();
        if reply.to.verb.is_login()
            && let Ok(Ok(LoggedIn { user })) = parse_reply(line)
        {
            self.client.trace.iter().chain(&self.server.trace).for_each(|trace| trace.set_user(user.shown()));
        }
        reply.rows = reply.to.verb.records_after(line);
        if let (Some((id, request)), Some(identity)) = (&reply.to.send, self.identity.get()) {
            let answer = String::from_utf8_lossy(line);
            self.network.answers.note(&identity.connection.user, id, request, &answer);
        }
    }

    /// Collects a list that is to come twice, and sends it when it is complete. One that is too long comes once.
    fn copy(&self, record: &Record, reply: &mut Reply) -> Result<(), Over> {
        let Some(copy) = &mut reply.copy else { return Ok(()) };
        copy.extend_from_slice(record.bytes);
        if copy.len() > limits::CHAOS_PENDING_BYTES {
            reply.copy = None;
        } else if reply.rows == 0 {
            let whole = reply.copy.take().unwrap_or_default();
            self.send(record, &whole, false)?;
        }
        Ok(())
    }

    /// Decides about a record, lets the time of its faults go by, and ends the connection if that is one of them.
    fn disturb(&self, record: &Record, at_end: impl FnOnce(&End)) -> Result<Delivery, Over> {
        let mut delivery = Delivery { arrival: self.network.gate.arrive(), copies: 1, split: false, resend: false };
        let Some(identity) = self.identity.get() else { return Ok(delivery) };
        for fault in self.network.decide(identity, record) {
            match fault {
                Fault::Drop => delivery.copies = 0,
                Fault::Duplicate => delivery.copies = 2,
                Fault::Split => delivery.split = true,
                Fault::Resend => delivery.resend = true,
                Fault::Delay(time) => thread::sleep(time),
                Fault::Hold(until) => {
                    self.network.gate.hold(&identity.connection, delivery.arrival, &until, || self.is_over());
                }
                Fault::End(end) => {
                    at_end(&end);
                    let kept = record.bytes.get(..end.after).unwrap_or(record.bytes);
                    self.send(record, kept, delivery.split)?;
                    self.end(end, record.way());
                    return Err(Over);
                }
            }
        }
        Ok(delivery)
    }

    fn end(&self, end: End, way: Direction) {
        if end.late {
            self.late.store(true, Ordering::Relaxed);
        }
        match end.how {
            How::Silence => {}
            How::HalfClose => {
                let target = self.sides(way).1;
                target.closed(By::Local, end.how.word());
                let _ = target.socket.shutdown(Shutdown::Write);
            }
            How::Cut | How::Reset => {
                for side in [&self.server, &self.client] {
                    side.closed(By::Local, end.how.word());
                }
                self.over.store(true, Ordering::Relaxed);
                self.pending.close();
                for side in [&self.client, &self.server] {
                    stop(&side.socket, end.how == How::Reset);
                }
            }
        }
    }

    /// Releases what waits for this record, and sends earlier requests again if it was decided so.
    fn passed(&self, record: &Record, delivery: &Delivery) {
        let (Some(identity), Some(login)) = (self.identity.get(), self.login.get()) else { return };
        if delivery.copies > 0 {
            self.network.gate.pass(&identity.connection, delivery.arrival, record);
        }
        if delivery.resend {
            let every = 1 + usize::try_from(record.line % 3).unwrap_or(0);
            let old = self.network.answers.some(&identity.connection.user, every);
            self.network.send_again(&identity.connection, login, [old, self.pending.sends()].concat());
        }
    }
}

/// Turns off the delay of small segments, and bounds the wait for a peer that does not read.
fn prepare(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    socket.set_write_timeout(Some(limits::CHAOS_WAIT))
}

/// Makes both threads leave the socket. To be reset it must not say before that it closes.
fn stop(socket: &TcpStream, reset: bool) {
    if reset {
        let _ = rustix::net::sockopt::set_socket_linger(socket, Some(Duration::ZERO));
    }
    let _ = socket.shutdown(if reset { Shutdown::Read } else { Shutdown::Both });
}

fn write(mut to: &TcpStream, bytes: &[u8], split: bool) -> Result<(), Over> {
    let single = if split { bytes.len().min(limits::CHAOS_SPLIT_BYTES) } else { 0 };
    let (single, rest) = bytes.split_at_checked(single).unwrap_or((&[], bytes));
    let written = single.chunks(1).try_for_each(|byte| to.write_all(byte)).and_then(|()| to.write_all(rest));
    written.map_err(|_| Over)
}
