//! A connection that never waits, in clear text or under TLS.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with};
use rustls::ClientConnection;

use crate::support::tls;

pub struct Wire {
    tcp: TcpStream,
    tls: Option<Box<ClientConnection>>,
    /// Bytes that the socket has not taken yet, in clear text.
    unsent: Vec<u8>,
}

impl Wire {
    /// Begins to connect from an address of this machine.
    pub fn open(source: [u8; 4], address: SocketAddr) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
        bind(&socket, &SocketAddr::from((source, 0)))?;
        match connect(&socket, &address) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => return Err(error.into()),
        }
        let tls = tls::is_everywhere().then(|| Box::new(tls::new_connection()));
        Ok(Self { tcp: socket.into(), tls, unsent: Vec::new() })
    }

    /// Gives a line to send; [`Wire::exchange`] sends it.
    pub fn say(&mut self, line: &str) {
        let bytes = format!("{line}\n");
        match &mut self.tls {
            Some(tls) => tls.writer().write_all(bytes.as_bytes()).expect("room for a short line"),
            None => self.unsent.extend_from_slice(bytes.as_bytes()),
        }
    }

    /// Sends what the socket takes, and adds what has come to `input`. An error: the connection has ended.
    pub fn exchange(&mut self, input: &mut Vec<u8>) -> io::Result<()> {
        loop {
            let sent = self.send()?;
            if !(self.receive(input)? || sent) {
                return Ok(());
            }
        }
    }

    /// Returns whether bytes were sent.
    fn send(&mut self) -> io::Result<bool> {
        let mut sent = 0;
        match &mut self.tls {
            Some(tls) => {
                while tls.wants_write()
                    && let Some(some) = unless_it_blocks(tls.write_tls(&mut &self.tcp))?
                {
                    sent += some;
                }
            }
            None if self.unsent.is_empty() => {}
            None => {
                sent = unless_it_blocks((&self.tcp).write(&self.unsent))?.unwrap_or(0);
                self.unsent.drain(..sent);
            }
        }
        Ok(sent > 0)
    }

    /// Returns whether bytes were received.
    fn receive(&mut self, input: &mut Vec<u8>) -> io::Result<bool> {
        let mut scratch = [0; 4_096];
        let received = match &mut self.tls {
            Some(tls) => unless_it_blocks(tls.read_tls(&mut &self.tcp))?,
            None => unless_it_blocks((&self.tcp).read(&mut scratch))?,
        };
        let Some(received) = received else { return Ok(false) };
        if received == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        match &mut self.tls {
            Some(tls) => {
                tls.process_new_packets().map_err(io::Error::other)?;
                while let Some(opened) = unless_it_blocks(tls.reader().read(&mut scratch))?.filter(|opened| *opened > 0)
                {
                    input.extend_from_slice(&scratch[..opened]);
                }
            }
            None => input.extend_from_slice(&scratch[..received]),
        }
        Ok(true)
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.tcp.as_fd()
    }
}

fn unless_it_blocks(done: io::Result<usize>) -> io::Result<Option<usize>> {
    match done {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(None),
        done => done.map(Some),
    }
}
