//! One logged-in connection, on either port: requests and their replies, each with a deadline.

use std::io::Write;
use std::net::{IpAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;

use super::account::{Account, Port};
use super::error::LinkError;
use super::texts::Phrase;
use crate::limits;
use crate::net::{LineError, LineReader};
use crate::protocol::{Code, Codec, Ko, Login, LoginKind, ReadError, parse_reply};
use crate::record::{Fields, Writer};

/// What the server answered to a request: the fields after `OK`, or a KO that leaves the connection
/// open.
pub type Answer = Result<Vec<String>, Ko>;

/// A connection that has been let in. After any [`LinkError`] it is of no more use.
pub struct Session {
    stream: Arc<TcpStream>,
    lines: LineReader,
    /// The fields of the login's reply (protocol, section 3).
    pub greeting: Vec<String>,
}

impl Session {
    /// Connects and logs in. Where the account may be made: an unknown name is registered, and if
    /// somebody was faster, or no answer came to REGISTER, LOGIN is tried once more (protocol,
    /// section 3).
    pub fn open(account: &Account, port: Port) -> Result<Self, LinkError> {
        match Self::log_in(account, port, LoginKind::Login) {
            Err(LinkError::Refused(ko)) if account.register && ko.code == Code::Auth => {}
            done => return done,
        }
        match Self::log_in(account, port, LoginKind::Register) {
            Err(LinkError::Refused(ko)) if ko.code == Code::Exists => {
                Self::log_in(account, port, LoginKind::Login).map_err(taken)
            }
            Err(LinkError::Away(_)) => Self::log_in(account, port, LoginKind::Login),
            done => done,
        }
    }

    fn log_in(account: &Account, port: Port, kind: LoginKind) -> Result<Self, LinkError> {
        let stream = Arc::new(connect(account, port)?);
        let lines = LineReader::new(stream.clone(), limits::TIMEOUT + limits::POLL_MARGIN);
        let mut session = Self { stream, lines, greeting: Vec::new() };
        let mut line = Vec::new();
        Login { kind, user: account.user.shown(), password: &account.password }.write(&mut line);
        session.write(&line)?;
        session.greeting = session.read_head()?.map_err(LinkError::from_login)?;
        Ok(session)
    }

    /// The address of this end, as far as this machine knows it.
    pub fn local_ip(&self) -> Option<IpAddr> {
        self.stream.local_addr().ok().map(|address| address.ip())
    }

    /// Asks one thing. A KO that closes the connection answers no request: then nobody knows
    /// (protocol, section 4).
    pub fn ask(&mut self, request: &[u8]) -> Result<Answer, LinkError> {
        self.write(request)?;
        match self.read_head()? {
            Err(ko) if ko.code.closes() => Err(LinkError::from_close(ko)),
            answer => Ok(answer),
        }
    }

    /// Asks for a list (protocol, section 4), and reads each of its records.
    pub fn ask_list<T>(
        &mut self,
        request: &[u8],
        read: impl Fn(&[u8]) -> Result<T, ReadError>,
    ) -> Result<Result<Vec<T>, Ko>, LinkError> {
        let fields = match self.ask(request)? {
            Ok(fields) => fields,
            Err(ko) => return Ok(Err(ko)),
        };
        let count = fields.first().and_then(|text| text.parse().ok()).ok_or_else(strange)?;
        if count > limits::LIST_RECORDS {
            return Err(strange());
        }
        let mut list = Vec::new();
        for _ in 0..count {
            list.push(read(self.lines.next_line().map_err(lost)?).map_err(|_| strange())?);
        }
        Ok(Ok(list))
    }

    /// Says goodbye. The server's answer is of no interest.
    pub fn quit(mut self) {
        let _ = self.write(b"QUIT\n");
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), LinkError> {
        (&*self.stream)
            .write_all(bytes)
            .map_err(|error| LinkError::Away(Phrase::ConnectionBroke { error: &error }.to_string()))
    }

    fn read_head(&mut self) -> Result<Answer, LinkError> {
        let line = self.lines.next_line().map_err(lost)?;
        Ok(parse_reply::<OkFields>(line).map_err(|_| strange())?.map(|OkFields(fields)| fields))
    }
}

/// The fields after `OK`.
struct OkFields(Vec<String>);

impl Codec for OkFields {
    fn write_fields(&self, record: &mut Writer) {
        record.plain("OK");
        self.0.iter().for_each(|field| _ = record.text(field));
    }

    fn from_fields(f: &Fields) -> Option<Self> {
        (f.get(0)? == "OK").then(|| Self(f.iter().skip(1).map(str::to_owned).collect()))
    }
}

/// Tries each address that the server's name stands for.
fn connect(account: &Account, port: Port) -> Result<TcpStream, LinkError> {
    let address = account.address(port);
    let away = |error: std::io::Error| LinkError::Away(format!("{}:{}: {error}", address.0, address.1));
    let mut last = std::io::Error::other(Phrase::NoAddress.to_string());
    for address in address.to_socket_addrs().map_err(away)? {
        match TcpStream::connect_timeout(&address, limits::TIMEOUT).and_then(set_up) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(away(last))
}

fn set_up(stream: TcpStream) -> std::io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(limits::TIMEOUT))?;
    Ok(stream)
}

/// The name exists and the password is not its: what `EXISTS` means to somebody who wanted in.
fn taken(error: LinkError) -> LinkError {
    match error {
        LinkError::Refused(_) => LinkError::Refused(Ko::new(Code::Exists, Phrase::NameTaken)),
        other => other,
    }
}

fn strange() -> LinkError {
    LinkError::Away(Phrase::Strange.to_string())
}

fn lost(error: LineError) -> LinkError {
    LinkError::Away(match error {
        LineError::Closed => Phrase::ServerClosed.to_string(),
        LineError::Timeout => Phrase::ServerLate.to_string(),
        LineError::TooLong => Phrase::ServerTooLong.to_string(),
        LineError::Io(error) => Phrase::ConnectionBroke { error: &error }.to_string(),
    })
}
