//! The traffic of a server, counted from its trace while the server writes it.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Seek as _, SeekFrom};
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::limits;
use crate::protocol::{Accepted, Codec as _, Port};
use crate::trace::{Entry, Event, Link};

/// Counts of a trace up to the place where it was read last.
#[derive(Default)]
pub struct Traffic {
    /// Messages that the server has accepted: a retry counts once.
    pub messages: u64,
    /// Entries that the trace lacks.
    dropped: u64,
    /// Runs that ended without `STOP` before the next began.
    broken_runs: u64,
    is_running: bool,
    /// The open connections, with their users once they are logged in.
    links: HashMap<(bool, SocketAddr), String>,
    newest: u64,
    /// The file, and the bytes of it that were read.
    file: u64,
    read: u64,
}

impl Traffic {
    /// Reads what has been added to the trace. A trace that is not there counts as empty.
    pub fn update(&mut self, path: &Path) -> io::Result<()> {
        let mut file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                *self = Self::default();
                return Ok(());
            }
            opened => opened?,
        };
        let about = file.metadata()?;
        if about.ino() != self.file || about.len() < self.read {
            *self = Self { file: about.ino(), ..Self::default() };
        }
        file.seek(SeekFrom::Start(self.read))?;
        let mut file = BufReader::new(file);
        let mut line = Vec::new();
        // A line without its end is being written.
        while file.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
            self.read += line.len() as u64;
            if let Some(entry) = Entry::parse(line.trim_ascii_end()) {
                self.add(&entry);
            }
            line.clear();
        }
        Ok(())
    }

    fn add(&mut self, entry: &Entry) {
        match (entry.event, entry.link) {
            (Event::Start, _) => {
                self.broken_runs += u64::from(self.is_running);
                self.is_running = true;
                self.links.clear();
            }
            (Event::Stop, _) => {
                self.is_running = false;
                self.links.clear();
            }
            (Event::Dropped, _) => self.dropped += entry.number,
            (Event::Close, Some(link)) => _ = self.links.remove(&key(link)),
            (Event::Open, Some(link)) => _ = self.links.insert(key(link), String::new()),
            (Event::In | Event::Out, Some(link)) => {
                if let Some(user) = self.links.get_mut(&key(link)).filter(|user| user.as_str() != entry.user) {
                    (*entry.user).clone_into(user);
                }
                if entry.event == Event::Out {
                    self.count_message(&entry.text);
                }
            }
            _ => {}
        }
    }

    /// Counts the reply to a SEND. The server answers in the order of its sequence, but for retries.
    fn count_message(&mut self, line: &str) {
        let number = Accepted::parse(line.as_bytes()).map_or(0, |accepted| accepted.seq.get());
        if number > self.newest {
            self.newest = number;
            self.messages += 1;
        }
    }

    /// Returns whether the trace lacks entries, or is as long as it gets: there may have been more messages.
    pub fn is_partial(&self) -> bool {
        self.dropped > 0 || self.read + limits::TRACE_QUEUE_BYTES as u64 > limits::TRACE_FILE_BYTES
    }

    /// Returns the number of open connections, and of the users who have a session.
    pub fn connected(&self) -> (usize, usize) {
        let sessions = self.links.iter().filter(|((is_recv, _), user)| *is_recv && !user.is_empty());
        (self.links.len(), sessions.map(|(_, user)| user).collect::<HashSet<_>>().len())
    }

    /// Returns how often the server ended without being stopped. `is_up`: it runs now.
    pub fn crashes(&self, is_up: bool) -> u64 {
        self.broken_runs + u64::from(self.has_crashed(is_up))
    }

    /// Returns whether the last run ended without being stopped.
    pub fn has_crashed(&self, is_up: bool) -> bool {
        self.is_running && !is_up
    }
}

/// The connections of a server differ in the port and in the address of the client.
fn key(link: Link) -> (bool, SocketAddr) {
    (link.port == Port::Recv, link.peer)
}
