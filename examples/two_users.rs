//! A message between two users, from SEND to READ: ana writes to luis, who is offline; luis logs in; ana's client is
//! told that the message is RECEIVED, DELIVERED and READ.
//!
//! ```text
//! cargo run --example two_users
//! ```

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use wachat::disk::RealDisk;
use wachat::limits::TIMEOUT;
use wachat::model::{MessageId, Seq, Target, Text};
use wachat::protocol::{
    Accepted, After, Codec, Done, Event, ListHead, LoggedIn, Login, LoginKind, RecvRequest, SendRequest, parse_reply,
};
use wachat::server::{self, Config};

type Failable<T> = Result<T, Box<dyn Error>>;

fn main() -> Failable<()> {
    // A server in this process, on free ports, with a temporary directory.
    let directory = tempfile::tempdir()?;
    let server = server::start(Config::on_free_ports(Arc::new(RealDisk), directory.path().join("data")))?;
    let send = server.send_address();
    let recv = server.recv_address();

    let mut ana = Connection::open(send, LoginKind::Register, "ana")?;
    let mut luis = Connection::open(send, LoginKind::Register, "luis")?;
    println!("ana writes to luis, who is offline");
    let id = MessageId::new("hola-1").ok_or("not an id")?;
    let text = Text::new("hola, luis").ok_or("not a text")?;
    let send = SendRequest::Send { id, to: Target::parse("luis"), text };
    let Accepted { seq: number, .. } = ana.request(|out| send.write(out))?;
    println!("    ana sees: message {number} is RECEIVED; it is on the server's disk");

    println!("luis logs in");
    let mut luis_session = Connection::open(recv, LoginKind::Login, "luis")?;
    for event in luis_session.poll(Seq::ZERO)? {
        if let Event::Message(message) = event {
            println!("    luis sees: {}: {}", message.from, message.text);
        }
    }

    // The message is not DELIVERED when the server has sent it, but when the client of luis acknowledges it.
    println!("luis acknowledges the message");
    let acknowledge = RecvRequest::Poll { after: After::Number(number), wait: Some(0), max: 100 };
    let ListHead { .. } = luis_session.request(|out| acknowledge.write(out))?;
    let mut ana_session = Connection::open(recv, LoginKind::Login, "ana")?;
    let shown = show_states(&ana_session.poll(Seq::ZERO)?);

    println!("luis reads it");
    let Done = luis.request(|out| SendRequest::Read { target: Target::parse("ana"), seq: number }.write(out))?;
    show_states(&ana_session.poll(shown)?);

    server.stop()?;
    Ok(())
}

/// Prints the STATE events of ana, and returns the number to acknowledge.
fn show_states(events: &[Event]) -> Seq {
    for event in events {
        if let Event::State { target, state, upto, .. } = event {
            println!("    ana sees: everything to {target} up to message {upto} is {state}");
        }
    }
    events.iter().map(Event::seq).fold(Seq::ZERO, Seq::max)
}

/// A connection to either port: one request at a time.
struct Connection(BufReader<TcpStream>);

impl Connection {
    fn open(port: SocketAddr, kind: LoginKind, user: &str) -> Failable<Self> {
        let stream = TcpStream::connect(port)?;
        stream.set_read_timeout(Some(TIMEOUT + Duration::from_secs(5)))?;
        let mut connection = Self(BufReader::new(stream));
        let LoggedIn { .. } =
            connection.request(|out| Login { kind, device: "", user, password: "palabra larga" }.write(out))?;
        Ok(connection)
    }

    /// Sends a request and returns the first line of its reply; a KO is an error.
    fn request<T: Codec>(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Failable<T> {
        let mut out = Vec::new();
        write(&mut out);
        self.0.get_mut().write_all(&out)?;
        let head = self.line()?;
        Ok(parse_reply(head.as_bytes())?.map_err(|ko| ko.to_string())?)
    }

    /// Acknowledges the events up to a number, and waits for those above it. The head of a list has its length.
    fn poll(&mut self, after: Seq) -> Failable<Vec<Event>> {
        let poll = RecvRequest::Poll { after: After::Number(after), wait: None, max: 100 };
        let ListHead { count } = self.request(|out| poll.write(out))?;
        (0..count).map(|_| Ok(Event::parse(self.line()?.as_bytes())?)).collect()
    }

    fn line(&mut self) -> Failable<String> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        Ok(line.strip_suffix('\n').ok_or("the server has closed the connection")?.to_owned())
    }
}
