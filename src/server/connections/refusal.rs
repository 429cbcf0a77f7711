//! The last line of a connection that gets no reader thread.

use std::io::Write as _;
use std::net::{Shutdown, TcpStream};

use crate::protocol::{Ko, Reply};

/// Closes a connection that is not served, with a KO in clear text, without waiting.
pub(crate) fn refuse(stream: &TcpStream, why: Ko) {
    let mut last = Vec::new();
    Reply::Ko(why).write(&mut last);
    let _ = stream.set_nonblocking(true);
    let mut stream = stream;
    let _ = stream.write_all(&last);
    let _ = stream.shutdown(Shutdown::Both);
}
