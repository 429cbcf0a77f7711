//! One logged-in connection, on either port: requests and their replies, each with a deadline.

use std::net::{IpAddr, TcpStream};
use std::sync::Arc;
use std::thread;

use super::account::Account;
use super::backoff::Backoff;
use super::device::Device;
use super::error::LinkError;
use super::servers::{Servers, name_of};
use crate::limits;
use crate::model::{DeviceKey, DeviceName, Fingerprint, ServerAddress, UserName};
use crate::net::{LineError, LineReader, Socket};
use crate::protocol::request::ListRequest;
use crate::protocol::{
    Code, Codec, Done, Ko, ListHead, Login, LoginKind, Port, SendRequest, SessionOpened, parse_reply,
};
use crate::texts::Phrase;
use crate::trace::{By, Event, Role, Traced};

/// A logged-in connection. After any [`LinkError`] it is of no more use.
pub struct Session {
    pub user: UserName,
    /// The certificate of this client in direct chats; `None`: they are in clear text.
    pub direct: Option<Fingerprint>,
    /// The device that has logged in, or that is logged in on the other port.
    pub(super) device: Option<Arc<Device>>,
    /// It has logged in with its key: the server knows that the connection is of this device.
    pub(super) is_by_key: bool,
    /// Records its lines. Dropped before the socket is closed.
    trace: Option<Traced>,
    servers: Arc<Servers>,
    socket: Arc<Socket>,
    lines: LineReader,
    /// The bytes that came in lines.
    pub received: u64,
}

impl Session {
    /// Logs in on the SEND port.
    pub fn open(account: &Account) -> Result<Self, LinkError> {
        account.servers.connect(|server| Self::open_at(account, server))
    }

    fn open_at(account: &Account, server: &ServerAddress) -> Result<Self, LinkError> {
        open::<Done>(account, server, Port::Send).map(|(session, _)| session)
    }

    /// Logs in on the SEND port. That the server's certificate was seen for the first time is written to standard error.
    pub fn open_noted(account: &Account) -> Result<Self, LinkError> {
        let session = Self::open(account);
        account.note_news();
        session
    }

    /// Logs in on the RECV port. It ends any other RECV session of the same device.
    pub fn open_recv(account: &Account) -> Result<(Self, SessionOpened), LinkError> {
        let (session, opened) = account.servers.connect(|server| Self::open_recv_at(account, server))?;
        account.servers.note_store(&opened.store);
        Ok((session, opened))
    }

    fn open_recv_at(account: &Account, server: &ServerAddress) -> Result<(Self, SessionOpened), LinkError> {
        match log_in_device(account, server) {
            Some(Err(LinkError::Refused(ko))) if account.register && ko.code == Code::Auth => {
                // The SEND port creates the account.
                Self::open_at(account, server)?.quit();
                log_in_device(account, server).unwrap_or_else(|| open(account, server, Port::Recv))
            }
            Some(done) => done,
            None => open(account, server, Port::Recv),
        }
    }

    /// Asks for the servers that are one, and remembers them, where they are wanted. A server without a list, or which cannot
    /// stand the question, is not asked again. An error: the connection is of no more use.
    pub fn ask_servers(&mut self) -> Result<(), LinkError> {
        if !self.servers.are_wanted() {
            return Ok(());
        }
        match self.request_list::<ServerAddress>(&SendRequest::Servers) {
            Ok(Ok(listed)) => self.servers.note_list(&listed, self.is_tls()),
            Ok(Err(ko)) if ko.code == Code::Syntax => self.servers.note_unsupported(),
            Ok(Err(_)) => {}
            Err(error) => {
                if matches!(error, LinkError::Away(_)) {
                    self.servers.note_unsupported();
                }
                return Err(error);
            }
        }
        Ok(())
    }

    /// Returns the name of this client's device, if the server has devices.
    pub(super) fn device_name(&self) -> Option<&DeviceName> {
        self.device.as_deref().filter(|device| !device.is_unsupported()).map(Device::name)
    }

    /// Returns the address of this end, as this machine knows it.
    pub(super) fn local_ip(&self) -> Option<IpAddr> {
        self.socket.tcp().local_addr().ok().map(|address| address.ip())
    }

    /// Sends one request and reads the first line of its reply. While the user is above the rate the request is repeated,
    /// a few times (protocol, section 4).
    pub fn request<T: Codec>(&mut self, request: &impl Codec) -> Result<Result<T, Ko>, LinkError> {
        let mut backoff = Backoff::new(limits::MIN_HOLD_DELAY);
        for _ in 1..limits::RATE_TRIES {
            match self.request_once(request)? {
                Err(ko) if ko.code == Code::Rate => thread::sleep(backoff.next_delay()),
                reply => return Ok(reply),
            }
        }
        self.request_once(request)
    }

    /// Sends one request, and reads the first line of its reply. A KO that closes the connection answers no request
    /// (protocol, section 4).
    pub(super) fn request_once<T: Codec>(&mut self, request: &impl Codec) -> Result<Result<T, Ko>, LinkError> {
        self.write(&request.line())?;
        match self.read_reply()? {
            Err(ko) if ko.code.closes() => Err(self.redirect(&ko).unwrap_or_else(|| LinkError::from_close(ko))),
            reply => Ok(reply),
        }
    }

    /// Sends a request whose reply is a list (protocol, section 4). A list of more records than were asked for, or of more
    /// bytes than a reply has, is an error: it could fill the memory.
    pub fn request_list<T: Codec>(&mut self, request: &impl ListRequest) -> Result<Result<Vec<T>, Ko>, LinkError> {
        let count = match self.request::<ListHead>(request)? {
            Ok(head) => head.count,
            Err(ko) => return Ok(Err(ko)),
        };
        if count > request.most_records() {
            return Err(LinkError::malformed());
        }
        let end = self.received + limits::LIST_BYTES;
        let mut list = Vec::new();
        for _ in 0..count {
            list.push(T::parse(self.next_line()?).map_err(|_| LinkError::malformed())?);
            if self.received > end {
                return Err(LinkError::malformed());
            }
        }
        Ok(Ok(list))
    }

    /// Direct chats are under TLS where the connection is.
    fn is_tls(&self) -> bool {
        self.direct.is_some()
    }

    /// Decides about the server that a KO names, if it names one.
    fn redirect(&self, ko: &Ko) -> Option<LinkError> {
        let leader = ko.leader.as_ref()?;
        Some(self.servers.follow(leader, ko, self.is_tls()))
    }

    /// Ends the connection. The reply to QUIT is not read.
    pub fn quit(mut self) {
        let _ = self.write(b"QUIT\n");
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), LinkError> {
        if let Some(trace) = &self.trace {
            trace.sent(bytes);
        }
        self.socket
            .write_all(bytes)
            .map_err(|error| LinkError::Away(Phrase::ConnectionBroke { error: &error }.to_string()))
    }

    fn next_line(&mut self) -> Result<&[u8], LinkError> {
        let line = self.lines.next_line();
        self.received += line.as_ref().map_or(0, |line| line.len() as u64);
        match (&line, &self.trace) {
            (Ok(line), Some(trace)) => trace.received(line),
            (Err(LineError::Closed | LineError::Io(_)), Some(trace)) => trace.close(By::Peer, ""),
            _ => {}
        }
        line.map_err(broken)
    }

    fn read_reply<T: Codec>(&mut self) -> Result<Result<T, Ko>, LinkError> {
        let line = self.next_line()?;
        parse_reply(line).map_err(|_| LinkError::malformed())
    }
}

/// Connects and logs in. Where the account may be made, an unknown name is registered; if it exists by then, or no
/// answer came to REGISTER, LOGIN is tried once more (protocol, section 3).
fn open<T: Codec>(account: &Account, server: &ServerAddress, port: Port) -> Result<(Session, T), LinkError> {
    if let Some((device, key)) = account.device.as_ref().and_then(|device| Some((device, device.usable_key()?))) {
        return log_in_by_key(account, server, port, device, &key);
    }
    match log_in_by_password(account, server, port, LoginKind::Login) {
        Err(LinkError::Refused(ko)) if account.register && ko.code == Code::Auth => {}
        done => return done,
    }
    match log_in_by_password(account, server, port, LoginKind::Register) {
        Err(LinkError::Refused(exists)) if exists.code == Code::Exists => {
            match log_in_by_password(account, server, port, LoginKind::Login) {
                // The name has another password.
                Err(LinkError::Refused(_)) => Err(LinkError::Refused(exists)),
                done => done,
            }
        }
        Err(LinkError::Away(_)) => log_in_by_password(account, server, port, LoginKind::Login),
        done => done,
    }
}

/// Logs in with the key of the device. One that the server does not take any more is removed; at an older server, which does
/// not know the line, it is not used any more.
fn log_in_by_key<T: Codec>(
    account: &Account,
    server: &ServerAddress,
    port: Port,
    device: &Device,
    key: &DeviceKey,
) -> Result<(Session, T), LinkError> {
    match log_in(account, server, port, LoginKind::Key, key.as_str()) {
        Err(LinkError::Refused(ko)) if ko.code == Code::Auth => {
            device.remove_key(key);
            Err(LinkError::KeyEnded)
        }
        Err(LinkError::Refused(ko)) if ko.code == Code::Syntax => {
            device.note_unsupported();
            Err(LinkError::NoDevices)
        }
        done => done,
    }
}

/// Logs in on the RECV port as a device, with the password. `None`: there is no device without a key, or the server has no
/// devices.
fn log_in_device(account: &Account, server: &ServerAddress) -> Option<Result<(Session, SessionOpened), LinkError>> {
    let device = account.device.as_ref().filter(|device| device.key().is_none() && !device.is_unsupported())?;
    match log_in_by_password(account, server, Port::Recv, LoginKind::Device) {
        Err(LinkError::Refused(ko)) if ko.code == Code::Syntax => {
            device.note_unsupported();
            None
        }
        done => Some(done),
    }
}

/// The server's answer about a name that may be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    Free,
    /// It has an account, or had one.
    Taken,
    /// Clients create no accounts here, and are not told which there are.
    Closed,
}

/// A password that no server takes: it is too short.
const REFUSED_PASSWORD: &str = "-";

/// Asks whether the account's name is free. A REGISTER with a password that is refused in any case creates nothing, and
/// the server looks at the name first (protocol, section 3).
pub fn find_availability(account: &Account) -> Result<Availability, LinkError> {
    let asking = Account { password: REFUSED_PASSWORD.to_owned(), device: None, ..account.clone() };
    let ask = |server: &ServerAddress| log_in_by_password::<Done>(&asking, server, Port::Send, LoginKind::Register);
    match asking.servers.connect(ask) {
        Err(LinkError::Refused(ko)) => match ko.code {
            Code::Password => Ok(Availability::Free),
            Code::Exists => Ok(Availability::Taken),
            Code::Closed => Ok(Availability::Closed),
            _ => Err(LinkError::Refused(ko)),
        },
        Err(error) => Err(error),
        Ok(_) => Err(LinkError::malformed()),
    }
}

/// Connects, and logs in with the password.
fn log_in_by_password<T: Codec>(
    account: &Account,
    server: &ServerAddress,
    port: Port,
    kind: LoginKind,
) -> Result<(Session, T), LinkError> {
    log_in(account, server, port, kind, &account.password)
}

fn log_in<T: Codec>(
    account: &Account,
    server: &ServerAddress,
    port: Port,
    kind: LoginKind,
    password: &str,
) -> Result<(Session, T), LinkError> {
    let stream = connect(account, server, port)?;
    let protection = &account.protection;
    if let Some((trust, fingerprint)) = protection.trust().zip(server.fingerprint) {
        trust.note_told(&name_of(server), fingerprint)?;
    }
    let socket = Arc::new(protection.secure(stream, &server.host, server.send)?);
    let lines = LineReader::new(socket.clone(), limits::TIMEOUT + limits::POLL_MARGIN);
    let trace = account.trace.as_ref().and_then(|trace| {
        let traced = Traced::open(trace, Role::Client, port, socket.tcp())?;
        traced.set_user(account.user.shown());
        Some(traced)
    });
    let direct = account.protection.direct().map(|direct| direct.fingerprint);
    let user = account.user.clone();
    let device = account.device.clone();
    let is_by_key = kind == LoginKind::Key;
    let servers = account.servers.clone();
    let mut session = Session { user, direct, device, is_by_key, trace, servers, socket, lines, received: 0 };
    let mut line = Vec::new();
    let name = account.device.as_ref().map_or("", |device| device.name().as_str());
    Login { kind, device: name, user: account.user.shown(), password }.write(&mut line);
    session.write(&line)?;
    match session.read_reply()? {
        Ok(greeting) => Ok((session, greeting)),
        Err(ko) => Err(session.redirect(&ko).unwrap_or_else(|| LinkError::from_login(ko))),
    }
}

/// Connects to the first of the server's addresses that accepts, if the account's protection lets it.
fn connect(account: &Account, server: &ServerAddress, port: Port) -> Result<TcpStream, LinkError> {
    let ServerAddress { host, send, recv, .. } = server;
    let number = port.of([*send, *recv]);
    let are_several = account.servers.are_several();
    let timeout = if are_several { limits::CONNECT_TIMEOUT_OF_SEVERAL } else { limits::TIMEOUT };
    let mut last = std::io::Error::other(Phrase::NoAddress.to_string());
    for address in account.protection.addresses(host, *send, number)? {
        match TcpStream::connect_timeout(&address, timeout).and_then(set_up) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    if let Some(trace) = &account.trace {
        trace.note(Event::Failed, 0, &format!("{} {host}:{number}: {last}", port.word()));
    }
    Err(LinkError::Away(format!("{host}:{number}: {last}")))
}

fn set_up(stream: TcpStream) -> std::io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(limits::TIMEOUT))?;
    Ok(stream)
}

fn broken(error: LineError) -> LinkError {
    LinkError::Away(match error {
        LineError::Closed => Phrase::ServerClosed.to_string(),
        LineError::Timeout => Phrase::ServerLate.to_string(),
        LineError::TooLong => Phrase::ServerTooLong.to_string(),
        LineError::ClearText => Phrase::Strange.to_string(),
        LineError::Io(error) => Phrase::ConnectionBroke { error: &error }.to_string(),
    })
}
