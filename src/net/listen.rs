//! Accepts connections on a thread of its own until it is told to stop.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::net::{Shutdown, shutdown};

/// Pause after an error of accept(): the system may be out of file descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// Time between two warnings of such errors. They come and go as other files are closed and opened, so a success in between
/// does not count.
const WARNING_INTERVAL: Duration = Duration::from_secs(60);

/// A port that is being listened on.
pub struct Listening {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Hands every connection to `accepted`, which must not block.
pub fn listen(
    listener: TcpListener,
    name: &str,
    mut accepted: impl FnMut(TcpStream, SocketAddr) + Send + 'static,
) -> io::Result<Listening> {
    let address = listener.local_addr()?;
    let stopped = Arc::new(AtomicBool::new(false));
    let stop = stopped.clone();
    let accept = move || {
        let mut last_warning: Option<Instant> = None;
        while !stop.load(Ordering::Acquire) {
            match listener.accept() {
                Ok(_) if stop.load(Ordering::Acquire) => break,
                Ok((stream, peer)) => accepted(stream, peer),
                Err(error) => {
                    if last_warning.is_none_or(|at| at.elapsed() >= WARNING_INTERVAL) {
                        log::warn!("cannot accept connections: {error}");
                        last_warning = Some(Instant::now());
                    }
                    thread::sleep(PAUSE);
                }
            }
        }
        // A forked process may hold a copy of the listener until it executes its program: on Linux this ends that, too.
        let _ = shutdown(&listener, Shutdown::Both);
    };
    let thread = thread::Builder::new().name(name.to_owned()).spawn(accept)?;
    Ok(Listening { address, stopped, thread: Some(thread) })
}

impl Listening {
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts no more. A blocked accept is woken by a connection of our own.
    pub fn stop(&mut self) {
        self.stopped.store(true, Ordering::Release);
        let woken = TcpStream::connect_timeout(&reachable(self.address), Duration::from_secs(1));
        if let Some(thread) = self.thread.take().filter(|_| woken.is_ok()) {
            // A thread that panicked has stopped as well.
            let _ = thread.join();
        }
    }
}

/// Returns the address at which a client on this machine reaches what listens on this one.
pub fn reachable(listening: SocketAddr) -> SocketAddr {
    let ip = match listening.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listening.port())
}
