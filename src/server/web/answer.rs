//! Answers to HTTP requests.

use std::borrow::Cow;
use std::fmt::Write as _;

/// One policy for every answer: what a page may load is its own, and no other page may frame it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types sw";

const TEXT: &str = "text/plain; charset=utf-8";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    NotModified,
    PermanentRedirect,
    BadRequest,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    Misdirected,
    UpgradeRequired,
    HeadTooLong,
    Unavailable,
}

impl Status {
    fn line(self) -> &'static str {
        match self {
            Self::Ok => "200 OK",
            Self::NotModified => "304 Not Modified",
            Self::PermanentRedirect => "308 Permanent Redirect",
            Self::BadRequest => "400 Bad Request",
            Self::Forbidden => "403 Forbidden",
            Self::NotFound => "404 Not Found",
            Self::MethodNotAllowed => "405 Method Not Allowed",
            Self::Misdirected => "421 Misdirected Request",
            Self::UpgradeRequired => "426 Upgrade Required",
            Self::HeadTooLong => "431 Request Header Fields Too Large",
            Self::Unavailable => "503 Service Unavailable",
        }
    }

    /// Returns whether the connection goes on after it: the request was understood, and its sender may connect.
    pub fn keeps_alive(self) -> bool {
        matches!(self, Self::Ok | Self::NotModified | Self::NotFound | Self::UpgradeRequired)
    }
}

/// An answer that ends the request.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: Status,
    content_type: &'static str,
    /// Further header fields, each with its end of line.
    fields: String,
    has_policies: bool,
    body: Cow<'static, str>,
}

impl Answer {
    pub fn new(status: Status, content_type: &'static str, body: impl Into<Cow<'static, str>>) -> Self {
        Self { status, content_type, fields: String::new(), has_policies: true, body: body.into() }
    }

    /// An answer for people.
    pub fn text(status: Status, text: &str) -> Self {
        Self::new(status, TEXT, format!("{text}\n"))
    }

    pub fn bad(text: &str) -> Self {
        Self::text(Status::BadRequest, text)
    }

    /// Leaves the policies out: the answer is a file of static content that becomes neither a document nor a worker.
    pub fn without_policies(mut self) -> Self {
        self.has_policies = false;
        self
    }

    /// Adds a header field.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        // Writing into a string does not fail.
        let _ = write!(self.fields, "{name}: {value}\r\n");
        self
    }

    /// Returns the bytes: the head alone for HEAD, and for a status that has no body.
    pub fn bytes(&self, is_head: bool, is_last: bool) -> Vec<u8> {
        let connection = if is_last { "close" } else { "keep-alive" };
        let has_body = self.status != Status::NotModified;
        let mut text = format!("HTTP/1.1 {}\r\nConnection: {connection}\r\n", self.status.line());
        if has_body {
            let length = self.body.len();
            let _ = write!(text, "Content-Type: {}\r\nContent-Length: {length}\r\n", self.content_type);
        }
        if self.has_policies {
            let _ = write!(text, "Content-Security-Policy: {POLICY}\r\nReferrer-Policy: no-referrer\r\n");
        }
        let _ = write!(text, "{}X-Content-Type-Options: nosniff\r\n\r\n", self.fields);
        if has_body && !is_head {
            text.push_str(&self.body);
        }
        text.into_bytes()
    }
}

/// The answer of a server that stands by: another one of its cluster leads.
pub(super) fn standing_by(leader: Option<&str>) -> Answer {
    let text = match leader {
        Some(host) => format!("this server stands by: {host} leads"),
        None => "no server leads now; try again".to_owned(),
    };
    Answer::text(Status::Unavailable, &text).with("Retry-After", "1")
}

/// The answer to a connection too many.
pub(super) fn unavailable() -> Answer {
    Answer::text(Status::Unavailable, "the server has too many connections; try later")
}
