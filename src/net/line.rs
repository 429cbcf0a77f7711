//! Lines from a socket: bounded in length, and in time as a whole (protocol, sections 1 and 2).

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::limits;

/// Why there is no line.
#[derive(Debug)]
pub enum LineError {
    /// The peer has ended its output. What came without a line feed is no line.
    Closed,
    /// Nothing came in time, or the rest of a line did not.
    Timeout,
    TooLong,
    Io(io::Error),
}

/// Reads lines. However they are cut or glued on their way, they come out whole.
pub struct LineReader {
    stream: Arc<TcpStream>,
    /// What has come; everything before `taken` was handed out.
    buffer: Vec<u8>,
    taken: usize,
    /// Up to here there is no line feed after `taken`.
    searched: usize,
    /// When the line began that is not whole yet.
    began: Option<Instant>,
    timeout: Duration,
    /// What the socket was last told.
    socket_timeout: Option<Duration>,
}

impl LineReader {
    /// `timeout` is for each line: from now to the end of the first; later from the last line to the
    /// next one's first byte, and from there to its end.
    pub fn new(stream: Arc<TcpStream>, timeout: Duration) -> Self {
        let began = Some(Instant::now());
        Self { stream, buffer: Vec::new(), taken: 0, searched: 0, began, timeout, socket_timeout: None }
    }

    /// The next line, without its LF and the CR before it.
    pub fn next_line(&mut self) -> Result<&[u8], LineError> {
        let called = Instant::now();
        // While requests before this line were answered nobody read: that time is not the client's.
        self.began = self.began.map(|_| called);
        loop {
            if let Some(feed) = self.find_feed() {
                return Ok(self.take(feed));
            }
            if self.buffer.len() - self.taken >= limits::LINE_BYTES {
                return Err(LineError::TooLong);
            }
            let spent = self.began.unwrap_or(called).elapsed();
            let left = self.timeout.checked_sub(spent).filter(|left| !left.is_zero()).ok_or(LineError::Timeout)?;
            // Most lines come whole: then the socket is told its time-out once, not at every read.
            self.fill(if self.began.is_some() { left } else { self.timeout })?;
        }
    }

    /// Whether nothing of the next line has come.
    pub fn is_between_lines(&self) -> bool {
        self.began.is_none()
    }

    /// The next line if it has come already.
    pub fn buffered_line(&mut self) -> Option<&[u8]> {
        let feed = self.find_feed()?;
        Some(self.take(feed))
    }

    fn find_feed(&mut self) -> Option<usize> {
        let rest = self.buffer.get(self.searched..).unwrap_or_default();
        let found = rest.iter().position(|byte| *byte == b'\n').map(|at| self.searched + at);
        self.searched = found.unwrap_or(self.buffer.len());
        // A line that is whole but too long is no better than one that is not whole.
        found.filter(|feed| feed - self.taken < limits::LINE_BYTES)
    }

    fn take(&mut self, feed: usize) -> &[u8] {
        let start = std::mem::replace(&mut self.taken, feed + 1);
        self.searched = self.taken;
        self.began = (self.taken < self.buffer.len()).then(Instant::now);
        let line = self.buffer.get(start..feed).unwrap_or_default();
        line.strip_suffix(b"\r").unwrap_or(line)
    }

    fn fill(&mut self, left: Duration) -> Result<(), LineError> {
        self.make_space();
        if self.socket_timeout != Some(left) {
            self.stream.set_read_timeout(Some(left)).map_err(LineError::Io)?;
            self.socket_timeout = Some(left);
        }
        let len = self.buffer.len();
        // A connection with much to say gets a larger buffer; an idle one keeps a small one.
        let space = (self.buffer.capacity() - len).clamp(limits::READ_BYTES, limits::LINE_BYTES);
        self.buffer.resize(len + space, 0);
        let read = (&*self.stream).read(self.buffer.get_mut(len..).unwrap_or_default());
        self.buffer.truncate(len + read.as_ref().map_or(0, |n| *n));
        if self.buffer.len() == self.buffer.capacity() {
            self.buffer.reserve(limits::READ_BYTES);
        }
        match read {
            Ok(0) => Err(LineError::Closed),
            Ok(_) => {
                self.began.get_or_insert_with(Instant::now);
                Ok(())
            }
            Err(error) => match error.kind() {
                io::ErrorKind::Interrupted => Ok(()),
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Err(LineError::Timeout),
                io::ErrorKind::ConnectionReset => Err(LineError::Closed),
                _ => Err(LineError::Io(error)),
            },
        }
    }

    /// Forgets what was handed out; gives memory back when nothing is left.
    fn make_space(&mut self) {
        self.buffer.drain(..self.taken.min(self.buffer.len()));
        (self.taken, self.searched) = (0, self.searched.saturating_sub(self.taken));
        if self.buffer.is_empty() && self.buffer.capacity() > 4 * limits::READ_BYTES {
            self.buffer = Vec::new();
        }
    }
}

/// Writes the last bytes of a connection and closes it so that they arrive: closing with unread
/// input would reset the connection and destroy what is under way.
pub fn linger_close(stream: &TcpStream, last: &[u8]) {
    if (&*stream).write_all(last).is_err() || stream.shutdown(Shutdown::Write).is_err() {
        return;
    }
    let deadline = Instant::now() + limits::LINGER;
    let (mut scratch, mut taken) = ([0; 512], 0);
    while taken < limits::LINGER_BYTES {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || stream.set_read_timeout(Some(left)).is_err() {
            return;
        }
        match (&*stream).read(&mut scratch) {
            Ok(n) if n > 0 => taken += n,
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn pair() -> (TcpStream, LineReader) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let server = listener.accept().unwrap().0;
        (client, LineReader::new(Arc::new(server), Duration::from_millis(300)))
    }

    #[test]
    fn glued_and_split_lines_come_out_whole() {
        let (mut client, mut lines) = pair();
        client.write_all(b"one\r\ntwo\nth").unwrap();
        assert_eq!(lines.next_line().unwrap(), b"one");
        assert_eq!(lines.buffered_line().unwrap(), b"two");
        assert!(lines.buffered_line().is_none());
        client.write_all(b"ree\n\n").unwrap();
        assert_eq!(lines.next_line().unwrap(), b"three");
        assert_eq!(lines.next_line().unwrap(), b"");
        client.write_all(b"cut").unwrap();
        drop(client);
        assert!(matches!(lines.next_line(), Err(LineError::Closed)));
    }

    #[test]
    fn the_longest_line_passes_and_one_byte_more_does_not() {
        for (length, fits) in [(limits::LINE_BYTES - 1, true), (limits::LINE_BYTES, false)] {
            let (mut client, mut lines) = pair();
            let writer = std::thread::spawn(move || {
                let _ = client.write_all(&[vec![b'x'; length], b"\n".to_vec()].concat());
                client
            });
            match lines.next_line() {
                Ok(line) => assert!(fits && line.len() == length),
                Err(error) => assert!(!fits && matches!(error, LineError::TooLong), "{error:?}"),
            }
            writer.join().unwrap();
        }
    }

    #[test]
    fn the_time_in_which_nobody_reads_is_not_the_clients() {
        let (mut client, mut lines) = pair();
        client.write_all(b"one\ntw").unwrap();
        assert_eq!(lines.next_line().unwrap(), b"one");
        client.write_all(b"o\n").unwrap();
        // An answer that takes long.
        std::thread::sleep(Duration::from_millis(400));
        assert_eq!(lines.next_line().unwrap(), b"two");
    }

    #[test]
    fn a_line_has_to_come_in_time_as_a_whole() {
        let (mut client, mut lines) = pair();
        client.write_all(b"first\n").unwrap();
        assert_eq!(lines.next_line().unwrap(), b"first");
        let writer = std::thread::spawn(move || {
            // Always some progress, never the end.
            while client.write_all(b"x").is_ok() {
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let start = Instant::now();
        assert!(matches!(lines.next_line(), Err(LineError::Timeout)));
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        drop(lines);
        writer.join().unwrap();
    }
}
