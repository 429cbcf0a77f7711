//! Pairs and rooms on wachat: SEND on the one port, POLL on the other.

use super::{Reader, TEXT, Talk, Writer};
use crate::memory;
use crate::support::{Connection, World};

const ROOM: &str = "#sala";

pub fn register(world: &World, pairs: usize) {
    for pair in 0..pairs {
        drop((world.register(&sender(pair)), world.register(&reader(pair))));
    }
}

pub fn pair(world: &World, round: usize, pair: usize) -> Talk {
    let to = reader(pair);
    let session = session(world, &to);
    (Box::new(Sender { line: world.login(&sender(pair)), to, round, sent: 0 }), vec![session])
}

/// Ana talks in a room that this many others are in.
pub fn room(world: &World, round: usize, members: usize) -> Talk {
    let sessions = (0..members).map(|member| session(world, &memory::name(member))).collect();
    (Box::new(Sender { line: world.login("ana"), to: ROOM.to_owned(), round, sent: 0 }), sessions)
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

fn session(world: &World, user: &str) -> Box<dyn Reader> {
    Box::new(Session { line: world.session(user), last: "0".to_owned() })
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
    round: usize,
    sent: usize,
}

impl Writer for Sender {
    fn send(&mut self) {
        let Self { line, to, round, sent } = self;
        let reply = line.request(&format!("SEND;{round}-{sent};{to};{TEXT}"));
        assert!(reply.starts_with("OK;"), "{reply}");
        *sent += 1;
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
