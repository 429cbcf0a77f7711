//! The real server, killed with SIGKILL in the middle of traffic, again and again; what its users saw
//! is judged by the checker.
//!
//! `WACHAT_KILLS=2000 cargo test --release --test kill` kills it more often.

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use support::checker::{Checker, Seen};
use support::random::Random;
use support::{Line, PASSWORD, Server, wait_for};
use wachat::protocol::{Fields, reply};

const USERS: [&str; 3] = ["ana", "luis", "eva"];

/// How many sends one program has unanswered at once.
const WINDOW: usize = 4;

/// What all programs share.
struct World {
    /// Where the server is now; both ports change at every start.
    addresses: Mutex<(SocketAddr, SocketAddr)>,
    checker: Mutex<Checker>,
    accepted: AtomicU64,
    /// New messages are sent as long as this is set.
    sending: AtomicBool,
    /// Polls go on as long as this is set.
    polling: AtomicBool,
    /// The first promise that was seen broken.
    broken: Mutex<Option<String>>,
}

#[test]
fn promises_hold_when_the_server_is_killed_in_the_middle_of_traffic() {
    let kills = std::env::var("WACHAT_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(30);
    let mut server = Server::start();
    for user in USERS {
        server.register(user);
    }
    let world = Arc::new(World {
        addresses: Mutex::new((server.send, server.recv)),
        checker: Mutex::default(),
        accepted: AtomicU64::new(0),
        sending: AtomicBool::new(true),
        polling: AtomicBool::new(true),
        broken: Mutex::new(None),
    });
    let start = |program: fn(&World, &'static str, u64), seed: usize| {
        let world = world.clone();
        thread::spawn(move || program(&world, USERS[seed % USERS.len()], seed as u64))
    };
    let senders: Vec<_> = (0..USERS.len()).map(|seed| start(send, seed)).collect();
    let readers: Vec<_> = (0..USERS.len()).map(|seed| start(receive, seed)).collect();
    let mut random = Random::new(1);
    for _ in 0..kills {
        let enough = world.accepted.load(Ordering::Relaxed) + random.below(40) + 5;
        wait_for("traffic", || (world.accepted.load(Ordering::Relaxed) >= enough).then_some(()));
        server = server.kill().start();
        *world.addresses.lock() = (server.send, server.recv);
    }
    world.sending.store(false, Ordering::Relaxed);
    senders.into_iter().for_each(|sender| sender.join().expect("a sender"));
    wait_for("everything to arrive", || world.checker.lock().verdict().is_ok().then_some(()).or(world.is_broken()));
    world.polling.store(false, Ordering::Relaxed);
    readers.into_iter().for_each(|reader| reader.join().expect("a reader"));
    assert_eq!(*world.broken.lock(), None);
    world.checker.lock().verdict().expect("the promises");
    println!("{kills} kills, {} messages accepted", world.accepted.load(Ordering::Relaxed));
}

impl World {
    fn judge(&self, verdict: Result<(), String>) {
        if let Err(why) = verdict {
            self.broken.lock().get_or_insert(why);
        }
    }

    fn is_broken(&self) -> Option<()> {
        self.broken.lock().is_some().then_some(())
    }
}

/// Sends, a few at a time; after every loss of the connection first what has no answer. Ends when
/// everything has one.
fn send(world: &World, user: &'static str, seed: u64) {
    let mut random = Random::new(seed);
    let mut next = 0;
    loop {
        let open = world.checker.lock().unknown(user);
        if open.is_empty() && !world.sending.load(Ordering::Relaxed) {
            return;
        }
        let address = world.addresses.lock().0;
        let Some(mut line) = connect(address, user) else { continue };
        let _ = talk(world, user, &mut line, open, &mut random, &mut next);
    }
}

/// `None`: the connection is gone.
fn talk(
    world: &World,
    user: &'static str,
    line: &mut Line,
    mut again: Vec<(String, String, String)>,
    random: &mut Random,
    next: &mut u64,
) -> Option<()> {
    loop {
        let mut window: Vec<_> = again.drain(..again.len().min(WINDOW)).collect();
        while window.len() < WINDOW && world.sending.load(Ordering::Relaxed) {
            *next += 1;
            let to = USERS[random.below(3) as usize].to_owned();
            // Some are long, so that segments close and checkpoints are made while the server is killed.
            let length = if random.chance(20) { random.below(50_000) } else { random.below(100) };
            window.push((format!("{user}-{next}"), to, "x".repeat(length as usize)));
        }
        if window.is_empty() {
            return Some(());
        }
        for (id, to, text) in &window {
            world.checker.lock().asks(user, id, to, text);
            line.try_send(format!("SEND;{id};{to};{text}\n")).ok()?;
        }
        for (id, ..) in &window {
            let answer = line.try_line()?;
            let verdict = match reply::read_head(answer.as_bytes()).expect("a reply") {
                Ok(fields) => {
                    let (_, seq) = reply::read_accepted(&fields).expect("a time and a number");
                    world.accepted.fetch_add(1, Ordering::Relaxed);
                    world.checker.lock().accepted(user, id, &fields[2], seq.get())
                }
                // QUOTA, when a reader has fallen behind: a new try later may succeed, but need not.
                Err(_) => world.checker.lock().refused(user, id),
            };
            world.judge(verdict);
        }
    }
}

/// Polls, stores, and calls every other message read.
fn receive(world: &World, user: &'static str, _seed: u64) {
    while world.polling.load(Ordering::Relaxed) {
        let (send, recv) = *world.addresses.lock();
        if let (Some(mut reads), Some(mut line)) = (connect(send, user), connect(recv, user)) {
            let _ = poll(world, user, &mut line, &mut reads);
        }
    }
}

fn poll(world: &World, user: &'static str, line: &mut Line, reads: &mut Line) -> Option<()> {
    for (from, upto) in world.checker.lock().read_marks(user) {
        reads.try_send(format!("READ;{from};{upto}\n")).ok()?;
        reads.try_line()?;
    }
    let mut last = world.checker.lock().last_stored(user);
    while world.polling.load(Ordering::Relaxed) {
        world.checker.lock().acknowledges(user, last);
        line.try_send(format!("POLL;{last};1\n")).ok()?;
        let count: usize = line.try_line()?.strip_prefix("OK;")?.parse().expect("a count");
        let mut newest = None;
        for _ in 0..count {
            let event = line.try_line()?;
            let fields = Fields::parse(event.as_bytes()).expect("an event");
            let field = |index: usize| fields.get(index).unwrap_or_default().to_owned();
            let number = |index: usize| field(index).parse::<u64>().expect("a number");
            match field(1).as_str() {
                "MSG" => {
                    let seen = Seen { seq: number(0), id: field(2), from: field(3), text: field(6) };
                    newest = Some((field(3), number(0)));
                    let verdict = world.checker.lock().received(user, seen);
                    world.judge(verdict);
                }
                "STATE" => {
                    let verdict = world.checker.lock().told(user, &field(2), &field(3), number(4));
                    world.judge(verdict);
                }
                _ => {}
            }
            last = last.max(number(0));
        }
        if let Some((from, upto)) = newest {
            world.checker.lock().reads(user, &from, upto);
            reads.try_send(format!("READ;{from};{upto}\n")).ok()?;
            reads.try_line()?;
        }
    }
    Some(())
}

/// A connection to a server that may be gone, or not there yet.
fn connect(address: SocketAddr, user: &str) -> Option<Line> {
    let line = Line::try_open(address).and_then(|mut line| {
        line.try_send(format!("LOGIN:{user}:{PASSWORD}\n")).ok()?;
        line.try_line()?.starts_with("OK").then_some(line)
    });
    if line.is_none() {
        // Until the next server is ready there is nobody to talk to.
        thread::sleep(Duration::from_millis(2));
    }
    line
}
