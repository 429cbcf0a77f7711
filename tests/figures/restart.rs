//! Restart of a server with a long history, and HISTORY of old messages.

use std::time::{Duration, Instant};

use crate::support::{Connection, World};
use crate::{median, milliseconds, size, timed};

/// Sends on their way at once.
const WINDOW: usize = 500;

/// One message in this many is remembered by its number, to be asked for later.
const REMEMBERED: usize = 1_000;

/// Time limits: from the start of the server to its ready line, and for one HISTORY.
const READY: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(10);

#[test]
#[ignore = "a figure: run it in release mode, on a quiet machine"]
fn restart_with_a_million_messages() {
    let messages = size("WACHAT_MESSAGES", 1_000_000);
    let mut world = World::new(&["--no-limits"]);
    let (old, filling) = timed(|| fill(&world, messages));
    println!("{messages} messages sent and acknowledged in {:.1} s", filling.as_secs_f64());
    restart("SIGKILL", world.kill(), messages, &old[..old.len() / 2]);
    let (status, took) = world.stop();
    assert!(status.success(), "a clean stop, not {status}");
    println!("the stop took {:.0} ms", milliseconds(took));
    restart("a clean stop", &mut world, messages, &old[old.len() / 2..]);
}

/// Fills one conversation, from ana to bea, and has bea take and acknowledge all of it. Returns the
/// numbers of some of the messages, oldest first.
fn fill(world: &World, messages: usize) -> Vec<u64> {
    let ana = world.register("ana");
    let _bea = world.register("bea");
    let session = world.session("bea");
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| read(session, messages));
        send(ana, messages);
        reading.join().expect("the reader")
    })
}

fn send(mut ana: Connection, messages: usize) {
    let text = "x".repeat(100);
    for first in (0..messages).step_by(WINDOW) {
        let window = first..messages.min(first + WINDOW);
        ana.send(window.clone().map(|id| format!("SEND;m-{id};bea;{text}\n")).collect::<String>());
        for id in window {
            let reply = ana.read_line();
            assert!(reply.starts_with(&format!("OK;m-{id};RECEIVED;")), "{reply}");
        }
    }
}

fn read(mut bea: Connection, messages: usize) -> Vec<u64> {
    let mut last = 0;
    let mut read = 0;
    let mut remembered = Vec::new();
    while read < messages {
        for event in bea.list(&format!("POLL;{last};9;1000")) {
            last = number(&event);
            if read % REMEMBERED == 0 {
                remembered.push(last);
            }
            read += 1;
        }
    }
    assert_eq!(bea.request(&format!("POLL;{last};0")), "OK;0", "all is acknowledged");
    remembered
}

/// The number that an event or a history record begins with.
fn number(record: &str) -> u64 {
    record.split(';').next().and_then(|field| field.parse().ok()).unwrap_or_else(|| panic!("no number in {record}"))
}

/// Starts a server again and looks into its past, at these numbers.
fn restart(after: &str, world: &mut World, messages: usize, old: &[u64]) {
    let ((), ready) = timed(|| _ = world.start());
    let mut looks = Looks { ana: world.login("ana"), bea: world.login("bea") };
    let (_, first) = timed(|| looks.newest());
    println!(
        "restart with {messages} messages after {after}: ready in {:.0} ms, the first HISTORY in {:.2} ms",
        milliseconds(ready),
        milliseconds(first)
    );
    let start = Instant::now();
    let mut slowest = Duration::ZERO;
    for (what, look) in Looks::ALL {
        let mut times: Vec<_> = old.iter().map(|number| timed(|| look(&mut looks, *number)).1).collect();
        let once = times[0];
        let often = median(&mut times);
        println!("  {what}: at first {:.2} ms, median {:.2} ms", milliseconds(once), milliseconds(often));
        slowest = slowest.max(often);
    }
    println!("  {} looks in {:.1} s", old.len() * Looks::ALL.len(), start.elapsed().as_secs_f64());
    assert!(ready < READY, "ready after {ready:?}");
    assert!(slowest < LOOK && first < LOOK * 10, "{slowest:?}, at first {first:?}");
}

/// Both sides of the conversation, looking at what is old.
struct Looks {
    ana: Connection,
    bea: Connection,
}

type Look = fn(&mut Looks, u64);

impl Looks {
    const ALL: [(&str, Look); 4] = [
        ("HISTORY, the newest 50", |looks, _| looks.newest()),
        ("HISTORY, 50 from the middle", |looks, old| {
            let records = looks.bea.list(&format!("HISTORY;ana;50;{old}"));
            assert!(records.iter().all(|record| number(record) < old), "below {old}");
        }),
        ("STATUS of an old message", |looks, old| {
            let status = looks.ana.list(&format!("STATUS;bea;{old}"));
            assert!(matches!(status[0].as_str(), "bea;DELIVERED" | "bea;READ"), "{status:?}");
        }),
        ("READ of an old message", |looks, old| assert_eq!(looks.bea.request(&format!("READ;ana;{old}")), "OK")),
    ];

    fn newest(&mut self) {
        assert_eq!(self.bea.list("HISTORY;ana;50").len(), 50);
    }
}
