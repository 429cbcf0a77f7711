//! Servers as processes of their own, and the ports that are kept for them.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::net::sockopt::set_socket_reuseaddr;
use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket};

/// Pause between two looks at a server that starts or ends.
pub const PAUSE: Duration = Duration::from_millis(10);

/// Longest time in which copies of a closed listener are gone.
const COPIES: Duration = Duration::from_secs(1);

/// Longest time for one attempt to connect.
const CONNECT: Duration = Duration::from_secs(2);

/// A port that is kept for a server, before it listens, while it listens, and while it is away: no program that asks for any
/// free port gets it.
///
/// A socket is bound to it that never listens. On Linux this is in the way of nobody who asks for this very port, if both
/// sockets may reuse the address, as listeners of the standard library do. Elsewhere it would be, and nothing is kept.
pub struct KeptPort {
    pub address: SocketAddr,
    _socket: Option<OwnedFd>,
}

impl KeptPort {
    /// Keeps the port of this address; port 0: any that is free. An error says that another program listens there.
    pub fn keep(address: SocketAddr) -> io::Result<Self> {
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let socket = socket(family, SocketType::STREAM, None)?;
        // The servers that are started meanwhile have no copy of it.
        fcntl_setfd(&socket, FdFlags::CLOEXEC)?;
        set_socket_reuseaddr(&socket, true)?;
        bind(&socket, &address)?;
        let address = getsockname(&socket)?.try_into()?;
        Ok(Self { address, _socket: cfg!(target_os = "linux").then_some(socket) })
    }

    /// Keeps two free ports of this machine: a SEND port and a RECV port.
    pub fn keep_two() -> io::Result<[Self; 2]> {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Ok([Self::keep(any)?, Self::keep(any)?])
    }

    /// Listens on the port. A forked process may hold a copy of an earlier listener until it executes its program, so an
    /// address in use is retried for a second.
    pub fn listen(&self) -> io::Result<TcpListener> {
        let deadline = Instant::now() + COPIES;
        loop {
            match TcpListener::bind(self.address) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < deadline => {
                    thread::sleep(PAUSE);
                }
                done => return done,
            }
        }
    }
}

/// A process that is killed with SIGKILL when this is dropped.
pub struct Running(Child);

impl Running {
    pub fn start(command: &mut Command) -> io::Result<Self> {
        command.spawn().map(Self)
    }

    /// Returns its status, if it has ended.
    pub fn status(&mut self) -> io::Result<Option<ExitStatus>> {
        self.0.try_wait()
    }

    pub fn is_up(&mut self) -> io::Result<bool> {
        self.status().map(|status| status.is_none())
    }

    /// Kills it, and waits for its end.
    pub fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Returns the command that starts this same program, without the settings of the person who runs it.
pub fn this_program() -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("WACHAT_") || name == "RUST_LOG") {
            command.env_remove(name);
        }
    }
    command.env(crate::settings::ENVIRONMENT, "/dev/null");
    Ok(command)
}

/// The result of a wait for a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    Listening,
    Ended,
    TimedOut,
}

/// Waits until a server takes connections on all of these addresses. `is_up`: its process has not ended.
pub fn wait_until_listening<E>(
    addresses: &[SocketAddr],
    deadline: Instant,
    mut is_up: impl FnMut() -> Result<bool, E>,
) -> Result<Waited, E> {
    loop {
        if !is_up()? {
            return Ok(Waited::Ended);
        }
        if addresses.iter().all(|address| TcpStream::connect_timeout(address, CONNECT).is_ok()) {
            return Ok(Waited::Listening);
        }
        if Instant::now() > deadline {
            return Ok(Waited::TimedOut);
        }
        thread::sleep(PAUSE);
    }
}
