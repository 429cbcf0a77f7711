//! A connection to the server, line by line.

use std::io::{BufRead, BufReader, ErrorKind};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use wachat::course::judge::pattern::is_time;
use wachat::limits;
use wachat::net::Socket;

use super::tls::{self, Reader};
use super::{TIMEOUT, wait_for};

/// A connection whose waits all end after [`TIMEOUT`].
pub struct Connection {
    stream: BufReader<Reader>,
}

impl Connection {
    pub fn open(address: SocketAddr) -> Self {
        Self::try_open(address).expect("a connection")
    }

    /// Connects, sends the first line, and returns its reply.
    pub fn open_with(address: SocketAddr, line: &str) -> (String, Self) {
        let mut connection = Self::open(address);
        (connection.request(line), connection)
    }

    /// Connects to a server that may not be there.
    pub fn try_open(address: SocketAddr) -> Option<Self> {
        Self::from_stream(TcpStream::connect_timeout(&address, TIMEOUT).ok()?).ok()
    }

    /// Connects from another address of this machine: all of 127.0.0.0/8 are.
    pub fn open_from(source: [u8; 4], address: SocketAddr) -> Self {
        Self::from_stream(connect_from(source, address)).expect("a connection")
    }

    /// Wraps a connection that is open.
    pub fn from_stream(stream: TcpStream) -> std::io::Result<Self> {
        stream.set_nodelay(true)?;
        let socket = if tls::is_everywhere() { tls::secure(stream)? } else { stream.into() };
        Ok(Self::from_socket(socket))
    }

    /// Connects to a server that speaks TLS.
    pub fn open_tls(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("a connection");
        Self::from_socket(tls::secure(stream).expect("TLS"))
    }

    fn from_socket(socket: Socket) -> Self {
        Self { stream: BufReader::new(Reader { socket, timeout: TIMEOUT }) }
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).expect("to send");
    }

    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.stream.get_ref().socket.write_all(bytes.as_ref())
    }

    /// Reads the next line, without its LF.
    pub fn read_line(&mut self) -> String {
        self.try_read_line().expect("a line, not the end")
    }

    /// Reads the next line; `None` at the end of the connection, be it a close or a reset.
    pub fn try_read_line(&mut self) -> Option<String> {
        let mut bytes = Vec::new();
        let read = self.stream.read_until(b'\n', &mut bytes);
        assert!(!matches!(&read, Err(e) if e.kind() == ErrorKind::WouldBlock), "waited in vain for a line");
        read.ok().filter(|n| *n > 0)?;
        bytes.strip_suffix(b"\n").map(|line| String::from_utf8(line.to_vec()).expect("UTF-8"))
    }

    /// Reads the next line if its first bytes arrive within this time; `None` also at the end of the connection.
    pub fn try_read_line_within(&mut self, time: Duration) -> Option<String> {
        if self.has_input(time) { self.try_read_line() } else { None }
    }

    /// Sends one request and returns the first line of its reply.
    pub fn request(&mut self, request: &str) -> String {
        self.send(format!("{request}\n"));
        self.read_line()
    }

    /// Sends a message, which the server has to accept. Its id is made of the text.
    #[track_caller]
    pub fn send_message(&mut self, target: &str, text: &str) {
        let id = text.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        let reply = self.request(&format!("SEND;{id};{target};{text}"));
        assert!(reply.starts_with(&format!("OK;{id};")), "{reply}");
    }

    /// Sends one request whose reply is a list, and returns its records.
    pub fn list(&mut self, request: &str) -> Vec<String> {
        self.send(format!("{request}\n"));
        self.read_list(request)
    }

    /// Returns all rows of a conversation, oldest first. HISTORY is asked for a page after the other, from its end.
    pub fn whole_history(&mut self, target: &str) -> Vec<String> {
        let mut rows = Vec::new();
        let mut before = String::new();
        loop {
            let mut page = self.list(&format!("HISTORY;{target};{}{before}", limits::MAX_HISTORY_RECORDS));
            let Some(first) = page.first().and_then(|row| row.split(';').next()) else { return rows };
            before = format!(";{first}");
            page.append(&mut rows);
            rows = page;
        }
    }

    /// Reads the records of a list whose request was sent before.
    pub fn read_list(&mut self, request: &str) -> Vec<String> {
        let head = self.read_line();
        let count = head.strip_prefix("OK;").and_then(|n| n.split(';').next()?.parse::<usize>().ok());
        let count = count.unwrap_or_else(|| panic!("{request} was answered {head}"));
        (0..count).map(|_| self.read_line()).collect()
    }

    /// Runs a transcript: sends the lines after `> `, and asserts that the server sends those after `< `. There
    /// `<at>` stands for any time, and `...` at the end for the text of an error.
    #[track_caller]
    pub fn run_transcript(&mut self, script: &str) {
        for step in script.lines().map(str::trim).filter(|step| !step.is_empty()) {
            match (step.strip_prefix("> "), step.strip_prefix("< ")) {
                (Some(request), _) => self.send(format!("{request}\n")),
                (_, Some(expected)) => {
                    let said = self.try_read_line().unwrap_or_else(|| "the end of the connection".to_owned());
                    assert!(is_like(&said, expected), "expected {expected}\n but got {said}\n in{script}");
                }
                _ => panic!("a step of a transcript begins with > or <: {step}"),
            }
        }
    }

    /// Sends one request and asserts that its reply is a KO with this code.
    #[track_caller]
    pub fn expect_ko(&mut self, request: &str, code: &str) {
        let reply = self.request(request);
        let start: String = request.chars().take(60).collect();
        assert!(reply.starts_with(&format!("KO;{code};")), "{start:?} was answered {reply:?}, not with {code}");
    }

    /// Polls; returns the events.
    pub fn poll(&mut self, after: u64, wait: u64) -> Vec<String> {
        self.list(&format!("POLL;{after};{wait}"))
    }

    /// Waits until a user has a RECV session.
    pub fn wait_until_online(&mut self, user: &str) {
        let entry = format!("{user};online;");
        wait_for("a user to be online", || self.list("USERS").iter().any(|u| u.starts_with(&entry)).then_some(()));
    }

    /// Checks that bytes, or the end of the connection, arrive within this time.
    pub fn has_input(&mut self, within: Duration) -> bool {
        self.stream.get_mut().timeout = within;
        let input = self.stream.fill_buf().is_ok();
        self.stream.get_mut().timeout = TIMEOUT;
        input
    }

    /// Returns what [`Connection::list`] does, with `<at>` in place of the times.
    pub fn list_without_times(&mut self, request: &str) -> Vec<String> {
        self.list(request).iter().map(|record| without_times(record)).collect()
    }

    /// Ends the output of this side. The server can still send.
    pub fn half_close(&mut self) {
        self.stream.get_ref().socket.tcp().shutdown(Shutdown::Write).expect("a half-close");
    }

    /// Reads all lines up to the end of the connection.
    pub fn read_rest(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.try_read_line()).collect()
    }

    /// Asserts that the server has closed.
    pub fn assert_closed(&mut self) {
        assert_eq!(self.try_read_line(), None, "the connection should be closed");
    }
}

/// Connects from an address of this machine.
pub fn connect_from(source: [u8; 4], address: SocketAddr) -> TcpStream {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with};
    // A program that another test starts would hold the connection open.
    let flags = SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None).expect("a socket");
    bind(&socket, &SocketAddr::from((source, 0))).expect("an address of the loopback interface");
    connect(&socket, &address).expect("a connection");
    socket.into()
}

fn is_like(said: &str, expected: &str) -> bool {
    let said = without_times(said);
    match expected.strip_suffix("...") {
        Some(start) => said.starts_with(start) && said.len() > start.len(),
        None => said == expected,
    }
}

/// Replaces every field of a record that is a time (protocol section 2) by `<at>`.
pub fn without_times(record: &str) -> String {
    record.split(';').map(|field| if is_time(field) { "<at>" } else { field }).collect::<Vec<_>>().join(";")
}
