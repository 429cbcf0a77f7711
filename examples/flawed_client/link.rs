//! A connection: the login, requests and replies.

use std::collections::VecDeque;
use std::env;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use wachat::record::{Fields, Writer};

use super::{Flaw, end};

/// Longer than a poll waits. Without it a broken network would block the client for ever.
const TIMEOUT: Duration = Duration::from_secs(12);

#[derive(Clone)]
pub struct Account {
    pub flaw: Flaw,
    server: String,
    send: String,
    recv: String,
    login: String,
}

impl Account {
    pub fn from_environment(flaw: Flaw) -> Self {
        let value = |name: &str| env::var(name).unwrap_or_else(|_| end(&format!("{name} is not set")));
        let login = format!("LOGIN:{}:{}", value("WACHAT_USER"), value("WACHAT_PASSWORD"));
        let [server, send, recv] = ["WACHAT_SERVER", "WACHAT_SEND_PORT", "WACHAT_RECV_PORT"].map(value);
        Self { flaw, server, send, recv, login }
    }

    /// Writes a record, with quotes and escapes where they are needed.
    pub fn record(&self, fields: &[&str]) -> String {
        if self.flaw == Flaw::NoQuotes {
            return fields.join(";");
        }
        let mut out = Vec::new();
        let mut record = Writer::new(&mut out);
        fields.iter().for_each(|field| _ = record.text(field));
        String::from_utf8(out).expect("UTF-8 of UTF-8")
    }
}

/// Reads a record.
pub fn fields(flaw: Flaw, line: &str) -> Vec<String> {
    match Fields::parse(line.as_bytes()) {
        Ok(fields) if flaw != Flaw::NoQuotes => fields.iter().map(str::to_owned).collect(),
        _ => line.split(';').map(str::to_owned).collect(),
    }
}

/// The reason why a request has no OK.
pub enum Failure {
    /// The connection has ended, or nothing came in time: the outcome is unknown.
    Broken,
    /// Refused for now: a later retry may succeed.
    Later,
    /// Refused for good.
    Refused(String),
}

/// The pauses between attempts: each is longer than the one before.
pub struct Pause {
    flaw: Flaw,
    count: u32,
}

impl Pause {
    pub fn new(account: &Account) -> Self {
        Self { flaw: account.flaw, count: 0 }
    }

    /// Ends the series of failures.
    pub fn end(&mut self) {
        self.count = 0;
    }

    pub fn wait(&mut self, failure: &Failure) {
        let first = match (self.flaw, failure) {
            (_, Failure::Refused(why)) => end(why),
            (Flaw::GivesUp, Failure::Broken) => end("the connection is broken"),
            (Flaw::HotLoop, _) => return,
            (_, Failure::Later) => 300,
            (_, Failure::Broken) => 700,
        };
        thread::sleep(Duration::from_millis(first << self.count.min(4)));
        self.count += 1;
    }
}

pub struct Link {
    flaw: Flaw,
    stream: TcpStream,
    /// The bytes of a line that is not complete.
    rest: Vec<u8>,
    lines: VecDeque<String>,
}

impl Link {
    /// Connects, and logs in; returns the reply, too.
    pub fn open(account: &Account, on_recv: bool) -> Result<(Self, Vec<String>), Failure> {
        let port = if on_recv { &account.recv } else { &account.send };
        let stream = TcpStream::connect(format!("{}:{port}", account.server)).map_err(|_| Failure::Broken)?;
        stream.set_read_timeout(Some(TIMEOUT)).map_err(|_| Failure::Broken)?;
        let mut link = Self { flaw: account.flaw, stream, rest: Vec::new(), lines: VecDeque::new() };
        link.write(&account.login)?;
        match link.reply() {
            Err(Failure::Refused(why)) => end(&why),
            reply => reply.map(|fields| (link, fields)),
        }
    }

    pub fn write(&mut self, line: &str) -> Result<(), Failure> {
        self.stream.write_all(format!("{line}\n").as_bytes()).map_err(|_| Failure::Broken)
    }

    /// Reads the first line of a reply.
    pub fn reply(&mut self) -> Result<Vec<String>, Failure> {
        let line = self.line()?;
        let fields = fields(self.flaw, &line);
        match fields.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["OK", ..] => Ok(fields),
            // The user or the administrator wanted it to end, or another client of the user has taken over.
            ["KO", "AUTH" | "REPLACED" | "BANNED", ..] => end(&line),
            ["KO", "RATE" | "QUOTA" | "FULL", ..] => Err(Failure::Later),
            ["KO", "TIMEOUT" | "SHUTDOWN" | "INTERNAL", ..] => Err(Failure::Broken),
            ["KO", ..] => Err(Failure::Refused(line)),
            _ => Err(Failure::Broken),
        }
    }

    pub fn line(&mut self) -> Result<String, Failure> {
        let mut buffer = [0; 64 << 10];
        loop {
            if let Some(line) = self.lines.pop_front() {
                return Ok(line);
            }
            match self.stream.read(&mut buffer) {
                Ok(count @ 1..) => self.add(&buffer[..count]),
                _ => return Err(Failure::Broken),
            }
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes.strip_suffix(b"\r").unwrap_or(bytes)).into_owned();
        let pieces = bytes.strip_suffix(b"\n").unwrap_or(bytes).split(|byte| *byte == b'\n').map(text);
        match self.flaw {
            Flaw::OneReadIsOneLine => return self.lines.extend(pieces.take(1)),
            Flaw::OneReadIsOneReply => return self.lines.extend(pieces),
            _ => self.rest.extend_from_slice(bytes),
        }
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).take(end).collect();
            self.lines.push_back(text(&line));
        }
    }
}
