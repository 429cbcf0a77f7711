//! A socket in the file system, for programs of the same user on the same machine.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, fchmod};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, bind, listen, socket};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 16;

/// Listens on a socket that only this user can connect to. A file of an earlier socket is replaced: the caller has made sure
/// that no process listens there.
pub fn listen_locally(path: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let socket = socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    // Before it has a name: there is no moment in which another user could connect, and no link is followed.
    fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
    bind(&socket, &SocketAddrUnix::new(path)?)?;
    listen(&socket, BACKLOG)?;
    Ok(socket.into())
}

/// A local connection whose reads and writes all end at one deadline.
pub struct TimedStream {
    stream: UnixStream,
    deadline: Instant,
}

impl TimedStream {
    pub fn new(stream: UnixStream, time: Duration) -> Self {
        Self { stream, deadline: Instant::now() + time }
    }

    /// Returns the time that is left; it is never zero, which a socket would take for none.
    pub fn left(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

impl Read for TimedStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.left()?))?;
        self.stream.read(buffer)
    }
}

impl Write for TimedStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
