//! A deadline over many reads and writes: the time-outs of a socket are those of one system call.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::net::sockopt::{Timeout, set_socket_timeout};

/// A socket whose reads and writes all end at one deadline. The socket keeps the time-out of the last one.
pub struct TimedStream<S> {
    stream: S,
    deadline: Instant,
}

impl<S: AsFd> TimedStream<S> {
    pub fn new(stream: S, time: Duration) -> Self {
        Self { stream, deadline: Instant::now() + time }
    }

    /// Returns the time that is left; it is never zero, which a socket would take for none.
    pub fn left(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }

    fn limit(&self, direction: Timeout) -> io::Result<()> {
        Ok(set_socket_timeout(&self.stream, direction, Some(self.left()?))?)
    }
}

impl<S: AsFd + Read> Read for TimedStream<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.limit(Timeout::Recv)?;
        self.stream.read(buffer)
    }
}

impl<S: AsFd + Write> Write for TimedStream<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.limit(Timeout::Send)?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
