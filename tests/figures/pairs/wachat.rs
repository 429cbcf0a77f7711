//! Pairs and rooms on wachat: SEND on the one port, POLL on the other.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{PAIRS, Reader, TEXT, Talk, Writer};
use crate::memory;
use crate::support::{Connection, PASSWORD, World};

const ROOM: &str = "#sala";

/// Registers the users of the pairs at a SEND port.
pub fn register(send: SocketAddr) {
    let names: Vec<_> = (0..PAIRS).flat_map(|pair| [sender(pair), reader(pair)]).collect();
    memory::register_all(send, &names);
}

/// Returns pairs at a SEND port and a RECV port, with this many messages in flight each. Their ids begin with `prefix`.
pub fn pairs([send, recv]: [SocketAddr; 2], prefix: &str, window: usize) -> Vec<Talk> {
    let pair = |pair| {
        let to = reader(pair);
        let session = session(recv, &to);
        let sender = Sender::new(login(send, &sender(pair)), to, prefix, window);
        (Box::new(sender) as Box<dyn Writer>, vec![session])
    };
    (0..PAIRS).map(pair).collect()
}

/// Ana talks in a room that this many others are in.
pub fn room(world: &World, round: usize, members: usize) -> Talk {
    let sessions = (0..members).map(|member| session(world.recv, &memory::name(member))).collect();
    let sender = Sender::new(world.login("ana"), ROOM.to_owned(), &round.to_string(), 1);
    (Box::new(sender), sessions)
}

/// Makes the accounts of that room, who all come in.
pub fn register_room(world: &World, members: usize) {
    memory::register(world, members);
    let names = (0..members).map(memory::name);
    drop(world.register("ana"));
    for name in names.chain(["ana".to_owned()]) {
        assert_eq!(world.login(&name).request(&format!("JOIN;{ROOM}")), "OK");
    }
}

fn session(recv: SocketAddr, user: &str) -> Box<dyn Reader> {
    Box::new(Session { line: login(recv, user), last: "0".to_owned() })
}

fn login(address: SocketAddr, user: &str) -> Connection {
    let (reply, line) = Connection::open_with(address, &format!("LOGIN:{user}:{PASSWORD}"));
    assert!(reply.starts_with(&format!("OK;{user};wachat/1")), "{reply}");
    line
}

fn sender(pair: usize) -> String {
    format!("sender{pair}")
}

fn reader(pair: usize) -> String {
    format!("reader{pair}")
}

struct Sender {
    line: Connection,
    to: String,
    /// The messages' ids begin with it.
    prefix: String,
    sent: usize,
    /// Most messages in flight.
    window: usize,
    /// Times at which those in flight were sent.
    in_flight: VecDeque<Instant>,
}

impl Sender {
    fn new(line: Connection, to: String, prefix: &str, window: usize) -> Self {
        Self { line, to, prefix: prefix.to_owned(), sent: 0, window, in_flight: VecDeque::new() }
    }

    fn begin(&mut self) {
        let Self { line, to, prefix, sent, .. } = self;
        self.in_flight.push_back(Instant::now());
        line.send(format!("SEND;{prefix}-{sent};{to};{TEXT}\n"));
        self.sent += 1;
    }

    fn confirm(&mut self) -> Duration {
        let reply = self.line.read_line();
        assert!(reply.starts_with("OK;"), "{reply}");
        self.in_flight.pop_front().expect("a message in flight").elapsed()
    }
}

impl Writer for Sender {
    fn send(&mut self) -> Duration {
        while self.in_flight.len() < self.window {
            self.begin();
        }
        self.confirm()
    }

    fn finish(&mut self) -> usize {
        let rest = self.in_flight.len();
        (0..rest).for_each(|_| _ = self.confirm());
        rest
    }
}

struct Session {
    line: Connection,
    /// The number of the newest event: polling with it acknowledges all before.
    last: String,
}

impl Reader for Session {
    fn read(&mut self) -> usize {
        let events = self.line.list(&format!("POLL;{};1", self.last));
        if let Some(seq) = events.last().and_then(|event| event.split(';').next()) {
            self.last = seq.to_owned();
        }
        events.iter().filter(|event| event.contains(";MSG;")).count()
    }
}
