//! The limits of the web port: HTTP before the upgrade, and the framing of WebSockets after it (protocol, section 10).

use std::time::Duration;

use super::LINE_BYTES;

/// Longest head of an HTTP request in bytes: the cookies of the other ports of a host come along.
pub const WEB_HEAD_BYTES: usize = 16 << 10;
/// Most header fields of such a head. A browser sends about 20, a proxy adds some.
pub const WEB_HEADERS: usize = 64;
/// Time in which the next request has to be complete after an answer.
pub const WEB_KEEP_ALIVE: Duration = Duration::from_secs(5);
/// Time in which a client takes an answer as a whole. One that sends its next request after an answer never needs it: the
/// largest file fits into the buffers of the socket.
pub const WEB_ANSWER: Duration = Duration::from_secs(10);
/// Most requests that one connection makes before it is closed.
pub const WEB_REQUESTS: usize = 100;
/// Most bytes of a request that are discarded after the answer to a connection that gets no thread.
pub const WEB_REFUSED_BYTES: usize = 4 << 10;

/// Longest message in bytes: a line without its line feed.
pub const WEB_MESSAGE_BYTES: usize = LINE_BYTES - 1;
/// Most bytes of control frames, and of the headers of fragments, between two lines: framing that carries nothing costs its
/// sender the connection.
pub const WEB_BYTES_SINCE_LINE: usize = 4 << 10;
/// Least time between two pongs that are sent without a line: each takes the router some microseconds. Programs send a ping
/// every few seconds at most.
pub const WEB_PONG_INTERVAL: Duration = Duration::from_millis(250);
