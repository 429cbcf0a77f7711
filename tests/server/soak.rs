//! A long life: traffic, rude strangers, sessions that come and go, checkpoints all the while. In the
//! end the server has the threads and the open files with which it began, its write-ahead log has stayed
//! small, and its memory has stopped growing although the history has not.
//!
//! `WACHAT_SOAK_MINUTES=60 cargo test --release --test suite server::soak -- --ignored --nocapture`

#[cfg(target_os = "linux")]
mod linux {
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    use std::time::{Duration, Instant};

    use wachat::limits;

    use crate::support::process::{Holds, Process};
    use crate::support::random::Random;
    use crate::support::{Connection, World, wait_for, wait_or};

    const PAIRS: usize = 4;

    /// Sends that are on their way at once.
    const WINDOW: u64 = 16;

    /// Limit of pending messages of a reader: below the server's quota for one sender. Above it the server would refuse
    /// one of several sends in flight, and accept the next.
    const BEHIND: u64 = 500;

    /// Limit of the write-ahead log: the bytes that make a checkpoint due, as many again while it is made, and the
    /// segments made ahead.
    const WAL_BYTES: u64 = 3 * limits::CHECKPOINT_BYTES;

    #[test]
    fn a_short_life_ends_as_it_began() {
        live(Duration::from_secs(8));
    }

    #[test]
    #[ignore = "takes WACHAT_SOAK_MINUTES (10)"]
    fn a_long_life_ends_as_it_began() {
        let minutes = std::env::var("WACHAT_SOAK_MINUTES").ok().map_or(10, |text| text.parse().expect("a number"));
        let resident = live(Duration::from_secs(60 * minutes));
        let quarter = resident.len() / 4;
        let most = |part: &[u64]| part.iter().copied().max().unwrap_or(0);
        let early = most(&resident[quarter..2 * quarter]);
        let late = most(&resident[3 * quarter..]);
        println!("memory: {early} KiB at most in the second quarter, {late} KiB in the last");
        assert!(late <= early + early / 10 + 4_096, "it grows: {early} KiB, then {late} KiB");
    }

    /// State that the clients share.
    struct Shared {
        world: World,
        going: AtomicBool,
        delivered: AtomicU64,
        /// By pair: the number of the message that its reader expects.
        expected: [AtomicU64; PAIRS],
        strangers: AtomicU64,
    }

    /// Lets a server live; returns its resident memory, second by second.
    fn live(time: Duration) -> Vec<u64> {
        let world = World::new(&["--no-lobby", "--no-limits"]);
        let process = Process::of(world.pid());
        let alone = wait_for("a server without connections", || process.is_at_rest());
        (0..PAIRS).for_each(|pair| {
            drop(world.register(&format!("sender{pair}")));
            drop(world.register(&format!("reader{pair}")));
        });
        // Each connection has a thread.
        let is_idle = |now: &Holds| now.threads == alone.threads;
        let before = wait_for("the first connections to end", || process.is_at_rest().filter(is_idle));
        let going = AtomicBool::new(true);
        let delivered = AtomicU64::new(0);
        let strangers = AtomicU64::new(0);
        let expected = std::array::from_fn(|_| AtomicU64::new(1));
        let shared = Shared { world, going, delivered, expected, strangers };
        let resident = std::thread::scope(|scope| {
            for pair in 0..PAIRS {
                let shared = &shared;
                scope.spawn(move || send(shared, pair));
                scope.spawn(move || receive(shared, pair));
            }
            scope.spawn(|| be_rude(&shared));
            // Also when it finds something wrong: the others have to end.
            let resident = catch_unwind(AssertUnwindSafe(|| watch(&shared, &process, time)));
            shared.going.store(false, Ordering::Relaxed);
            resident.unwrap_or_else(|panic| resume_unwind(panic))
        });
        let as_before = || process.is_at_rest().filter(|now| *now == before);
        let after = wait_or(as_before, || {
            format!("before: {before:?}, now: {:?}, which are {:#?}", process.holds(), process.open_files())
        });
        println!(
            "{} messages and {} strangers in {} s; threads and files: {before:?}, {after:?}",
            shared.delivered.load(Ordering::Relaxed),
            shared.strangers.load(Ordering::Relaxed),
            time.as_secs()
        );
        assert!(shared.delivered.load(Ordering::Relaxed) > 100 && shared.strangers.load(Ordering::Relaxed) > 10);
        resident
    }

    /// Measures once a second.
    fn watch(shared: &Shared, process: &Process, time: Duration) -> Vec<u64> {
        let start = Instant::now();
        let mut resident = Vec::new();
        while start.elapsed() < time {
            std::thread::sleep(Duration::from_secs(1));
            resident.push(process.resident());
            let wal = size(&shared.world.data().join("wal"));
            assert!(wal <= WAL_BYTES, "the write-ahead log holds {wal} bytes");
        }
        resident
    }

    /// Returns the bytes of the files in a directory. Some may be removed meanwhile.
    fn size(directory: &std::path::Path) -> u64 {
        let entries = std::fs::read_dir(directory).expect("a directory").flatten();
        entries.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
    }

    /// Sends numbered messages, some long, and comes back every now and then on a new connection.
    fn send(shared: &Shared, pair: usize) {
        let mut random = Random::new(pair as u64);
        let mut next = 1;
        while shared.going.load(Ordering::Relaxed) {
            let mut line = shared.world.login(&format!("sender{pair}"));
            for _ in 0..random.below(200) {
                let numbers = next..next + random.below(WINDOW) + 1;
                for number in numbers.clone() {
                    let longest = if random.chance(5) { 20_000 } else { 200 };
                    let padding = "x".repeat(random.below(longest) as usize);
                    line.send(format!("SEND;m-{number};reader{pair};{number} {padding}\n"));
                }
                for number in numbers.clone() {
                    let said = line.read_line();
                    assert!(said.starts_with("OK;"), "{number} was answered {said}");
                }
                next = numbers.end;
                while next - shared.expected[pair].load(Ordering::Relaxed) > BEHIND {
                    if !shared.going.load(Ordering::Relaxed) {
                        return;
                    }
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        }
    }

    /// Polls and reads, each message once and in order, and comes back as a new session.
    fn receive(shared: &Shared, pair: usize) {
        let mut random = Random::new(100 + pair as u64);
        let mut last = 0;
        let due = &shared.expected[pair];
        while shared.going.load(Ordering::Relaxed) {
            let user = format!("reader{pair}");
            let mut hears = shared.world.session(&user);
            let mut says = shared.world.login(&user);
            for _ in 0..random.below(100) {
                if !shared.going.load(Ordering::Relaxed) {
                    return;
                }
                for event in hears.list(&format!("POLL;{last};1")) {
                    let mut fields = event.splitn(7, ';');
                    let seq: u64 = fields.next().and_then(|seq| seq.parse().ok()).expect("a number");
                    if fields.next() == Some("MSG") {
                        let text = fields.last().expect("a text");
                        let expected = due.fetch_add(1, Ordering::Relaxed);
                        assert!(text.starts_with(&format!("{expected} ")), "{expected} was due, and came {text:.20}");
                        shared.delivered.fetch_add(1, Ordering::Relaxed);
                    }
                    last = seq.max(last);
                }
                if random.chance(30) {
                    assert!(!says.request(&format!("READ;sender{pair};{last}")).is_empty());
                }
            }
        }
    }

    /// Wrong passwords, half lines, noise, and hanging up in the middle.
    fn be_rude(shared: &Shared) {
        let mut random = Random::new(99);
        let mut wrong = 0;
        while shared.going.load(Ordering::Relaxed) {
            let port = if random.chance(50) { shared.world.send } else { shared.world.recv };
            let mut line = Connection::open(port);
            let said: &[u8] = match random.below(5) {
                // After five the address would have to wait, up to a minute, and its connections with it.
                0 if wrong < 4 => {
                    wrong += 1;
                    b"LOGIN:sender0:not the password\n"
                }
                1 => b"LOGIN:sender0:pal",
                2 => b"\0\xff;;\"\n",
                3 => b"",
                _ => b"LOGIN:sender0:palabra larga\nHISTORY;reader0;1000\nHISTORY;reader0;1000\n",
            };
            // The server may have closed.
            let _ = line.try_send(said);
            if random.chance(50) {
                line.has_input(Duration::from_millis(20));
            }
            shared.strangers.fetch_add(1, Ordering::Relaxed);
        }
    }
}
