//! A real server, spoken to through its sockets, on a disk where each call in turn fails: the client is answered OK or
//! FULL, or the connection ends; the log names the failed call and the file; and every message that was answered OK is
//! there when the server is started again, after a kill and after a power cut.

use std::io::ErrorKind;
use std::sync::Arc;

use crate::support::random::Random;
use crate::support::simulated_disk::{Fault, SimulatedDisk};
use crate::support::{Connection, PASSWORD};
use wachat::disk::Disk;
use wachat::limits;
use wachat::server::{Config, Handle, start};
use wachat::store::Sizes;

/// Two long messages fill a segment, and two segments are worth a checkpoint.
const SIZES: Sizes =
    Sizes { segment_bytes: 2 * limits::COMMAND_BYTES as u64, checkpoint_bytes: 3 * limits::COMMAND_BYTES as u64 };

const MESSAGES: usize = 9;

const FAULTS: [Fault; 3] = [Fault::Error(ErrorKind::Other), Fault::Error(ErrorKind::StorageFull), Fault::ShortWrite];

fn serve(disk: &SimulatedDisk) -> Result<Handle, String> {
    let config = Config::on_free_ports(Arc::new(disk.clone()), "/data".into());
    start(Config { sizes: SIZES, ..config }).map_err(|error| error.to_string())
}

/// The replies to a client: the accepted messages, and their numbers.
#[derive(Default)]
struct Answers {
    registered: bool,
    accepted: Vec<(String, String)>,
}

/// Registers, sends, and hears to the end.
fn talk(server: &Handle, answers: &mut Answers) -> Option<()> {
    let mut line = Connection::try_open(server.send_address())?;
    line.try_send(format!("REGISTER:ana:{PASSWORD}\n")).ok()?;
    let said = line.try_read_line()?;
    answers.registered = said.starts_with("OK;");
    assert!(answers.registered || said.starts_with("KO;FULL;"), "{said}");
    for number in 0..MESSAGES {
        let text = "x".repeat(if number % 2 == 0 { limits::TEXT_BYTES } else { 10 });
        line.try_send(format!("SEND;m{number};ana;{text}\n")).ok()?;
        let said = line.try_read_line()?;
        match said.strip_prefix("OK;") {
            Some(_) => answers.accepted.push((format!("m{number}"), said)),
            None => assert!(said.starts_with("KO;FULL;"), "{said}"),
        }
    }
    Some(())
}

/// Lives with a fault at one call, and says what was answered, and what was said of the fault.
fn live(disk: &SimulatedDisk, call: u64, fault: Fault) -> (Answers, Option<String>) {
    disk.fail(call, fault);
    let mut answers = Answers::default();
    let server = match serve(disk) {
        Ok(server) => server,
        Err(why) => return (answers, Some(why)),
    };
    let talked = talk(&server, &mut answers);
    let ended = if talked.is_none() { server.ended().recv().ok() } else { None };
    // One that could not go on has nothing more to write; another makes its last checkpoint, or says why not.
    let stopped = server.stop();
    (answers, ended.and_then(Result::err).map(|why| why.to_string()).or(stopped.err()))
}

/// Everything that was answered OK is answered the same again, and is in the history.
fn check(disk: &SimulatedDisk, answers: &Answers, how: &str) {
    let server = serve(disk).unwrap_or_else(|why| panic!("{how}: it does not start again: {why}"));
    if answers.registered {
        let mut line = Connection::open(server.send_address());
        assert_eq!(line.request(&format!("LOGIN:ana:{PASSWORD}")), "OK;ana;wachat/1", "{how}");
        let history = line.list("HISTORY;ana;1000");
        for (id, said) in &answers.accepted {
            let seq = said.rsplit(';').next().expect("a number");
            let row = format!("{seq};{id};ana;ana;");
            let more = line.list(&format!("HISTORY;ana;1;{}", seq.parse::<u64>().expect("a number") + 1));
            assert!(history.iter().chain(&more).any(|record| record.starts_with(&row)), "{how}: {id} is gone");
        }
    }
    server.stop().unwrap_or_else(|why| panic!("{how}: {why}"));
}

#[test]
fn every_failing_call_is_reported_to_the_client_and_the_administrator() {
    let disk = SimulatedDisk::default();
    let (undisturbed, trouble) = live(&disk, u64::MAX, Fault::Stop);
    assert_eq!((undisturbed.accepted.len(), trouble), (MESSAGES, None));
    let calls = disk.calls();
    let lanes: Vec<_> = (0..4).map(|lane| std::thread::spawn(move || try_all(lane, calls))).collect();
    let said: usize = lanes.into_iter().map(|lane| lane.join().expect("the truth")).sum();
    println!("{calls} calls, each with {} faults: {said} times the server could not go on, and said why", FAULTS.len());
    assert!(said > 100, "{said}");
}

/// Every fourth call; returns how often the server said that it could not go on.
fn try_all(lane: u64, calls: u64) -> usize {
    let mut said = 0;
    for call in (1..=calls).filter(|call| call % 4 == lane) {
        for fault in FAULTS {
            let how = format!("{fault:?} at call {call} of {calls}");
            let disk = SimulatedDisk::default();
            let (answers, trouble) = live(&disk, call, fault);
            if let Some(why) = trouble {
                said += 1;
                let where_it_was = why.contains("/data") || why.starts_with("/: ");
                assert!(where_it_was, "{how}: {why:?} does not name a file");
                let advice = ["check the disk", "free some space", "nothing is lost"];
                assert!(advice.iter().any(|advice| why.contains(advice)), "{how}: {why:?} does not say what to do");
            }
            disk.heal();
            let mut random = Random::new(call);
            let cut = disk.after_power_cut(|| random.chance(50));
            check(&disk, &answers, &format!("{how}, killed"));
            check(&cut, &answers, &format!("{how}, power cut"));
        }
    }
    said
}

#[test]
fn the_advice_is_that_for_the_error() {
    for (kind, advice) in [
        (ErrorKind::PermissionDenied, "; choose a directory that you may write to with --data"),
        (ErrorKind::StorageFull, "; free some space on the disk"),
        (ErrorKind::Other, "; check the disk, then try again"),
    ] {
        let disk = SimulatedDisk::default();
        disk.fail(1, Fault::Error(kind));
        let refused = serve(&disk).err().expect("the first call failed");
        assert!(refused.ends_with(advice), "{kind}: {refused}");
    }
}

#[test]
fn the_lock_is_taken_or_the_start_says_why_not() {
    let disk = SimulatedDisk::default();
    let server = serve(&disk).expect("a server");
    let refused = serve(&disk).err().expect("one server a directory");
    assert!(refused.starts_with("/data: another wachat serves this directory"), "{refused}");
    server.stop().expect("a clean stop");
    assert!(disk.exists(std::path::Path::new("/data/wal")).expect("a disk"));
}
