//! Pairs and rooms on Redis: XADD to a stream, XREAD that blocks. It speaks just enough of the protocol
//! (RESP) for that.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::{Reader, TEXT, Talk, Writer};
use crate::support::{TIMEOUT, wait_for};
use crate::timed;

/// A redis-server process that syncs before it answers, with a directory that goes with it.
pub struct Redis {
    child: Child,
    address: SocketAddr,
    _directory: TempDir,
}

impl Redis {
    /// `None` where redis-server is not installed.
    pub fn start() -> Option<Self> {
        let directory = TempDir::new().expect("a temporary directory");
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = free.expect("a free port");
        let child = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &address.port().to_string(), "--dir"])
            .arg(directory.path())
            .args(["--appendonly", "yes", "--appendfsync", "always", "--save", ""])
            .stdout(Stdio::null())
            .spawn()
            .ok()?;
        let redis = Self { child, address, _directory: directory };
        wait_for("redis-server to listen", || TcpStream::connect(address).ok());
        Some(redis)
    }

    /// Starts a writer with a stream of its own, and this many readers of it.
    pub fn stream(&self, round: usize, number: usize, readers: usize) -> Talk {
        let stream = format!("stream-{round}-{number}");
        let line = || Resp::open(self.address);
        let reader = |_| StreamReader { line: line(), stream: stream.clone(), last: "0".to_owned() };
        let readers = (0..readers).map(|number| Box::new(reader(number)) as Box<dyn Reader>).collect();
        (Box::new(StreamWriter { line: line(), stream: stream.clone() }), readers)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct StreamWriter {
    line: Resp,
    stream: String,
}

impl Writer for StreamWriter {
    fn send(&mut self) -> Duration {
        let (reply, time) = timed(|| self.line.request(&["XADD", &self.stream, "*", "text", TEXT]));
        assert_eq!(reply.len(), 1, "{reply:?}");
        time
    }
}

struct StreamReader {
    line: Resp,
    stream: String,
    /// The id of the newest entry.
    last: String,
}

impl Reader for StreamReader {
    /// A reply is the stream's name and, for each entry, its id, a field's name and its value.
    fn read(&mut self) -> usize {
        let Self { line, stream, last } = self;
        let reply = line.request(&["XREAD", "COUNT", "100", "BLOCK", "1000", "STREAMS", stream, last]);
        let entries = reply.len() / 3;
        if let Some(id) = reply.len().checked_sub(3).and_then(|at| reply.get(at)) {
            last.clone_from(id);
        }
        entries
    }
}

/// A connection, request by request.
struct Resp {
    stream: BufReader<TcpStream>,
}

impl Resp {
    fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, TIMEOUT).expect("a connection");
        stream.set_read_timeout(Some(TIMEOUT)).expect("a time-out");
        stream.set_nodelay(true).expect("no delay");
        Self { stream: BufReader::new(stream) }
    }

    /// Sends a command and returns the strings of its reply, however they are nested.
    fn request(&mut self, words: &[&str]) -> Vec<String> {
        let mut request = format!("*{}\r\n", words.len());
        for word in words {
            request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        self.stream.get_mut().write_all(request.as_bytes()).expect("to send");
        let mut strings = Vec::new();
        self.value(&mut strings);
        strings
    }

    fn value(&mut self, strings: &mut Vec<String>) {
        let mut head = String::new();
        self.stream.read_line(&mut head).expect("a reply");
        let (kind, length) = head.trim_end().split_at(1);
        // Nothing at all has a negative length.
        let length = length.parse::<usize>().ok();
        match (kind, length) {
            ("*", length) => (0..length.unwrap_or(0)).for_each(|_| self.value(strings)),
            ("$", Some(length)) => strings.push(self.string(length)),
            ("$", None) => {}
            _ => panic!("not what was expected: {head}"),
        }
    }

    fn string(&mut self, length: usize) -> String {
        let mut bytes = vec![0; length + 2];
        self.stream.read_exact(&mut bytes).expect("a string");
        bytes.truncate(length);
        String::from_utf8(bytes).expect("UTF-8")
    }
}
