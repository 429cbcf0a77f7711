//! What this program is for, played by itself: ana writes to luis, who is away; luis comes; ana sees
//! her message go RECEIVED -> DELIVERED -> READ.
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
    // A server of our own, on free ports, with a directory that goes with us.
    let directory = tempfile::tempdir()?;
    let server = server::start(Config::on_free_ports(Arc::new(RealDisk), directory.path().join("data")))?;
    let (send, recv) = (server.send_address(), server.recv_address());

    let mut ana = Connection::open(send, LoginKind::Register, "ana")?;
    let mut luis = Connection::open(send, LoginKind::Register, "luis")?;
    println!("ana writes to luis, who is away");
    let (id, text) = (MessageId::new("hola-1").ok_or("not an id")?, Text::new("hola, luis").ok_or("not a text")?);
    let send = SendRequest::Send { id, to: Target::parse("luis"), text };
    let Accepted { seq: number, .. } = ana.ask(|out| send.write(out))?;
    println!("    ana sees: message {number} is RECEIVED; it is on the server's disk");

    println!("luis comes");
    let mut luis_hears = Connection::open(recv, LoginKind::Login, "luis")?;
    for event in luis_hears.poll(Seq::ZERO)? {
        if let Event::Message(message) = event {
            println!("    luis sees: {}: {}", message.from, message.text);
        }
    }

    // Nothing is DELIVERED because it was sent: only because luis has said that he holds it.
    println!("luis acknowledges what he was given");
    let acknowledge = RecvRequest::Poll { after: After::Number(number), wait: Some(0), max: 100 };
    let ListHead { .. } = luis_hears.ask(|out| acknowledge.write(out))?;
    let mut ana_hears = Connection::open(recv, LoginKind::Login, "ana")?;
    let told = show_states(&ana_hears.poll(Seq::ZERO)?);

    println!("luis reads it");
    let Done = luis.ask(|out| SendRequest::Read { target: Target::parse("ana"), seq: number }.write(out))?;
    show_states(&ana_hears.poll(told)?);

    server.stop()?;
    Ok(())
}

/// Prints what ana is told of her messages; returns the number to acknowledge.
fn show_states(events: &[Event]) -> Seq {
    for event in events {
        if let Event::State { target, state, upto, .. } = event {
            println!("    ana sees: up to {upto}, all she wrote to {target} is {state}");
        }
    }
    events.iter().map(Event::seq).fold(Seq::ZERO, Seq::max)
}

/// One connection to either port: a request, then its reply.
struct Connection(BufReader<TcpStream>);

impl Connection {
    fn open(port: SocketAddr, kind: LoginKind, user: &str) -> Failable<Self> {
        let stream = TcpStream::connect(port)?;
        stream.set_read_timeout(Some(TIMEOUT + Duration::from_secs(5)))?;
        let mut connection = Self(BufReader::new(stream));
        let LoggedIn { .. } = connection.ask(|out| Login { kind, user, password: "palabra larga" }.write(out))?;
        Ok(connection)
    }

    /// Sends a request and returns the first line of its reply; a KO is an error.
    fn ask<Answer: Codec>(&mut self, request: impl FnOnce(&mut Vec<u8>)) -> Failable<Answer> {
        let mut out = Vec::new();
        request(&mut out);
        self.0.get_mut().write_all(&out)?;
        let head = self.line()?;
        Ok(parse_reply(head.as_bytes())?.map_err(|ko| ko.to_string())?)
    }

    /// Waits for the events above a number: a list says how many lines follow.
    fn poll(&mut self, after: Seq) -> Failable<Vec<Event>> {
        let poll = RecvRequest::Poll { after: After::Number(after), wait: None, max: 100 };
        let ListHead { count } = self.ask(|out| poll.write(out))?;
        (0..count).map(|_| Ok(Event::parse(self.line()?.as_bytes())?)).collect()
    }

    fn line(&mut self) -> Failable<String> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        Ok(line.strip_suffix('\n').ok_or("the server has closed")?.to_owned())
    }
}
