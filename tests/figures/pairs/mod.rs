//! The same work on wachat and on Redis with a sync before every answer: pairs of a sender with one
//! message in flight and a reader who waits for it, and a room of many readers.

mod redis;
pub mod wachat;

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::support::World;
use crate::{median, size};
use redis::Redis;

pub const PAIRS: usize = 20;
const ROUNDS: usize = 3;

/// Text of every message: 100 bytes.
const TEXT: &str = "a message of one hundred bytes, \
                    all of them characters that stand for themselves everywhere ........";

/// From the start of a round until it is counted, and then how long.
const WARM_UP: Duration = Duration::from_millis(500);
const COUNTED: Duration = Duration::from_secs(3);

/// One who sends.
pub trait Writer: Send {
    /// Waits until one more message is on the disk; others may be in flight. Returns the time that it took.
    fn send(&mut self) -> Duration;

    /// Waits for the messages that are in flight; returns how many they were.
    fn finish(&mut self) -> usize {
        0
    }
}

/// One who reads.
pub trait Reader: Send {
    /// Waits for messages, a second at most, and says how many came.
    fn read(&mut self) -> usize;
}

/// Result of a round.
pub struct Measured {
    /// Messages a second that were sent and confirmed.
    pub rate: f64,
    /// The time that each took.
    pub times: Vec<Duration>,
}

/// One who writes, and all who read that.
pub type Talk = (Box<dyn Writer>, Vec<Box<dyn Reader>>);

#[test]
#[ignore = "a figure: run it in release mode, on a quiet machine"]
fn pairs_against_redis() {
    let Some(redis) = Redis::start() else {
        println!("pairs against Redis: skipped, redis-server is not installed");
        return;
    };
    let world = World::new(&["--no-limits"]);
    wachat::register(world.send);
    let mut ours = Vec::new();
    let mut theirs = Vec::new();
    for round in 0..ROUNDS {
        let prefix = round.to_string();
        ours.push(run(wachat::pairs(world.addresses(), &prefix, 1)).rate);
        theirs.push(run((0..PAIRS).map(|pair| redis.stream(round, pair, 1)).collect()).rate);
    }
    let ours = median(&mut ours);
    let theirs = median(&mut theirs);
    let ratio = ours / theirs;
    println!("durable messages a second: wachat {ours:.0}, redis {theirs:.0}, ratio {ratio:.2}");
    // The measuring programs' own costs decide which of the two is ahead: the assertion is that both are of the same
    // order.
    assert!(ratio >= 0.7, "{ratio}");
}

#[test]
#[ignore = "a figure: run it in release mode, on a quiet machine"]
fn a_room_against_redis() {
    let Some(redis) = Redis::start() else {
        println!("a room against Redis: skipped, redis-server is not installed");
        return;
    };
    let members = size("WACHAT_MEMBERS", 500);
    let world = World::new(&["--no-limits"]);
    wachat::register_room(&world, members);
    let mut ours = Vec::new();
    let mut theirs = Vec::new();
    for round in 0..ROUNDS {
        ours.push(run(vec![wachat::room(&world, round, members)]).rate);
        theirs.push(run(vec![redis.stream(round, PAIRS, members)]).rate);
    }
    let ours = median(&mut ours);
    let theirs = median(&mut theirs);
    let ratio = ours / theirs;
    println!(
        "durable messages a second to {members} connected readers: wachat {ours:.0}, redis {theirs:.0}, ratio {ratio:.2}"
    );
    assert!(ratio >= 0.7, "{ratio}");
}

/// State that the threads of a round share.
struct Round {
    begin: Barrier,
    stop: AtomicBool,
    /// What is sent now is counted.
    is_counting: AtomicBool,
    /// Writers that have messages in flight, or will.
    writers: AtomicUsize,
    sent: AtomicUsize,
    read: AtomicUsize,
    times: Mutex<Vec<Duration>>,
}

/// Lets them talk.
pub fn run(talks: Vec<Talk>) -> Measured {
    let readers: usize = talks.iter().map(|(_, readers)| readers.len()).sum();
    let copies = readers / talks.len();
    let begin = Barrier::new(talks.len() + readers + 1);
    let round = Round::new(begin, talks.len());
    let rate = std::thread::scope(|scope| {
        for (writer, readers) in talks {
            scope.spawn(|| round.write(writer));
            for reader in readers {
                scope.spawn(|| round.read(reader));
            }
        }
        round.begin.wait();
        let rate = round.rate();
        round.stop.store(true, Ordering::Relaxed);
        rate
    });
    let sent = round.sent.into_inner();
    assert_eq!(round.read.into_inner(), sent * copies, "every message is read, once by each of its readers");
    Measured { rate, times: round.times.into_inner() }
}

impl Round {
    fn new(begin: Barrier, writers: usize) -> Self {
        Self {
            begin,
            stop: AtomicBool::new(false),
            is_counting: AtomicBool::new(false),
            writers: AtomicUsize::new(writers),
            sent: AtomicUsize::new(0),
            read: AtomicUsize::new(0),
            times: Mutex::default(),
        }
    }

    fn rate(&self) -> f64 {
        std::thread::sleep(WARM_UP);
        self.is_counting.store(true, Ordering::Relaxed);
        let before = self.sent.load(Ordering::Relaxed);
        let start = Instant::now();
        std::thread::sleep(COUNTED);
        (self.sent.load(Ordering::Relaxed) - before) as f64 / start.elapsed().as_secs_f64()
    }

    fn write(&self, mut writer: Box<dyn Writer>) {
        self.begin.wait();
        let mut times = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            let time = writer.send();
            self.sent.fetch_add(1, Ordering::Relaxed);
            if self.is_counting.load(Ordering::Relaxed) {
                times.push(time);
            }
        }
        self.sent.fetch_add(writer.finish(), Ordering::Relaxed);
        self.writers.fetch_sub(1, Ordering::Relaxed);
        self.times.lock().append(&mut times);
    }

    /// Reads on until nothing comes any more.
    fn read(&self, mut reader: Box<dyn Reader>) {
        self.begin.wait();
        loop {
            let stopped = self.writers.load(Ordering::Relaxed) == 0;
            let read = reader.read();
            self.read.fetch_add(read, Ordering::Relaxed);
            if read == 0 && stopped {
                return;
            }
        }
    }
}
