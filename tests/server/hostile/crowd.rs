//! A crowd of connections, each of which does its harm once a second.

use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::net::sockopt::{set_socket_linger, set_socket_recv_buffer_size};
use rustls::ClientConnection;
use wachat::limits::CONNECTIONS_PER_USER;
use wachat::net::{Socket, client_config};

use super::scene::{Attack, login, mallory};
use crate::support::connection::connect_from;
use crate::support::{World, tls};

/// Harm that a connection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Sends a byte a second of its login line; the next one a byte a second of a request.
    Trickle,
    /// Requests more than the buffers hold, and reads nothing.
    NeverRead,
    /// Ends its output after a request, and neither reads nor closes.
    HalfClose,
    /// Is gone with a reset, in the middle of a line and with a reply under way.
    Vanish,
    /// Begins a handshake and sends only the head of it.
    HalfHandshake,
    /// Sends a whole ClientHello, and neither reads the answer nor goes on.
    HelloAlone,
    /// Sends something that is no TLS.
    Garbage,
}

use Behaviour::{Garbage, HalfClose, HalfHandshake, HelloAlone, NeverRead, Trickle, Vanish};

pub const IN_THE_CLEAR: &[Behaviour] = &[Trickle, NeverRead, HalfClose, Vanish];
pub const UNDER_TLS: &[Behaviour] = &[Trickle, NeverRead, HalfClose, Vanish, HalfHandshake, HelloAlone, Garbage];

/// Requests of a client that never reads: their replies are more than the socket's buffers hold.
const REQUESTS: usize = 2_000;

/// A crowd that exists until it is dropped.
pub struct Crowd {
    attack: Attack,
    /// Number of turns that were taken.
    turns: Arc<AtomicUsize>,
    size: usize,
}

impl Crowd {
    /// Needs as many accounts as [`users`] says.
    pub fn start(world: &World, size: usize, manners: &'static [Behaviour], is_tls: bool) -> Self {
        let addresses = world.addresses();
        let turns = Arc::new(AtomicUsize::new(0));
        let count = turns.clone();
        let attack = Attack::start(1, move |_| {
            let member = |number| Member::new(number, manners[number % manners.len()], addresses, is_tls);
            let mut members: Vec<_> = (0..size).map(member).collect();
            let count = count.clone();
            move || {
                let begin = Instant::now();
                for member in &mut members {
                    member.take_turn();
                    count.fetch_add(1, Ordering::Relaxed);
                }
                sleep(Duration::from_secs(1).saturating_sub(begin.elapsed()));
            }
        });
        Self { attack, turns, size }
    }

    /// Returns whether each connection has had its turn, and so is open.
    pub fn is_there(&self) -> bool {
        self.turns.load(Ordering::Relaxed) >= self.size
    }

    pub fn leave(self) {
        self.attack.stop();
    }
}

/// Returns the number of accounts that a crowd needs.
pub fn users(size: usize) -> usize {
    size.div_ceil(CONNECTIONS_PER_USER)
}

struct Member {
    number: usize,
    manner: Behaviour,
    addresses: [SocketAddr; 2],
    is_tls: bool,
    socket: Option<Socket>,
    /// Bytes that it has still to send, one a turn.
    rest: Vec<u8>,
}

impl Member {
    fn new(number: usize, manner: Behaviour, addresses: [SocketAddr; 2], is_tls: bool) -> Self {
        Self { number, manner, addresses, is_tls, socket: None, rest: Vec::new() }
    }

    fn take_turn(&mut self) {
        let is_kept = match self.manner {
            Trickle | NeverRead | HalfHandshake => self.go_on(),
            // These are there anew each second.
            HalfClose | Vanish | HelloAlone | Garbage => false,
        };
        if !is_kept {
            self.socket = None;
            self.socket = self.begin();
        }
    }

    /// Sends one byte more. Fails when the server has cut the connection off.
    fn go_on(&mut self) -> bool {
        let Some(socket) = &self.socket else { return false };
        let byte = self.rest.pop().unwrap_or(b'\n');
        socket.write_all(&[byte]).is_ok_and(|()| !self.rest.is_empty())
    }

    /// Connects, and does its harm as far as it is done at once. The server may refuse it, or close at any moment.
    fn begin(&mut self) -> Option<Socket> {
        let address = self.addresses[usize::from(self.manner == Vanish)];
        let tcp = connect_from([127, 0, 7, (self.number % 8) as u8 + 1], address);
        if self.manner == NeverRead {
            set_socket_recv_buffer_size(&tcp, 4_096).ok()?;
        }
        if matches!(self.manner, HalfHandshake | HelloAlone | Garbage) {
            return self.begin_in_the_clear(tcp.into());
        }
        let socket = if self.is_tls { tls::secure(tcp).ok()? } else { tcp.into() };
        let login = login(&mallory(self.number / CONNECTIONS_PER_USER)) + "\n";
        match self.manner {
            Trickle if self.number.is_multiple_of(2) => self.rest = reversed("LOGIN:mallory0:one byte a second"),
            Trickle => {
                socket.write_all(login.as_bytes()).ok()?;
                self.rest = reversed("SEND;m-1;ana;one byte a second");
            }
            NeverRead => {
                socket.tcp().set_nonblocking(true).ok()?;
                let _ = socket.write_all((login + &"HELP\n".repeat(REQUESTS)).as_bytes());
                self.rest = vec![b'\n'; 3_600];
            }
            HalfClose => {
                socket.write_all((login + "HELP\n").as_bytes()).ok()?;
                socket.tcp().shutdown(Shutdown::Write).ok()?;
            }
            _ => {
                set_socket_linger(&socket, Some(Duration::ZERO)).ok()?;
                socket.write_all((login + "POLL;0;5\nPOLL;0").as_bytes()).ok()?;
            }
        }
        Some(socket)
    }

    /// Sends what comes before TLS, or instead of it.
    fn begin_in_the_clear(&mut self, socket: Socket) -> Option<Socket> {
        let hello = client_hello();
        match self.manner {
            HalfHandshake => self.rest = hello.iter().rev().copied().collect(),
            HelloAlone => socket.write_all(&hello).ok()?,
            _ => socket.write_all(&[[22, 3, 3, 0, 4, 1, 0, 0, 0], [23, 3, 3, 0, 4, 1, 0, 0, 0]].concat()).ok()?,
        }
        Some(socket)
    }
}

/// The bytes of a text in the order in which [`Vec::pop`] takes them.
fn reversed(text: &str) -> Vec<u8> {
    text.bytes().rev().collect()
}

/// Returns the first message of a client.
fn client_hello() -> Vec<u8> {
    let name = "localhost".try_into().expect("a name");
    let mut client = ClientConnection::new(Arc::new(client_config().expect("TLS")), name).expect("TLS");
    let mut hello = Vec::new();
    client.write_tls(&mut hello).expect("to write to memory");
    hello
}
