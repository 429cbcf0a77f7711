//! A user of a crowd: the receiver of a client that logs in as a device, polls, and connects again, with the pauses of
//! wachat's client.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use wachat::client::link::backoff::Backoff;
use wachat::limits;

use super::wire::Wire;
use crate::support::PASSWORD;

/// Time after which a client gives up a connection on which a reply is overdue.
const OVERDUE: Duration = limits::TIMEOUT.saturating_add(limits::POLL_MARGIN);

/// Kind of the line that is expected from the server next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Nothing,
    Login,
    Key,
    /// The head of the reply to a POLL.
    Poll,
    /// This many events of it.
    Events(usize),
}

pub struct User {
    pub name: String,
    source: [u8; 4],
    recv: SocketAddr,
    /// The key of its device, from the first login on: that one is with the password.
    key: Option<String>,
    pub wire: Option<Wire>,
    input: Vec<u8>,
    next: Next,
    /// Time of the next connection, or at which the reply is overdue.
    pub due: Option<Instant>,
    retry: Backoff,
    /// The events that it has stored, the number of the last, and the number that it has acknowledged.
    pub events: Vec<String>,
    position: u64,
    pub acknowledged: u64,
    /// It stores no more than this many events until its connection ends: it takes the others, and asks no further.
    pub stores: Option<usize>,
    /// Number of events that it waits for.
    pub wanted: usize,
    /// Time of the first answer to a poll on this connection, since [`User::expect_return`].
    pub back: Option<Instant>,
    /// The number that the server called acknowledged at the last login.
    pub resumed: u64,
    /// Reasons for which connections have ended since then.
    pub ends: BTreeMap<String, usize>,
}

impl User {
    pub fn new(name: String, source: [u8; 4], recv: SocketAddr) -> Self {
        Self {
            name,
            source,
            recv,
            key: None,
            wire: None,
            input: Vec::new(),
            next: Next::Nothing,
            due: Some(Instant::now()),
            retry: Backoff::default(),
            events: Vec::new(),
            position: 0,
            acknowledged: 0,
            stores: None,
            wanted: 0,
            back: None,
            resumed: 0,
            ends: BTreeMap::new(),
        }
    }

    /// Waits for the next session, not for the one that it has.
    pub fn expect_return(&mut self) {
        self.back = None;
        self.ends.clear();
    }

    /// Returns whether the user is connected and has what it waits for.
    pub fn is_settled(&self) -> bool {
        self.back.is_some() && self.events.len() >= self.wanted && self.acknowledged == self.position
    }

    /// Does what is due. Returns whether there is a new connection.
    pub fn wake(&mut self) -> bool {
        if self.wire.is_some() {
            self.fail("no reply in time".to_owned());
            return false;
        }
        match Wire::open(self.source, self.recv) {
            Ok(mut wire) => {
                wire.say(&match &self.key {
                    Some(key) => format!("KEY:d:{}:{key}", self.name),
                    None => format!("DEVICE:d:{}:{PASSWORD}", self.name),
                });
                self.wire = Some(wire);
                self.expect(Next::Login);
                true
            }
            Err(error) => {
                self.fail(describe(&error));
                false
            }
        }
    }

    /// Sends and receives what can be, without waiting.
    pub fn exchange(&mut self) {
        while let Some(wire) = &mut self.wire {
            let done = wire.exchange(&mut self.input);
            let had = self.take_lines();
            if let Err(error) = done {
                return self.fail(describe(&error));
            }
            if !had {
                return;
            }
        }
    }

    /// Takes the whole lines of the input; returns whether there were any.
    fn take_lines(&mut self) -> bool {
        let mut input = std::mem::take(&mut self.input);
        let Some(end) = input.iter().rposition(|byte| *byte == b'\n') else {
            self.input = input;
            return false;
        };
        let lines = String::from_utf8(input.drain(..=end).collect()).expect("UTF-8");
        self.input = input;
        lines.lines().for_each(|line| self.take_line(line));
        true
    }

    fn take_line(&mut self, line: &str) {
        if self.wire.is_none() {
            return;
        }
        if let Some(ko) = line.strip_prefix("KO;") {
            return self.fail(format!("KO {}", ko.split(';').next().unwrap_or_default()));
        }
        match self.next {
            Next::Login => {
                self.resumed = line.split(';').nth(3).and_then(|number| number.parse().ok()).expect("a number");
                if self.key.is_some() { self.poll(0) } else { self.ask(Next::Key, "KEY") }
            }
            Next::Key => {
                self.key = line.strip_prefix("OK;").map(str::to_owned);
                self.poll(0);
            }
            Next::Poll => {
                let count = line.strip_prefix("OK;").and_then(|count| count.parse().ok()).expect("a count");
                self.back.get_or_insert_with(Instant::now);
                self.retry.note_success();
                self.await_events(count);
            }
            Next::Events(count) => {
                self.store(line);
                self.await_events(count - 1);
            }
            Next::Nothing => panic!("{}: nothing was asked, and the server says {line}", self.name),
        }
    }

    /// An event under a number that is stored already is ignored, as the protocol says.
    fn store(&mut self, event: &str) {
        let number: u64 = event.split(';').next().and_then(|number| number.parse().ok()).expect("a number");
        let has_room = self.stores.is_none_or(|most| self.events.len() < most);
        if number > self.position && has_room {
            self.position = number;
            self.events.push(event.to_owned());
        }
    }

    fn await_events(&mut self, count: usize) {
        if count > 0 {
            return self.expect(Next::Events(count));
        }
        let is_full = self.stores.is_some_and(|most| self.events.len() >= most);
        if is_full && self.acknowledged == self.position {
            self.next = Next::Nothing;
            self.due = None;
        } else {
            self.poll(limits::POLL_WAIT_SECONDS);
        }
    }

    fn poll(&mut self, wait: u64) {
        self.acknowledged = self.position;
        self.ask(Next::Poll, &format!("POLL;{};{wait}", self.position));
    }

    fn ask(&mut self, next: Next, line: &str) {
        self.wire.as_mut().expect("a connection").say(line);
        self.expect(next);
    }

    fn expect(&mut self, next: Next) {
        self.next = next;
        self.due = Some(Instant::now() + OVERDUE);
    }

    /// The connection has ended: the next one is opened after a pause.
    fn fail(&mut self, why: String) {
        *self.ends.entry(why).or_default() += 1;
        self.wire = None;
        // An answer of this connection may have come before its end.
        self.back = None;
        self.input.clear();
        self.next = Next::Nothing;
        self.stores = None;
        self.due = Some(Instant::now() + self.retry.next_delay());
    }
}

fn describe(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionRefused => "no server".to_owned(),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => "closed".to_owned(),
        kind => format!("{kind}: {error}"),
    }
}
