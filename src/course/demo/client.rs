//! A connection of a lesson, whose lines are shown.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::server::Server;
use super::stage::Stage;

/// The users of the lessons, and their password.
pub(super) const USERS: [&str; 2] = ["ana", "luis"];
pub(super) const PASSWORD: &str = "una palabra larga";

/// Longest wait for a line that has to come.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) struct Client {
    user: &'static str,
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Logs in, and makes the account where there is none. The login is not shown: it is the same in all lessons.
    pub fn connect(user: &'static str, address: SocketAddr) -> Result<Self, String> {
        for verb in ["LOGIN", "REGISTER"] {
            let mut client = Self::connect_later(user, address)?;
            client.write(&format!("{verb}:{user}:{PASSWORD}"))?;
            if client.read()?.starts_with("OK;") {
                return Ok(client);
            }
        }
        Err(format!("the server has no account for {user}"))
    }

    /// Connects, and does not log in yet.
    pub fn connect_later(user: &'static str, address: SocketAddr) -> Result<Self, String> {
        let stream = TcpStream::connect(address).map_err(|error| format!("{address}: {error}"))?;
        let timed = stream.set_read_timeout(Some(PATIENCE)).and_then(|()| stream.set_nodelay(true));
        timed.map_err(|error| error.to_string())?;
        Ok(Self { user, stream: BufReader::new(stream) })
    }

    /// Sends a request and waits for its reply, without showing them.
    pub fn prepare(&mut self, request: &str) -> Result<(), String> {
        self.write(request)?;
        self.read().map(drop)
    }

    /// Sends a request, and shows it with its reply.
    pub fn request(&mut self, stage: &mut Stage, server: &Server, request: &str) -> Result<String, String> {
        self.send(stage, request)?;
        let reply = self.read()?;
        let here = self.stream.get_ref().local_addr().ok().filter(|_| request.starts_with("SEND;"));
        if here.is_some_and(|here| server.has_synced(here, request, &reply)) {
            stage.event("       ● the server syncs its log");
        }
        stage.line(self.user, '<', &reply);
        Ok(reply)
    }

    /// Sends a request, shows it, and does not wait for the reply.
    pub fn send(&mut self, stage: &mut Stage, request: &str) -> Result<(), String> {
        stage.line(self.user, '>', &request.replace(PASSWORD, "***"));
        self.write(request)
    }

    /// Sends a request whose reply is a list, and shows both. Returns the records.
    pub fn request_list(&mut self, stage: &mut Stage, request: &str) -> Result<Vec<String>, String> {
        self.send(stage, request)?;
        let head = self.read()?;
        stage.line(self.user, '<', &head);
        let count: usize = head.strip_prefix("OK;").and_then(|count| count.parse().ok()).unwrap_or(0);
        let mut records = Vec::new();
        for _ in 0..count.min(MOST_RECORDS) {
            let record = self.read()?;
            stage.line(self.user, '<', &record);
            records.push(record);
        }
        Ok(records)
    }

    /// Sends one request again and again, without reading, until the server takes no more bytes for a moment, or `most`
    /// were sent. Returns the bytes.
    pub fn flood(&mut self, request: &str, most: usize) -> Result<usize, String> {
        let failed = |error: std::io::Error| error.to_string();
        self.stream.get_ref().set_write_timeout(Some(FULL)).map_err(failed)?;
        let block = format!("{request}\n").repeat(1_000);
        let mut sent = 0;
        while sent < most {
            match self.stream.get_mut().write(block.as_bytes()) {
                Ok(bytes) => sent += bytes,
                Err(_) => break,
            }
        }
        Ok(sent)
    }

    /// Waits at most so long for a line.
    pub fn waits_for_a_line(&mut self, time: Duration) -> Option<String> {
        self.stream.get_ref().set_read_timeout(Some(time)).ok()?;
        self.read().ok()
    }

    fn write(&mut self, line: &str) -> Result<(), String> {
        let failed = |error| format!("{}'s connection: {error}", self.user);
        self.stream.get_mut().write_all(format!("{line}\n").as_bytes()).map_err(failed)
    }

    fn read(&mut self) -> Result<String, String> {
        let mut line = String::new();
        match self.stream.read_line(&mut line) {
            Ok(1..) if line.ends_with('\n') => Ok(line.trim_end_matches(['\r', '\n']).to_owned()),
            Ok(_) => Err(format!("the server has closed {}'s connection", self.user)),
            Err(error) => Err(format!("{} waits for a reply: {error}", self.user)),
        }
    }
}

/// Most records of a list that are read.
const MOST_RECORDS: usize = 1_000;

/// A server that takes no byte in this time has stopped reading.
const FULL: Duration = Duration::from_millis(700);
