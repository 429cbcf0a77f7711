//! The output of a connection whose socket buffer is full.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::sockopt::set_socket_send_buffer_size;

use wachat::limits;
use wachat::net::{Outgoing, Progress, start_stragglers};

use crate::support::TIMEOUT;
use crate::support::random::Random;

#[test]
fn what_the_socket_refuses_is_sent_in_order_and_then_the_output_is_closed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let outgoing = Arc::new(Outgoing::new(7, Arc::new(listener.accept().unwrap().0.into())));
    let (told, drained) = crossbeam_channel::unbounded();
    let stragglers = start_stragglers(Duration::from_secs(10), move |id, progress| {
        told.send((id, progress)).unwrap();
    })
    .unwrap();
    let mut given = Vec::new();
    let mut progress = Progress::Done;
    while progress == Progress::Done || given.len() < 16 << 20 {
        let bytes = vec![(given.len() >> 16) as u8; 1 << 16];
        progress = outgoing.send(&bytes, &stragglers);
        given.extend(bytes);
    }
    outgoing.close();
    assert!(!outgoing.is_closed(), "not before the last byte is sent");
    let mut got = Vec::new();
    peer.read_to_end(&mut got).unwrap();
    assert!(got == given, "{} of {} bytes", got.len(), given.len());
    assert_eq!(drained.recv().unwrap(), (7, Progress::Done));
    assert!(outgoing.is_closed());
}

#[test]
fn a_peer_that_never_reads_is_cut_off() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let _peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let outgoing = Arc::new(Outgoing::new(7, Arc::new(listener.accept().unwrap().0.into())));
    let (told, drained) = crossbeam_channel::unbounded();
    let stragglers = start_stragglers(Duration::from_millis(200), move |id, progress| {
        told.send((id, progress)).unwrap();
    })
    .unwrap();
    // The system takes some of them later: more than it ever holds for a connection have to wait.
    assert_eq!(outgoing.send(&vec![b'x'; 64 << 20], &stragglers), Progress::Pending);
    assert_eq!(drained.recv().unwrap(), (7, Progress::Failed));
    assert!(outgoing.is_closed());
}

/// Makes a connection from which the server takes no more than some kilobytes ahead of its peer. It is a Unix socket:
/// between sockets of TCP on one machine hundreds of kilobytes are on their way.
fn connect_narrowly() -> (UnixStream, Arc<Outgoing>) {
    let (peer, server) = UnixStream::pair().unwrap();
    set_socket_send_buffer_size(&server, 4_096).unwrap();
    (peer, Arc::new(Outgoing::new(7, Arc::new(TcpStream::from(OwnedFd::from(server)).into()))))
}

/// Sends 64 KiB to a peer that takes this many bytes ten times a second; returns how the sending ends.
fn send_to_slow_peer(bytes: usize, timeout: Duration) -> Progress {
    let (mut peer, outgoing) = connect_narrowly();
    let (told, drained) = crossbeam_channel::unbounded();
    let stragglers = start_stragglers(timeout, move |_, progress| told.send(progress).unwrap()).unwrap();
    assert_eq!(outgoing.send(&[b'x'; 1 << 16], &stragglers), Progress::Pending);
    let reading = thread::spawn(move || {
        while matches!(peer.read(&mut vec![0; bytes]), Ok(1..)) {
            thread::sleep(Duration::from_millis(100));
        }
    });
    let end = drained.recv_timeout(Duration::from_secs(90)).unwrap();
    outgoing.abort();
    reading.join().unwrap();
    end
}

#[test]
fn a_peer_that_takes_a_little_all_the_time_is_cut_off() {
    // At most 600 bytes a second: some progress within each time-out, but less than 1,024 a second.
    assert_eq!(send_to_slow_peer(60, Duration::from_secs(2)), Progress::Failed);
}

#[test]
fn a_peer_that_takes_enough_is_not_cut_off() {
    // For several time-outs.
    assert_eq!(send_to_slow_peer(1_000, Duration::from_secs(2)), Progress::Done);
}

/// Sends many bytes to a peer that takes this many at once, and then none. Returns for how long it may take none.
fn time_of_peer_that_stops_after(taken: usize, margin: Duration) -> Duration {
    const LAST: usize = 16 << 10;
    let (mut peer, outgoing) = connect_narrowly();
    let (told, drained) = crossbeam_channel::unbounded();
    let timeout = margin / limits::REPLY_TIMEOUTS;
    let stragglers = start_stragglers(timeout, move |_, progress| told.send(progress).unwrap()).unwrap();
    assert_eq!(outgoing.send(&vec![b'x'; taken + (1 << 20)], &stragglers), Progress::Pending);
    peer.read_exact(&mut vec![0; taken - LAST]).unwrap();
    let stopped = Instant::now();
    peer.read_exact(&mut [0; LAST]).unwrap();
    let end = drained.recv_timeout(margin + Duration::from_secs(25));
    assert_eq!(end, Ok(Progress::Failed), "{taken} bytes were taken before");
    stopped.elapsed()
}

/// Bytes that a peer took in a hurry give it no time beyond the two time-outs, and no less than those.
#[test]
fn a_peer_that_has_taken_much_and_stops_is_cut_off_as_soon_as_any() {
    let margin = Duration::from_secs(4);
    thread::scope(|scope| {
        for taken in [20_000, 50_000, 300_000, 3 << 20] {
            scope.spawn(move || {
                let time = time_of_peer_that_stops_after(taken, margin);
                assert!(time >= margin, "{taken} bytes were taken before: cut off after {time:?}");
            });
        }
    });
}

/// Reads everything in pieces of random lengths, with pauses in between.
fn read_slowly(mut peer: UnixStream, seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    let mut got = Vec::new();
    let mut piece = vec![0; 9_000];
    loop {
        let length = random.below(9_000) as usize + 1;
        match peer.read(&mut piece[..length]) {
            Ok(0) | Err(_) => return got,
            Ok(read) => got.extend_from_slice(&piece[..read]),
        }
        if random.chance(10) {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Gives bytes in pieces of random lengths, several times this many that the socket refuses some; now and then waits until all
/// of them were taken. Then come a last line and the end. The bytes are numbers: none is like its neighbours.
fn send_in_pieces(outgoing: &Arc<Outgoing>, seed: u64) -> Vec<u8> {
    let (told, drained) = crossbeam_channel::unbounded();
    let stragglers = start_stragglers(TIMEOUT, move |_, progress| told.send(progress).unwrap()).unwrap();
    let mut random = Random::new(seed);
    let mut given = Vec::new();
    let mut number = 0;
    for _ in 0..6 {
        let mut is_refused = false;
        for _ in 0..random.below(12) + 1 {
            let lines = (0..random.below(2_000) + 1).map(|line| format!("{}\n", number + line));
            let piece: String = lines.collect();
            number += 2_000;
            is_refused |= outgoing.send(piece.as_bytes(), &stragglers) == Progress::Pending;
            given.extend_from_slice(piece.as_bytes());
        }
        if is_refused && random.chance(70) {
            assert_eq!(drained.recv_timeout(TIMEOUT).unwrap(), Progress::Done, "seed {seed}");
            while outgoing.has_unsent() {
                assert_eq!(drained.recv_timeout(TIMEOUT).unwrap(), Progress::Done, "seed {seed}");
            }
        }
    }
    outgoing.send(b"KO;SHUTDOWN;bye\n", &stragglers);
    given.extend_from_slice(b"KO;SHUTDOWN;bye\n");
    outgoing.close();
    given
}

#[test]
fn a_slow_peer_gets_every_byte_in_any_pattern_of_refusals() {
    for seed in 0..40 {
        let (peer, outgoing) = connect_narrowly();
        let reading = thread::spawn(move || read_slowly(peer, seed));
        let given = send_in_pieces(&outgoing, seed);
        let got = reading.join().unwrap();
        let same = got.iter().zip(&given).take_while(|(one, other)| one == other).count();
        assert!(got == given, "seed {seed}: {} of {} bytes, {same} of them as given", got.len(), given.len());
    }
}
