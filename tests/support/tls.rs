//! TLS in the tests: a test may want it, and with `WACHAT_TEST_TLS` set all servers and connections speak it.

use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ClientConnection;
use wachat::net::{Socket, client_config};

use super::TIMEOUT;

/// Every server and every connection of the tests speaks TLS.
pub fn is_everywhere() -> bool {
    std::env::var_os("WACHAT_TEST_TLS").is_some()
}

/// Puts a connection under TLS, whatever certificate the server has.
pub fn secure(stream: TcpStream) -> io::Result<Socket> {
    let name = "localhost".try_into().expect("a name");
    let connection = ClientConnection::new(Arc::new(client_config().expect("TLS")), name).expect("TLS");
    let socket = Socket::under_tls(stream, connection.into())?;
    socket.shake_hands(Instant::now() + TIMEOUT)?;
    Ok(socket)
}

/// A socket as [`Read`] has it: blocks until there are bytes, or the time-out is over.
pub struct Reader {
    pub socket: Socket,
    pub timeout: Duration,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let deadline = Instant::now() + self.timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            self.socket.tcp().set_read_timeout(Some(left))?;
            match self.socket.read(buffer) {
                // A part of a record of TLS is nothing yet.
                Err(error) if error.kind() == ErrorKind::WouldBlock && Instant::now() < deadline => {}
                read => return read,
            }
        }
    }
}
