//! The server on a disk that is slow, or full: in this process, so that the disk can be ours.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::support::intercepted_disk::InterceptedDisk;
use crate::support::simulated_disk::SimulatedDisk;
use crate::support::{Connection, PASSWORD, TIMEOUT, wait_for, wait_until};
use wachat::limits;
use wachat::server::{Config, Handle, start};
use wachat::store::Sizes;

fn serve(disk: &SimulatedDisk, hook: impl Fn(&str, &Path) -> io::Result<()> + Send + Sync + 'static) -> Handle {
    let disk = InterceptedDisk { disk: disk.clone(), hook: Arc::new(hook) };
    start(Config::on_free_ports(Arc::new(disk), "/data".into())).unwrap_or_else(|error| panic!("{error}"))
}

fn register(server: &Handle, user: &str) -> Connection {
    let mut line = Connection::open(server.send_address());
    assert_eq!(line.request(&format!("REGISTER:{user}:{PASSWORD}")), format!("OK;{user};wachat/1"));
    line
}

/// One sync for all that has come: what a message costs goes down when there is more to do.
#[test]
fn twenty_concurrent_sends_cost_fewer_than_twenty_syncs() {
    let disk = SimulatedDisk::default();
    // As slow on every machine, so that the test does not depend on this one's.
    let server = serve(&disk, |what, _| {
        if what == "sync" {
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    });
    let mut lines: Vec<Connection> = (0..20).map(|i| register(&server, &format!("user{i}"))).collect();
    let before = disk.syncs();
    let together = Arc::new(Barrier::new(lines.len()));
    let senders: Vec<_> = lines
        .drain(..)
        .map(|mut line| {
            let together = together.clone();
            std::thread::spawn(move || {
                together.wait();
                assert!(line.request("SEND;1;user0;hola").starts_with("OK;1;RECEIVED;"));
            })
        })
        .collect();
    for sender in senders {
        sender.join().expect("an OK");
    }
    let syncs = disk.syncs() - before;
    println!("20 concurrent sends: {syncs} syncs");
    assert!(syncs <= 10, "20 concurrent sends cost {syncs} syncs");
    server.stop().expect("a clean stop");
}

/// Memory holds what no history file has: it does not do so until the log is long if there is time to write it now.
#[test]
fn in_quiet_times_a_quarter_of_the_log_is_enough_for_a_checkpoint() {
    let disk = SimulatedDisk::default();
    let checkpoints = Arc::new(AtomicUsize::new(0));
    let made = checkpoints.clone();
    let hook = move |what: &str, path: &Path| {
        made.fetch_add(usize::from(what == "create" && path.ends_with("store.csv")), Ordering::Relaxed);
        Ok(())
    };
    let disk = InterceptedDisk { disk, hook: Arc::new(hook) };
    let mut config = Config::on_free_ports(Arc::new(disk), "/data".into());
    let segment_bytes = (2 * limits::RECORD_BYTES + limits::COMMAND_BYTES) as u64;
    config.sizes = Sizes { segment_bytes, checkpoint_bytes: 16 * segment_bytes };
    let server = start(config).unwrap_or_else(|error| panic!("{error}"));
    let mut ana = register(&server, "ana");
    let text = "x".repeat(limits::TEXT_BYTES);
    // More than a quarter of that, and less than half.
    for number in 0..20 {
        assert!(ana.request(&format!("SEND;{number};ana;{text}")).starts_with("OK;"));
    }
    // The first one has made the store.
    assert_eq!(checkpoints.load(Ordering::Relaxed), 1);
    wait_until("a checkpoint", || checkpoints.load(Ordering::Relaxed) > 1);
    server.stop().expect("a clean stop");
}

/// A thread that has panicked makes nothing more: the server stops and says so, instead of growing until it cannot go on.
#[test]
fn a_panic_of_a_background_thread_stops_the_server_and_loses_nothing() {
    for thread in ["segments", "checkpoints"] {
        let disk = SimulatedDisk::default();
        let panicking = Arc::new(AtomicBool::new(false));
        let now = panicking.clone();
        let hooked = disk.clone();
        let hook = move |_: &str, _: &Path| {
            let here = std::thread::current().name() == Some(thread) && now.load(Ordering::Relaxed);
            assert!(!here, "a planted panic");
            Ok(())
        };
        let disk = InterceptedDisk { disk: hooked, hook: Arc::new(hook) };
        let mut config = Config::on_free_ports(Arc::new(disk), "/data".into());
        let segment_bytes = (2 * limits::RECORD_BYTES + limits::COMMAND_BYTES) as u64;
        config.sizes = Sizes { segment_bytes, checkpoint_bytes: segment_bytes };
        let server = start(config.clone()).unwrap_or_else(|error| panic!("{error}"));
        let mut ana = register(&server, "ana");
        let text = "x".repeat(limits::TEXT_BYTES);
        panicking.store(true, Ordering::Relaxed);
        let mut accepted = Vec::new();
        for number in 0..1_000 {
            ana.send(format!("SEND;{number};ana;{text}\n"));
            match ana.try_read_line() {
                Some(reply) if reply.starts_with("OK;") => accepted.push(reply),
                _ => break,
            }
        }
        let end = server.ended().recv_timeout(TIMEOUT).expect("the end of the server");
        let why = end.expect_err("a thread has panicked").to_string();
        assert!(why.contains(thread) && why.contains("has panicked"), "{why}");
        drop(server);
        panicking.store(false, Ordering::Relaxed);
        let server = start(config).unwrap_or_else(|error| panic!("{error}"));
        let mut ana = Connection::open_with(server.send_address(), &format!("LOGIN:ana:{PASSWORD}")).1;
        for (number, reply) in accepted.iter().enumerate() {
            assert_eq!(ana.request(&format!("SEND;{number};ana;{text}")), *reply, "a retry is known");
        }
        server.stop().expect("a clean stop");
    }
}

#[test]
fn a_full_disk_is_said_before_anything_is_promised_and_got_over() {
    let full = Arc::new(AtomicBool::new(false));
    let is_full = full.clone();
    let server = serve(&SimulatedDisk::default(), move |what, _| {
        let refused = what == "create" && is_full.load(Ordering::Relaxed);
        if refused { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    });
    let mut ana = register(&server, "ana");
    let text = "x".repeat(limits::TEXT_BYTES);
    let mut send = |number: usize| ana.request(&format!("SEND;{number};ana;{text}"));
    full.store(true, Ordering::Relaxed);
    let first = send(0);
    let refused = (1..1_000).find(|number| send(*number).starts_with("KO;FULL;")).expect("the disk has an end");
    assert_eq!(send(0), first, "a known id is answered all the same");
    assert!(send(refused).starts_with("KO;FULL;"));
    full.store(false, Ordering::Relaxed);
    // The server goes on without a restart.
    wait_for("the server to notice the room", || send(refused).starts_with("OK;").then_some(()));
    let mut line = Connection::open(server.send_address());
    line.request(&format!("LOGIN:ana:{PASSWORD}"));
    let last = line.list("HISTORY;ana;1");
    assert!(last[0].contains(&format!(";{refused};ana;ana;")), "what was refused was not kept, what was accepted was");
    server.stop().expect("a clean stop");
}

/// As above, where the space is looked up: before the disk is full.
#[test]
fn below_the_floor_of_free_space_nothing_is_stored_until_there_is_more() {
    let low = Arc::new(AtomicBool::new(false));
    let is_low = low.clone();
    let server = serve(&SimulatedDisk::default(), move |what, _| {
        let refused = what == "free" && is_low.load(Ordering::Relaxed);
        if refused { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    });
    let mut ana = register(&server, "ana");
    let mut number = 0;
    let mut send = || {
        number += 1;
        ana.request(&format!("SEND;{number};ana;hola"))
    };
    for _ in 0..2 {
        assert!(send().starts_with("OK;"));
        low.store(true, Ordering::Relaxed);
        wait_until("the server to notice that there is no space", || send().starts_with("KO;FULL;"));
        low.store(false, Ordering::Relaxed);
        wait_until("the server to notice the space", || send().starts_with("OK;"));
    }
    server.stop().expect("a clean stop");
}

#[test]
fn a_checkpoint_that_fails_is_tried_again_after_a_second_and_then_less_and_less_often() {
    let tries: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let noted = tries.clone();
    let hook = move |what: &str, path: &Path| match what {
        "create" if path.starts_with("/data/checkpoint.new") && path.ends_with("ids.csv") => {
            noted.lock().push(Instant::now());
            if noted.lock().len() > 1 { Err(io::Error::other("no table can be written")) } else { Ok(()) }
        }
        _ => Ok(()),
    };
    let disk = InterceptedDisk { disk: SimulatedDisk::default(), hook: Arc::new(hook) };
    let sizes = Sizes { segment_bytes: 2 * limits::COMMAND_BYTES as u64, checkpoint_bytes: 1 };
    let config = Config::on_free_ports(Arc::new(disk), "/data".into());
    let server = start(Config { sizes, ..config }).unwrap_or_else(|error| panic!("{error}"));
    let mut ana = register(&server, "ana");
    for number in 0..4 {
        let reply = ana.request(&format!("SEND;{number};ana;{}", "x".repeat(limits::TEXT_BYTES)));
        assert!(reply.starts_with("OK;"), "{reply}");
    }
    // The first one was that of the new store.
    let failed = wait_for("three tries", || {
        assert_eq!(ana.request("PING"), "OK");
        Some(tries.lock().clone()).filter(|tries| tries.len() == 4)
    });
    let waits: Vec<_> = failed[1..].windows(2).map(|two| two[1] - two[0]).collect();
    assert!(waits[0] >= limits::DISK_RETRY_DELAY && waits[1] >= 2 * limits::DISK_RETRY_DELAY, "{waits:?}");
    assert!(server.stop().is_err(), "the last checkpoint fails, too");
}
