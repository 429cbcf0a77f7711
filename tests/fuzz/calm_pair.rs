//! A calm pair of users beside the hostile ones: after each session one writes, and the other has to get it. The numbers
//! of all events that are seen are compared: one number, one message, whoever sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use wachat::course::checker::{Checker, Seen, Verdict};
use wachat::protocol::{Accepted, Event, parse_reply};
use wachat::protocol::{Codec as _, HistoryRecord};

use crate::grammar::ROOMS;
use crate::support::{Connection, PASSWORD};

/// Connects to a server, under TLS or in the clear, and logs in.
pub fn enter(address: SocketAddr, is_tls: bool, line: &str) -> Option<Connection> {
    let mut connection = if is_tls { Connection::open_tls(address) } else { Connection::open(address) };
    connection.request(line).starts_with("OK;").then_some(connection)
}

/// The sender and the id of the message of each number.
#[derive(Default)]
struct Numbers(BTreeMap<u64, (String, String)>);

impl Numbers {
    fn note(&mut self, seq: u64, from: &str, id: &str) {
        let message = (from.to_owned(), id.to_owned());
        let known = self.0.entry(seq).or_insert_with(|| message.clone());
        assert_eq!(*known, message, "two messages have the number {seq}");
    }
}

pub struct Pair {
    writer: Connection,
    /// The RECV session of the writer.
    states: Connection,
    reader: Connection,
    /// The SEND connection of the reader.
    asks: Connection,
    checker: Checker,
    numbers: Numbers,
    /// Users whose password is another by now.
    locked_out: BTreeSet<String>,
    /// The last number that the reader holds.
    last: u64,
    sent: u64,
}

impl Pair {
    pub fn new(addresses: [SocketAddr; 2], is_tls: bool) -> Self {
        let open = |address, line: String| enter(address, is_tls, &line).unwrap_or_else(|| panic!("no {line}"));
        let [send, recv] = addresses;
        let writer = open(send, format!("REGISTER:writer:{PASSWORD}"));
        let mut asks = open(send, format!("REGISTER:reader:{PASSWORD}"));
        let states = open(recv, format!("LOGIN:writer:{PASSWORD}"));
        let reader = open(recv, format!("LOGIN:reader:{PASSWORD}"));
        ROOMS.iter().for_each(|room| assert_eq!(asks.request(&format!("JOIN;{room}")), "OK"));
        let mut checker = Checker::default();
        ["writer", "reader"].iter().for_each(|user| checker.registered(user));
        Self {
            writer,
            states,
            reader,
            asks,
            checker,
            numbers: Numbers::default(),
            locked_out: BTreeSet::new(),
            last: 0,
            sent: 0,
        }
    }

    /// Sends a message from one to the other.
    pub fn exchange(&mut self) {
        // This connection is needed in the end only, and must not be idle until then.
        assert_eq!(self.asks.request("PING"), "OK");
        self.sent += 1;
        let id = format!("calm-{}", self.sent);
        let text = format!("message {}", self.sent);
        self.checker.asks("writer", &id, "reader", &text);
        let reply = self.writer.request(&format!("SEND;{id};reader;{text}"));
        let accepted = parse_reply::<Accepted>(reply.as_bytes()).expect("a reply").expect("an OK");
        must(self.checker.accepted("writer", &id, &accepted.at.to_string(), accepted.seq.get()));
        while self.last < accepted.seq.get() {
            self.poll(5);
        }
        // This acknowledges the message, too.
        self.poll(0);
        while self.checker.verdict().is_err() {
            self.hear_of_states();
        }
    }

    /// Takes the next events of the reader.
    fn poll(&mut self, wait: u64) {
        self.checker.acknowledges("reader", self.last);
        let events = self.reader.poll(self.last, wait);
        self.last = follow(&events, self.last, &mut self.numbers, |seen| {
            // The others' messages have no known origin.
            if seen.from == "writer" {
                must(self.checker.received("reader", seen));
            }
        });
    }

    /// Takes the next events of the writer, who is told how far the messages have come.
    fn hear_of_states(&mut self) {
        let events = self.states.list("POLL;*;5");
        assert!(!events.is_empty(), "{:?}", self.checker.verdict());
        for line in events {
            if let Event::State { seq, target, state, upto, .. } = Event::parse(line.as_bytes()).expect("an event") {
                let target = target.to_string();
                let state = state.to_string();
                must(self.checker.told("writer", seq.get(), &target, &state, upto.get()));
            }
        }
    }

    /// Takes all that waits for another user. A late request of that user may change the password, or log out.
    pub fn drain(&mut self, recv: SocketAddr, is_tls: bool, user: &str) {
        if self.locked_out.contains(user) {
            return;
        }
        let Some(mut session) = enter(recv, is_tls, &format!("LOGIN:{user}:{PASSWORD}")) else {
            // After more failures this address would have to wait.
            self.locked_out.insert(user.to_owned());
            return;
        };
        let mut last = 0;
        loop {
            session.send(format!("POLL;{last};0\n"));
            let Some(head) = session.try_read_line().filter(|head| head.starts_with("OK;")) else { return };
            let count = head.trim_start_matches("OK;").parse().expect("a count");
            let events: Vec<_> = (0..count).map_while(|_| session.try_read_line()).collect();
            let newest = follow(&events, last, &mut self.numbers, |_| {});
            if newest == last {
                return;
            }
            last = newest;
        }
    }

    /// Compares the histories of the rooms with what was seen.
    pub fn compare_histories(&mut self) {
        for room in ROOMS {
            let rows = self.asks.whole_history(room);
            let rows = rows.iter().map(|row| HistoryRecord::parse(row.as_bytes()).expect("a record"));
            let messages: Vec<_> = rows.map(|row| row.message().expect("no damage").clone()).collect();
            assert!(messages.is_sorted_by(|one, next| one.seq < next.seq), "{room} is not in order");
            messages.iter().for_each(|m| self.numbers.note(m.seq.get(), &m.from.to_string(), m.id.as_str()));
        }
    }
}

fn must(verdict: Verdict) {
    verdict.unwrap_or_else(|broken| panic!("{broken}"));
}

/// Notes events, the numbers of which have to rise; returns the last of them.
fn follow(events: &[String], mut last: u64, numbers: &mut Numbers, mut each: impl FnMut(Seen)) -> u64 {
    for line in events {
        let event = Event::parse(line.as_bytes()).expect("an event");
        let seq = event.seq().get();
        assert!(seq == 0 || seq > last, "{line} comes after number {last}");
        last = last.max(seq);
        if let Event::Message(m) = event {
            let id = m.id.to_string();
            let from = m.from.to_string();
            let to = m.to.to_string();
            numbers.note(seq, &from, &id);
            each(Seen { seq, id, from, to, text: m.text.as_str().to_owned(), erased: m.text.is_erased() });
        }
    }
    last
}
