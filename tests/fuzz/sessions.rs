//! Whole sessions against the real server: several users on both ports, in the clear and under TLS, send requests that are
//! well formed, nearly so, or not at all, in any pieces; they close one side, reset, or just leave. Afterwards a calm pair is
//! served as ever, numbers hold, threads and files are back, and `wachat check` finds nothing.
//!
//! `FUZZ_MINUTES=60 cargo test --release --test fuzz long_sessions -- --ignored --nocapture`

use std::io::ErrorKind;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use wachat::net::Socket;
use wachat::record::Fields;

use crate::calm_pair::Pair;
use crate::grammar::Grammar;
use crate::mutator::pick;
use crate::runner::number;
use crate::support::process::{Holds, Process};
use crate::support::random::Random;
use crate::support::run_directory::RunDirectory;
use crate::support::{PASSWORD, World, tls, wait_for, wait_or};

/// Sessions that one set of users lives for: mutated requests change their passwords sooner or later.
const SESSIONS_OF_USERS: u64 = 200;

/// Connections of a session that are open at once.
const CONNECTIONS: usize = 6;

#[test]
fn short_sessions_in_the_clear() {
    play(false, Duration::from_millis(2_500));
}

#[test]
fn short_sessions_under_tls() {
    play(true, Duration::from_millis(2_500));
}

#[test]
#[ignore = "takes FUZZ_MINUTES (15)"]
fn long_sessions() {
    let time = Duration::from_secs(60 * number("FUZZ_MINUTES", 15));
    std::thread::scope(|scope| {
        for is_tls in [false, true] {
            scope.spawn(move || play(is_tls, time));
        }
    });
}

/// One server, and what is known of it.
struct Stage {
    world: World,
    is_tls: bool,
    grammar: Grammar,
    users: Vec<String>,
}

/// Plays sessions for some time, and judges the server.
fn play(is_tls: bool, time: Duration) {
    let (mut run, directory) = RunDirectory::new("wachat-fuzz-");
    // The calm pair is idle during a session, and the machine may be busy.
    let options = ["--no-limits", "--timeout", "300", "--tls"];
    let world = World::in_directory(directory, options.get(..if is_tls { 4 } else { 3 }).expect("options"));
    let process = Process::of(world.pid());
    let mut pair = Pair::new(world.addresses(), is_tls);
    let before = wait_for("a server at rest", || process.is_at_rest());
    let mut stage = Stage { world, is_tls, grammar: Grammar::new(), users: Vec::new() };
    let begin = Instant::now();
    let first = number("FUZZ_SEED", 1);
    let mut seed = first;
    while begin.elapsed() < time {
        run.note(&format!("FUZZ_SEED={seed}"));
        if (seed - first).is_multiple_of(SESSIONS_OF_USERS) {
            stage.register(seed);
        }
        stage.session(&mut Random::new(seed));
        pair.exchange();
        if seed.is_multiple_of(10) {
            pair.drain(stage.world.recv, is_tls, pick(&stage.users, &mut Random::new(seed)).expect("a user"));
            stage.assert_no_panic();
        }
        seed += 1;
    }
    pair.compare_histories();
    let as_before = |now: &Holds| now.threads <= before.threads && now.files <= before.files;
    let is_back = || process.is_at_rest().filter(as_before);
    wait_or(is_back, || format!("before: {before:?}, now: {:?} {:#?}", process.holds(), process.open_files()));
    println!("TLS {is_tls}: {} sessions, {} KiB at most", seed - first, process.peak());
    drop(pair);
    stage.end();
}

impl Stage {
    fn register(&mut self, seed: u64) {
        self.users = ["ana", "luis", "eva"].iter().map(|name| format!("{name}{seed}")).collect();
        for user in &self.users {
            let line = format!("REGISTER:{user}:{PASSWORD}");
            assert!(crate::calm_pair::enter(self.world.send, self.is_tls, &line).is_some(), "{line}");
        }
    }

    fn session(&self, random: &mut Random) {
        let mut open: Vec<Wire> = Vec::new();
        for _ in 0..10 + random.below(30) {
            let count = open.len();
            let index = random.below(open.len() as u64) as usize;
            match (random.below(10), open.get_mut(index)) {
                (0..=1, _) | (_, None) if count < CONNECTIONS => open.extend(self.connect(random)),
                (2, Some(_)) => open.swap_remove(index).end(random),
                (3..=5, Some(wire)) => wire.read(),
                (_, Some(wire)) => wire.send(&self.grammar.lines(wire.port, &self.users, random), random),
                (_, None) => {}
            }
        }
        for wire in open {
            wire.end(random);
        }
    }

    /// Opens a connection that mostly logs in.
    fn connect(&self, random: &mut Random) -> Option<Wire> {
        let port = random.below(2) as usize;
        let address = *self.world.addresses().get(port)?;
        let stream = from_any_address(address, random);
        // Bytes that are no TLS are a case of their own.
        let socket = if self.is_tls && random.chance(90) { tls::secure(stream).ok()? } else { stream.into() };
        // A server that reads no more must not stop this thread.
        socket.tcp().set_write_timeout(Some(Duration::from_millis(100))).expect("a time-out");
        let mut wire = Wire { socket, port, unread: Vec::new() };
        let user = pick(&self.users, random)?;
        wire.send(&self.grammar.login(user, random), random);
        Some(wire)
    }

    fn assert_no_panic(&self) {
        let log = self.world.log();
        let panic = log.lines().find(|line| line.contains("panicked"));
        assert_eq!(panic, None, "the server has panicked");
    }

    fn end(mut self) {
        let (status, _) = self.world.stop();
        self.assert_no_panic();
        assert!(status.success(), "{status}; {}", self.world.log());
        self.world.assert_undamaged();
    }
}

/// Connects from one of many addresses: failed logins are counted by address.
fn from_any_address(address: SocketAddr, random: &mut Random) -> TcpStream {
    use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
    let source = [127, 1 + random.below(200) as u8, random.below(250) as u8, 1];
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    bind(&socket, &SocketAddr::from((source, 0))).expect("an address of the loopback interface");
    connect(&socket, &address).expect("a connection");
    socket.into()
}

/// A connection of a hostile user. Errors are the server's to cause: it may close at any time.
struct Wire {
    socket: Socket,
    port: usize,
    /// The beginning of a line that was read.
    unread: Vec<u8>,
}

impl Wire {
    /// Sends bytes in one piece, or in a few.
    fn send(&mut self, bytes: &[u8], random: &mut Random) {
        let piece = if random.chance(70) { bytes.len() } else { 1 + random.below(bytes.len() as u64) as usize };
        let _ = bytes.chunks(piece.max(1)).try_for_each(|piece| self.socket.write_all(piece));
    }

    /// Reads what exists, all of which has to be lines of the protocol.
    fn read(&mut self) {
        self.socket.tcp().set_read_timeout(Some(Duration::from_millis(1))).expect("a time-out");
        let mut buffer = [0; 65_536];
        loop {
            match self.socket.read(&mut buffer) {
                Ok(1..) if self.unread.len() > 1 << 22 => break,
                Ok(read @ 1..) => self.unread.extend(buffer.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                _ => break,
            }
        }
        let end = self.unread.iter().rposition(|byte| *byte == b'\n').map_or(0, |feed| feed + 1);
        let lines: Vec<u8> = self.unread.drain(..end).collect();
        for line in lines.split(|byte| *byte == b'\n') {
            assert!(Fields::parse(line).is_ok(), "the server says {:?}", String::from_utf8_lossy(line));
        }
    }

    /// Ends as clients do: with a QUIT, a half-close, a reset, or nothing.
    fn end(mut self, random: &mut Random) {
        match random.below(4) {
            0 => self.send(b"QUIT\n", random),
            1 => {
                let _ = self.socket.tcp().shutdown(Shutdown::Write);
                self.read();
            }
            2 => rustix::net::sockopt::set_socket_linger(self.socket.tcp(), Some(Duration::ZERO)).expect("a reset"),
            _ => {}
        }
    }
}
