//! A pair on wachat: SEND on the one port, POLL on the other.

use super::{Pair, Reader, TEXT, Writer};
use crate::support::{Line, Server};

pub fn register(server: &Server, pairs: usize) {
    for pair in 0..pairs {
        drop((server.register(&sender(pair)), server.register(&reader(pair))));
    }
}

pub fn pair(server: &Server, round: usize, pair: usize) -> Pair {
    let to = reader(pair);
    let session = Session { line: server.session(&to), last: "0".to_owned() };
    (Box::new(Sender { line: server.login(&sender(pair)), to, round, sent: 0 }), Box::new(session))
}

fn sender(pair: usize) -> String {
    format!("sender{pair}")
}

fn reader(pair: usize) -> String {
    format!("reader{pair}")
}

struct Sender {
    line: Line,
    to: String,
    round: usize,
    sent: usize,
}

impl Writer for Sender {
    fn send(&mut self) {
        let Self { line, to, round, sent } = self;
        let reply = line.ask(&format!("SEND;{round}-{sent};{to};{TEXT}"));
        assert!(reply.starts_with("OK;"), "{reply}");
        *sent += 1;
    }
}

struct Session {
    line: Line,
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
