//! The heads of HTTP requests: read within a deadline and a length, and parsed.

use std::io;
use std::net::TcpStream;
use std::time::Instant;

use httparse::{EMPTY_HEADER, Error, Header, Request, Status as Parsed};

use super::answer::{Answer, Status};
use super::upgrade::UpgradeRequest;
use crate::limits;

/// Bytes by which the buffer grows.
const READ_BYTES: usize = 1 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Head,
    Other,
}

/// The parts of a head that an answer depends on.
#[derive(Debug)]
pub(super) struct Head {
    pub method: Method,
    /// Path without the query.
    pub path: String,
    pub host: String,
    pub origin: Option<String>,
    /// The last address of `X-Forwarded-For`.
    pub forwarded_for: Option<String>,
    pub if_none_match: Option<String>,
    pub upgrade: Option<UpgradeRequest>,
    /// The client sends no further request on this connection, or a body that is not read.
    pub is_last: bool,
}

/// Reads heads, however the network has split or joined them.
#[derive(Default)]
pub(super) struct HeadReader {
    buffer: Vec<u8>,
}

impl HeadReader {
    /// Reads the next head by `read`, which reads from `tcp`. An error: there is none in time, or the peer has ended.
    pub fn next(
        &mut self,
        tcp: &TcpStream,
        read: &dyn Fn(&mut [u8]) -> io::Result<usize>,
        deadline: Instant,
    ) -> io::Result<Result<Head, Answer>> {
        loop {
            if let Some((head, length)) = parse(&self.buffer) {
                self.buffer.drain(..length.min(self.buffer.len()));
                return Ok(head);
            }
            if self.buffer.len() >= limits::WEB_HEAD_BYTES {
                return Ok(Err(too_long()));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            tcp.set_read_timeout(Some(left))?;
            self.fill(read)?;
        }
    }

    fn fill(&mut self, read: &dyn Fn(&mut [u8]) -> io::Result<usize>) -> io::Result<()> {
        let length = self.buffer.len();
        self.buffer.resize((length + READ_BYTES).min(limits::WEB_HEAD_BYTES), 0);
        let result = read(self.buffer.get_mut(length..).unwrap_or_default());
        self.buffer.truncate(length + result.as_ref().map_or(0, |read| *read));
        match result {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => Ok(()),
            // The deadline decides.
            Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Returns the bytes after the last head.
    pub fn into_rest(self) -> Vec<u8> {
        self.buffer
    }
}

fn too_long() -> Answer {
    Answer::text(Status::HeadTooLong, "a request has at most 16 KiB and 64 header fields")
}

/// Parses a head and returns its length, too; `None`: it is not complete.
///
/// Not inlined: the caller waits on a thread whose stack keeps the pages that were touched once.
#[inline(never)]
fn parse(bytes: &[u8]) -> Option<(Result<Head, Answer>, usize)> {
    let mut headers = [EMPTY_HEADER; limits::WEB_HEADERS];
    let mut request = Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(Parsed::Partial) => None,
        Ok(Parsed::Complete(length)) => Some((read_head(&request), length)),
        Err(Error::TooManyHeaders) => Some((Err(too_long()), 0)),
        Err(error) => Some((Err(Answer::bad(&error.to_string())), 0)),
    }
}

fn read_head(request: &Request) -> Result<Head, Answer> {
    let fields = Fields(request.headers);
    let is_version_1_1 = request.version == Some(1);
    let method = match request.method {
        Some("GET") => Method::Get,
        Some("HEAD") => Method::Head,
        _ => Method::Other,
    };
    let target = request.path.unwrap_or_default();
    let path = target.split('?').next().filter(|path| path.starts_with('/'));
    let has_body =
        fields.one("content-length")?.is_some_and(|length| length != "0") || fields.one("transfer-encoding")?.is_some();
    if has_body && method != Method::Other {
        return Err(Answer::bad("a request has no body here"));
    }
    Ok(Head {
        method,
        path: path.ok_or_else(|| Answer::bad("the target of a request is a path"))?.to_owned(),
        host: fields.one("host")?.ok_or_else(|| Answer::bad("a request names its host"))?.to_owned(),
        origin: fields.one("origin")?.map(str::to_owned),
        forwarded_for: fields.last("x-forwarded-for")?.and_then(|list| list.rsplit(',').next()).map(trimmed),
        if_none_match: fields.last("if-none-match")?.map(str::to_owned),
        upgrade: if is_version_1_1 && method == Method::Get { read_upgrade(&fields)? } else { None },
        is_last: has_body || !is_version_1_1 || fields.has_word("connection", "close"),
    })
}

/// Reads the request for a WebSocket, if this is one.
fn read_upgrade(fields: &Fields) -> Result<Option<UpgradeRequest>, Answer> {
    if !(fields.has_word("upgrade", "websocket") && fields.has_word("connection", "upgrade")) {
        return Ok(None);
    }
    if fields.one("sec-websocket-version")? != Some("13") {
        let unknown = Answer::text(Status::UpgradeRequired, "WebSockets have version 13 here");
        return Err(unknown.with("Upgrade", "websocket").with("Sec-WebSocket-Version", "13"));
    }
    let key = fields.one("sec-websocket-key")?.and_then(UpgradeRequest::new);
    key.map(Some).ok_or_else(|| Answer::bad("Sec-WebSocket-Key is 16 bytes in base64"))
}

fn trimmed(text: &str) -> String {
    text.trim().to_owned()
}

/// The header fields of a request.
struct Fields<'a>(&'a [Header<'a>]);

impl<'a> Fields<'a> {
    fn values(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let named = self.0.iter().filter(move |field| field.name.eq_ignore_ascii_case(name));
        named.map(|field| field.value)
    }

    /// Returns the value of a field that may be there once.
    fn one(&self, name: &str) -> Result<Option<&'a str>, Answer> {
        if self.values(name).count() > 1 {
            return Err(Answer::bad(&format!("a request has one field {name} at most")));
        }
        self.last(name)
    }

    /// Returns the value of the last field with this name.
    fn last(&self, name: &str) -> Result<Option<&'a str>, Answer> {
        let value = self.values(name).last().map(str::from_utf8).transpose();
        let value = value.map_err(|_| Answer::bad(&format!("the field {name} is no text")))?;
        Ok(value.map(str::trim))
    }

    /// Returns whether a list, which may be spread over several fields, has this word.
    fn has_word(&self, name: &str, word: &str) -> bool {
        let words = self.values(name).filter_map(|value| str::from_utf8(value).ok()).flat_map(|list| list.split(','));
        words.map(str::trim).any(|found| found.eq_ignore_ascii_case(word))
    }
}
