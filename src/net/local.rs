//! A socket in the file system, for programs of the same user on the same machine.

use std::fs;
use std::io;
use std::os::unix::net::UnixListener;
use std::path::Path;

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
