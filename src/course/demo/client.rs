//! A connection of a lesson, whose lines are shown.

use std::net::SocketAddr;
use std::time::Duration;

use super::server::{PASSWORD, Server};
use super::stage::Stage;
use crate::course::wire::{Came, Wire};
use crate::protocol::exchange::Verb;

/// Longest wait for a line that has to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server that takes no byte in this time has stopped reading.
const FULL: Duration = Duration::from_millis(700);

/// Most records of a list that are read.
const MOST_RECORDS: usize = 1_000;

pub(super) struct Client {
    user: &'static str,
    wire: Wire,
}

impl Client {
    /// Logs in, and makes the account where there is none. The login is not shown: it is the same in all lessons.
    pub fn connect(user: &'static str, address: SocketAddr) -> Result<Self, String> {
        for verb in ["LOGIN", "REGISTER"] {
            let mut client = Self::connect_later(user, address)?;
            if client.enter(verb)?.starts_with("OK;") {
                return Ok(client);
            }
        }
        Err(format!("the server has no account for {user}"))
    }

    /// Connects, and does not log in yet.
    pub fn connect_later(user: &'static str, address: SocketAddr) -> Result<Self, String> {
        let wire = Wire::open(address, PATIENCE).map_err(|error| format!("{address}: {error}"))?;
        Ok(Self { user, wire })
    }

    /// Sends the login line, and returns its reply.
    pub fn enter(&mut self, verb: &str) -> Result<String, String> {
        self.write(&format!("{verb}:{}:{PASSWORD}", self.user));
        self.read()
    }

    /// Sends a request and waits for its reply, without showing them.
    pub fn prepare(&mut self, request: &str) -> Result<(), String> {
        self.write(request);
        self.read().map(drop)
    }

    /// Sends a request, and shows it with its reply.
    pub fn request(&mut self, stage: &mut Stage, server: &Server, request: &str) -> Result<String, String> {
        self.send(stage, request);
        let reply = self.read()?;
        let here = self.wire.local_address().filter(|_| request.starts_with("SEND;"));
        if here.is_some_and(|here| server.has_synced(here, request, &reply)) {
            stage.event("       ● the server syncs its log");
        }
        stage.line(self.user, '<', &reply);
        Ok(reply)
    }

    /// The same, at a server whose trace is not looked at. The error says that there is no reply.
    pub fn ask(&mut self, stage: &mut Stage, request: &str) -> Result<String, String> {
        self.send(stage, request);
        let reply = self.read_reply(request)?;
        stage.line(self.user, '<', &reply);
        Ok(reply)
    }

    /// Sends a request, shows it, and does not wait for the reply.
    pub fn send(&self, stage: &mut Stage, request: &str) {
        stage.line(self.user, '>', &request.replace(PASSWORD, "***"));
        self.write(request);
    }

    /// Sends a request whose reply is a list, and shows both. Returns the records.
    pub fn request_list(&mut self, stage: &mut Stage, request: &str) -> Result<Vec<String>, String> {
        self.send(stage, request);
        let head = self.read_reply(request)?;
        stage.line(self.user, '<', &head);
        let count = Verb::of(request.as_bytes()).records_after(head.as_bytes());
        let mut records = Vec::new();
        for _ in 0..count.min(MOST_RECORDS) {
            let record = self.read()?;
            stage.line(self.user, '<', &record);
            records.push(record);
        }
        Ok(records)
    }

    /// Sends one request again and again, without reading, until the server takes no more bytes for a moment, or `most`
    /// bytes were sent. Returns the bytes.
    pub fn flood(&mut self, request: &str, most: usize) -> usize {
        let block = format!("{request}\n").repeat(1_000);
        self.wire.flood(block.as_bytes(), most.div_ceil(block.len()), FULL) * block.len()
    }

    /// Returns the next line, if it comes within this time.
    pub fn read_within(&mut self, time: Duration) -> Option<String> {
        match self.wire.read_within(time) {
            Came::Line(line) => Some(line),
            _ => None,
        }
    }

    fn write(&self, line: &str) {
        self.wire.send(format!("{line}\n").as_bytes());
    }

    /// Reads the reply to a request. A last line of the server, such as that it leads no more, is none.
    fn read_reply(&mut self, request: &str) -> Result<String, String> {
        let line = self.read()?;
        if Verb::of(request.as_bytes()).is_answered_by(line.as_bytes()) { Ok(line) } else { Err(line) }
    }

    fn read(&mut self) -> Result<String, String> {
        match self.wire.read() {
            Came::Line(line) => Ok(line),
            Came::End => Err(format!("the server has closed {}'s connection", self.user)),
            came => Err(format!("{} waits for a reply: {came}", self.user)),
        }
    }
}
