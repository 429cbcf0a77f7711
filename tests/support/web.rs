//! The web port of a server: requests over HTTP, and a client of WebSockets that can break every rule.

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::tls::{self, Reader};
use super::world::choose_ports_in_a_row;
use super::{TIMEOUT, World};

/// The key of RFC 6455, section 1.3, and what it is answered with.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Opcodes of frames.
pub const CONTINUATION: u8 = 0;
pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// The bit of the last fragment of a message.
pub const FINAL: u8 = 0x80;

/// Options of a server that does not close the connection of a test which waits for a browser: on a busy machine that takes long.
pub const PATIENT: [&str; 2] = ["--timeout", "300"];

/// Starts a server with a web port.
pub fn world_with_web(options: &[&str]) -> (World, SocketAddr) {
    let address = SocketAddr::from(([127, 0, 0, 1], choose_ports_in_a_row(1)));
    let text = address.to_string();
    (World::new(&[options, &["--web", &text]].concat()), address)
}

/// Returns the bytes of a frame of a client. `first`: its opcode, with [`FINAL`] perhaps.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let key = [0x37, 0xfa, 0x21, 0x3d];
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..126 => bytes.push(0x80 | length as u8),
        length @ 126..65_536 => bytes.extend([&[0x80 | 126][..], &(length as u16).to_be_bytes()].concat()),
        length => bytes.extend([&[0x80 | 127][..], &(length as u64).to_be_bytes()].concat()),
    }
    bytes.extend(key);
    bytes.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

/// Returns the bytes of a line, as one message.
pub fn message(line: &str) -> Vec<u8> {
    frame(FINAL | TEXT, line.as_bytes())
}

/// Returns the bytes of a request: its first line, and further header fields.
pub fn request(line: &str, fields: &[(&str, &str)]) -> String {
    let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("{line} HTTP/1.1\r\n{fields}\r\n")
}

/// Returns the header fields that ask for a WebSocket.
pub fn upgrade_fields() -> [(&'static str, &'static str); 4] {
    [
        ("Upgrade", "websocket"),
        ("Connection", "keep-alive, Upgrade"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", KEY),
    ]
}

/// An answer over HTTP.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    /// Returns the value of a header field.
    pub fn field(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// A frame of a server.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    pub opcode: u8,
    pub payload: Vec<u8>,
}

/// A connection to a web port.
pub struct Web {
    stream: BufReader<Reader>,
}

impl Web {
    pub fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).expect("a connection"), tls::is_everywhere())
    }

    pub fn connect_tls(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).expect("a connection"), true)
    }

    pub fn over(stream: TcpStream, is_tls: bool) -> Self {
        stream.set_nodelay(true).expect("no delay");
        let socket = if is_tls { tls::secure(stream).expect("TLS") } else { stream.into() };
        Self { stream: BufReader::new(Reader { socket, timeout: TIMEOUT }) }
    }

    /// Opens a WebSocket.
    pub fn open(address: SocketAddr, path: &str) -> Self {
        let mut web = Self::connect(address);
        web.upgrade(path, &[("Host", &address.to_string())]);
        web
    }

    /// Opens a WebSocket and logs in; returns the reply, too.
    pub fn log_in(address: SocketAddr, path: &str, login: &str) -> (String, Self) {
        let mut web = Self::open(address, path);
        let reply = web.ask(login);
        (reply, web)
    }

    /// Has the connection become a WebSocket.
    #[track_caller]
    pub fn upgrade(&mut self, path: &str, fields: &[(&str, &str)]) {
        let answer = self.exchange(&request(&format!("GET {path}"), &[fields, &upgrade_fields()].concat()));
        assert_eq!(answer.status, 101, "{answer:?}");
        assert_eq!(answer.field("Sec-WebSocket-Accept"), Some(ACCEPT));
        assert_eq!(answer.field("Sec-WebSocket-Extensions"), None);
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).expect("to send");
    }

    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.stream.get_ref().socket.write_all(bytes.as_ref())
    }

    pub fn exchange(&mut self, request: &str) -> Answer {
        self.send(request);
        self.read_answer(request.starts_with("HEAD"))
    }

    /// Reads an answer; that to HEAD has no body.
    pub fn read_answer(&mut self, is_head: bool) -> Answer {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let read = self.stream.read_line(&mut head).expect("a head");
            assert!(read > 0, "the end of the connection after {head:?}");
        }
        let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok()).expect("a status");
        let mut answer = Answer { status, head, body: String::new() };
        let length = answer.field("Content-Length").map_or(0, |length| length.parse().expect("a length"));
        if !is_head {
            let mut body = vec![0; length];
            self.stream.read_exact(&mut body).expect("the body");
            answer.body = String::from_utf8(body).expect("UTF-8");
        }
        answer
    }

    pub fn say(&mut self, line: &str) {
        self.send(message(line));
    }

    /// Sends a line and returns the next one.
    pub fn ask(&mut self, line: &str) -> String {
        self.say(line);
        self.read_line()
    }

    /// Reads the next line, which has to be a text message.
    #[track_caller]
    pub fn read_line(&mut self) -> String {
        let frame = self.read_frame().expect("a line, not the end");
        assert_eq!(frame.opcode, TEXT, "{frame:?}");
        String::from_utf8(frame.payload).expect("UTF-8")
    }

    /// Reads the lines of a list.
    pub fn read_list(&mut self) -> Vec<String> {
        let head = self.read_line();
        let count = head.strip_prefix("OK;").and_then(|n| n.split(';').next()?.parse::<usize>().ok());
        (0..count.unwrap_or_else(|| panic!("{head}"))).map(|_| self.read_line()).collect()
    }

    /// Reads the next frame; `None` at the end of the connection.
    pub fn read_frame(&mut self) -> Option<Frame> {
        let mut head = [0; 2];
        match self.stream.read_exact(&mut head) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("waited in vain for a frame"),
            read => read.ok()?,
        }
        assert!(head[0] & 0xf0 == FINAL, "a server sends whole messages, and nothing reserved: {head:?}");
        assert!(head[1] & 0x80 == 0, "a server does not mask");
        let length = match head[1] {
            126 => usize::from(u16::from_be_bytes(self.read_array())),
            127 => usize::try_from(u64::from_be_bytes(self.read_array())).expect("a length"),
            short => usize::from(short),
        };
        let mut payload = vec![0; length];
        self.stream.read_exact(&mut payload).expect("the payload");
        Some(Frame { opcode: head[0] & 0x0f, payload })
    }

    fn read_array<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.stream.read_exact(&mut bytes).expect("a length");
        bytes
    }

    /// Reads up to the end: the lines, and the code of the close frame, after which there is nothing.
    pub fn read_end(&mut self) -> (Vec<String>, Option<u16>) {
        let mut lines = Vec::new();
        while let Some(frame) = self.read_frame() {
            match frame.opcode {
                TEXT => lines.push(String::from_utf8(frame.payload).expect("UTF-8")),
                CLOSE => {
                    assert_eq!(self.read_frame(), None, "nothing follows a close frame");
                    let code = frame.payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                    return (lines, code);
                }
                _ => {}
            }
        }
        (lines, None)
    }

    /// Asserts that the server has closed, without another byte.
    #[track_caller]
    pub fn assert_closed(&mut self) {
        let end = self.stream.read(&mut [0; 16]);
        assert!(end.as_ref().is_ok_and(|read| *read == 0) || is_reset(&end), "it should be closed: {end:?}");
    }

    /// Returns whether anything comes within this time.
    pub fn has_input(&mut self, within: Duration) -> bool {
        self.stream.get_mut().timeout = within;
        let input = self.stream.fill_buf().is_ok();
        self.stream.get_mut().timeout = TIMEOUT;
        input
    }

    /// Returns after how long the server has closed.
    pub fn time_to_close(&mut self) -> Duration {
        let begin = Instant::now();
        self.assert_closed();
        begin.elapsed()
    }
}

fn is_reset(end: &std::io::Result<usize>) -> bool {
    end.as_ref().is_err_and(|error| error.kind() == ErrorKind::ConnectionReset)
}
