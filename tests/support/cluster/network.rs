//! The network between one server and the members of etcd: it can be cut, be slow, and lose answers.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::thread;
use std::time::Duration;

/// Time between two looks at what the network is to do.
const LOOK: Duration = Duration::from_millis(30);

/// Delay of each piece while the network is slow.
const DELAY: Duration = Duration::from_millis(250);

/// The state of the connections between a server and etcd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    Fine,
    Slow,
    /// Connections are closed, and new ones are refused.
    Cut,
    /// Bytes of the server arrive at etcd; the answers are lost.
    Deaf,
}

/// A proxy before each member of etcd, for one server; or none.
pub struct Network {
    addresses: Vec<SocketAddr>,
    /// `None`: there are no proxies.
    shared: Option<Arc<Shared>>,
}

#[derive(Default)]
struct Shared {
    weather: AtomicU8,
    is_over: AtomicBool,
}

impl Shared {
    fn weather(&self) -> Weather {
        let all = [Weather::Fine, Weather::Slow, Weather::Cut, Weather::Deaf];
        all[usize::from(self.weather.load(Ordering::Relaxed))]
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }
}

impl Network {
    /// Listens before each of these addresses.
    pub fn start(members: Vec<SocketAddr>) -> Self {
        let shared = Arc::new(Shared::default());
        let listen = |member: SocketAddr| {
            let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
            let address = listener.local_addr().expect("its address");
            let shared = shared.clone();
            thread::spawn(move || accept(&listener, member, &shared));
            address
        };
        let addresses = members.into_iter().map(listen).collect();
        Self { addresses, shared: Some(shared) }
    }

    /// The members themselves, without a proxy.
    pub fn direct(members: Vec<SocketAddr>) -> Self {
        Self { addresses: members, shared: None }
    }

    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    pub fn set(&self, weather: Weather) {
        let shared = self.shared.as_ref().expect("a proxy");
        shared.weather.store(weather as u8, Ordering::Relaxed);
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let Some(shared) = &self.shared else { return };
        shared.is_over.store(true, Ordering::Relaxed);
        self.addresses.iter().for_each(|address| _ = TcpStream::connect(address));
    }
}

fn accept(listener: &TcpListener, member: SocketAddr, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        if shared.is_over() {
            return;
        }
        let Ok(client) = client else { continue };
        if shared.weather() == Weather::Cut {
            continue;
        }
        // A member that is gone: the connection closes.
        let Ok(etcd) = TcpStream::connect_timeout(&member, Duration::from_secs(1)) else { continue };
        for (from, to, is_answer) in [(&client, &etcd, false), (&etcd, &client, true)] {
            let (Ok(from), Ok(to)) = (from.try_clone(), to.try_clone()) else { continue };
            let shared = shared.clone();
            thread::spawn(move || {
                carry(&from, &to, is_answer, &shared);
                let _ = from.shutdown(Shutdown::Both);
                let _ = to.shutdown(Shutdown::Both);
            });
        }
    }
}

/// Carries bytes in one direction until the connection ends.
fn carry(mut from: &TcpStream, mut to: &TcpStream, is_answer: bool, shared: &Shared) {
    let mut buffer = [0; 64 << 10];
    let mut has_lost = false;
    let _ = from.set_read_timeout(Some(LOOK));
    let _ = to.set_nodelay(true);
    while !shared.is_over() && shared.weather() != Weather::Cut {
        let read = match from.read(&mut buffer) {
            Ok(0) => return,
            Ok(read) => read,
            Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => 0,
            Err(_) => return,
        };
        let is_deaf = is_answer && shared.weather() == Weather::Deaf;
        has_lost |= is_deaf && read > 0;
        if is_deaf {
            continue;
        }
        // A part of an answer is none.
        if has_lost {
            return;
        }
        if read > 0 && shared.weather() == Weather::Slow {
            thread::sleep(DELAY);
        }
        if to.write_all(&buffer[..read]).is_err() {
            return;
        }
    }
}
