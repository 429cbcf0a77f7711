//! Many slow peers at once: each has its own bytes, its own time and its own end, whatever becomes of the others.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::sockopt::set_socket_send_buffer_size;

use wachat::net::{Outgoing, Progress, Stragglers, start_stragglers};

use crate::support::random::Random;
use crate::support::{TIMEOUT, wait_until};

/// Behaviour of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Takes all of it, in pieces.
    Reads,
    /// Takes some of it, and goes.
    Goes,
    /// Takes nothing.
    IsDeaf,
}

struct Peer {
    kind: Kind,
    outgoing: Arc<Outgoing>,
    /// Bytes that it was given.
    given: Vec<u8>,
    /// Bytes that it took.
    taken: JoinHandle<Vec<u8>>,
}

impl Peer {
    fn new(number: u64, kind: Kind) -> Self {
        let (peer, server) = UnixStream::pair().unwrap();
        set_socket_send_buffer_size(&server, 4_096).unwrap();
        let outgoing = Arc::new(Outgoing::new(number, Arc::new(TcpStream::from(OwnedFd::from(server)).into())));
        Self { kind, outgoing, given: Vec::new(), taken: thread::spawn(move || take(peer, kind, number)) }
    }

    /// Gives it lines until the socket has refused some, or all: the end of a peer that has gone before is told here,
    /// since the straggler thread never has it.
    fn give(&mut self, stragglers: &Stragglers, random: &mut Random, told: &Sender<(u64, Progress)>) {
        let number = self.outgoing.id;
        let mut progress = Progress::Done;
        while progress == Progress::Done {
            let count = random.below(3_000);
            let lines: String = (0..count).map(|line| format!("{number}:{}:{line}\n", self.given.len())).collect();
            progress = self.outgoing.send(lines.as_bytes(), stragglers);
            self.given.extend_from_slice(lines.as_bytes());
        }
        if progress == Progress::Failed {
            told.send((number, progress)).unwrap();
        }
    }

    fn check(self) {
        let what = format!("peer {}", self.outgoing.id);
        let taken = self.taken.join().unwrap();
        match self.kind {
            Kind::Reads => assert!(taken == self.given, "{what}: {} of {} bytes", taken.len(), self.given.len()),
            _ => assert!(self.given.starts_with(&taken), "{what}: it took what it was not given"),
        }
    }
}

fn take(mut peer: UnixStream, kind: Kind, number: u64) -> Vec<u8> {
    let mut random = Random::new(number);
    let mut taken = Vec::new();
    let mut piece = vec![0; 20_000];
    peer.set_read_timeout(Some(TIMEOUT)).unwrap();
    if kind == Kind::IsDeaf {
        // Without events poll(2) waits for the end only.
        poll(&mut [PollFd::new(&peer, PollFlags::empty())], Some(&TIMEOUT.try_into().unwrap())).unwrap();
        return taken;
    }
    loop {
        let length = random.below(20_000) as usize + 1;
        match peer.read(&mut piece[..length]) {
            Ok(read @ 1..) => taken.extend_from_slice(&piece[..read]),
            _ => return taken,
        }
        if kind == Kind::Goes && taken.len() > 5_000 {
            return taken;
        }
        if random.chance(30) {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

fn begin(timeout: Duration, told: &Sender<(u64, Progress)>) -> Stragglers {
    let told = told.clone();
    start_stragglers(timeout, move |id, progress| told.send((id, progress)).unwrap()).unwrap()
}

fn kind_of(number: u64) -> Kind {
    match number % 5 {
        0 => Kind::IsDeaf,
        1 => Kind::Goes,
        _ => Kind::Reads,
    }
}

/// Waits until each of them has ended; returns how.
fn ends(ended: &Receiver<(u64, Progress)>, count: usize) -> BTreeMap<u64, Progress> {
    let mut ends = BTreeMap::new();
    while ends.len() < count {
        let (number, progress) = ended.recv_timeout(TIMEOUT).expect("an end");
        assert_eq!(ends.insert(number, progress), None, "{number} has ended before");
    }
    ends
}

#[test]
fn of_many_slow_peers_each_ends_by_itself() {
    let (told, ended) = unbounded();
    let stragglers = begin(Duration::from_secs(2), &told);
    let mut random = Random::new(1);
    let mut peers: Vec<_> = (1..=30).map(|number| Peer::new(number, kind_of(number))).collect();
    peers.iter_mut().for_each(|peer| peer.give(&stragglers, &mut random, &told));
    let deaf = peers.iter().filter(|peer| peer.kind == Kind::IsDeaf).count();
    let backlog = stragglers.backlog();
    wait_until("those that read to have all", || backlog.connections.load(Ordering::Relaxed) <= deaf);
    for (number, progress) in ends(&ended, peers.len()) {
        let expected = if kind_of(number) == Kind::Reads { Progress::Done } else { Progress::Failed };
        assert_eq!(progress, expected, "{number}, which {:?}", kind_of(number));
    }
    wait_until("nothing to be left", || backlog.connections.load(Ordering::Relaxed) == 0);
    assert_eq!(backlog.bytes.load(Ordering::Relaxed), 0);
    for peer in &peers {
        assert_eq!((peer.outgoing.is_closed(), peer.outgoing.has_unsent()), (peer.kind != Kind::Reads, false));
    }
    // Those that took all are sent more, and then the end.
    let (mut left, gone): (Vec<_>, Vec<_>) = peers.into_iter().partition(|peer| peer.kind == Kind::Reads);
    for peer in &mut left {
        peer.give(&stragglers, &mut random, &told);
        peer.outgoing.close();
    }
    assert!(ends(&ended, left.len()).values().all(|progress| *progress == Progress::Done));
    left.into_iter().chain(gone).for_each(Peer::check);
}

/// A connection that its owner gives up has no bytes that wait, and those of others are sent.
#[test]
fn a_slow_peer_that_is_given_up_is_sent_nothing_more() {
    let (told, ended) = unbounded();
    let stragglers = begin(TIMEOUT, &told);
    let mut random = Random::new(2);
    let mut peers: Vec<_> = (0..8).map(|number| Peer::new(number, Kind::Reads)).collect();
    peers.iter_mut().for_each(|peer| peer.give(&stragglers, &mut random, &told));
    for peer in peers.iter().filter(|peer| peer.outgoing.id % 2 == 0) {
        peer.outgoing.abort();
        assert!(peer.outgoing.is_closed() && !peer.outgoing.has_unsent());
    }
    ends(&ended, peers.len());
    for mut peer in peers {
        if peer.outgoing.id % 2 == 0 {
            peer.kind = Kind::Goes;
            assert_eq!(peer.outgoing.send(b"more\n", &stragglers), Progress::Failed);
        } else {
            peer.outgoing.close();
        }
        peer.check();
    }
}
