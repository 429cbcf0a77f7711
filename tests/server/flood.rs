//! A flood that is faster than the checkpoints: the log that no checkpoint covers has an end, and so has the memory for
//! its messages.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::intercepted_disk::InterceptedDisk;
use crate::support::simulated_disk::SimulatedDisk;
use crate::support::{Connection, PASSWORD, wait_until};
use wachat::limits;
use wachat::server::{Config, Handle, start};
use wachat::store::Sizes;

/// Three messages are in a segment, and as many make a checkpoint due.
const SEGMENT_BYTES: u64 = (2 * limits::RECORD_BYTES + limits::COMMAND_BYTES) as u64 + 1_024;

/// Messages that fill all the segments that there may be, the one that is being written included.
const MOST: usize = 3 * (limits::UNCOVERED_FACTOR as usize + 2);

/// A server on which what writes a table of a checkpoint goes through `hook`.
fn serve(hook: impl Fn() -> io::Result<()> + Send + Sync + 'static) -> (Handle, Connection) {
    let hook = move |what: &str, path: &Path| match what {
        "create" if path.starts_with("/data/checkpoint.new") && path.ends_with("ids.csv") => hook(),
        _ => Ok(()),
    };
    let disk = InterceptedDisk { disk: SimulatedDisk::default(), hook: Arc::new(hook) };
    let sizes = Sizes { segment_bytes: SEGMENT_BYTES, checkpoint_bytes: SEGMENT_BYTES };
    let config = Config::on_free_ports(Arc::new(disk), "/data".into());
    let server = start(Config { sizes, ..config }).unwrap_or_else(|error| panic!("{error}"));
    let mut ana = Connection::open(server.send_address());
    assert!(ana.request(&format!("REGISTER:ana:{PASSWORD}")).starts_with("OK;"));
    (server, ana)
}

fn request(number: usize) -> String {
    format!("SEND;{number};ana;{}", "x".repeat(limits::TEXT_BYTES))
}

#[test]
fn the_router_waits_for_a_checkpoint_that_a_flood_outruns() {
    let held = Arc::new(AtomicBool::new(false));
    let is_held = held.clone();
    let (server, mut ana) = serve(move || {
        wait_until("the test to let the checkpoint go on", || !is_held.load(Ordering::Relaxed));
        Ok(())
    });
    held.store(true, Ordering::Relaxed);
    let mut accepted = 0;
    loop {
        ana.send(request(accepted) + "\n");
        if !ana.has_input(Duration::from_secs(3)) {
            break;
        }
        assert!(ana.read_line().starts_with("OK;"));
        accepted += 1;
        assert!(accepted <= MOST, "{accepted} messages are in no history file");
    }
    assert!(accepted >= 3 * limits::UNCOVERED_FACTOR as usize, "only {accepted} were accepted");
    held.store(false, Ordering::Relaxed);
    assert!(ana.read_line().starts_with("OK;"), "it was only delayed");
    for number in accepted + 1..accepted + 2 * MOST {
        assert!(ana.request(&request(number)).starts_with("OK;"));
    }
    server.stop().expect("a clean stop");
}

#[test]
fn while_no_checkpoint_can_be_made_the_log_has_an_end() {
    let fails = Arc::new(AtomicBool::new(false));
    let is_failing = fails.clone();
    let (server, mut ana) = serve(move || match is_failing.load(Ordering::Relaxed) {
        true => Err(io::Error::other("no table can be written")),
        false => Ok(()),
    });
    fails.store(true, Ordering::Relaxed);
    let accepted = (0..=MOST).take_while(|number| {
        let reply = ana.request(&request(*number));
        assert!(reply.starts_with("OK;") || reply.starts_with("KO;FULL;"), "{reply}");
        reply.starts_with("OK;")
    });
    let accepted = accepted.count();
    assert!((3 * limits::UNCOVERED_FACTOR as usize..=MOST).contains(&accepted), "{accepted} were accepted");
    assert_eq!(ana.list("HISTORY;ana;2").len(), 2, "what only reads works");
    fails.store(false, Ordering::Relaxed);
    wait_until("the next checkpoint", || ana.request(&request(accepted)).starts_with("OK;"));
    server.stop().expect("a clean stop");
}
