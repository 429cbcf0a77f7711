//! The client's log, torn at every byte and with every bit turned: whole batches are there, a torn last one is set
//! aside, and anything else is refused with its file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::support::simulated_disk::SimulatedDisk;
use wachat::client::state::error::LogError;
use wachat::client::state::home::{Home, Use};
use wachat::client::state::outgoing::Outgoing;
use wachat::disk::{Disk, read};
use wachat::model::{MessageId, Target, Text, Timestamp, UserName};

const HOME: &str = "/home/ana";
const FILE: &str = "/home/ana/wal/000001.csv";

fn home(disk: &SimulatedDisk) -> Result<Home, LogError> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    Home::open(&disk, Path::new(HOME), &UserName::new("ana").unwrap(), Use::Person)
}

fn open(disk: &SimulatedDisk) -> Result<(Vec<String>, Option<PathBuf>), LogError> {
    let home = home(disk)?;
    Ok((home.state.outbox().iter().map(|message| message.id.to_string()).collect(), home.files.torn.clone()))
}

/// A disk whose log holds six batches, a message each, and the end of each batch; before the first, that of the head.
fn written() -> (SimulatedDisk, Vec<usize>) {
    let disk = SimulatedDisk::default();
    let mut home = home(&disk).unwrap();
    let end = || read(&disk, Path::new(FILE)).unwrap().iter().rposition(|byte| *byte != b'\n').unwrap() + 2;
    let mut ends = vec![end()];
    for number in 1..=6 {
        let id = MessageId::new(&format!("m{number}")).unwrap();
        let to = Target::parse("luis").unwrap();
        let text = Text::new(&format!("\"hola; {}", "x".repeat(number * 5))).unwrap();
        home.state.queue(Outgoing { id, to, at: Timestamp::from_millis(1), text });
        home.commit().unwrap();
        ends.push(end());
    }
    drop(home);
    (disk, ends)
}

/// The same disk with other bytes in the log.
fn with(disk: &SimulatedDisk, change: impl FnOnce(&mut Vec<u8>)) -> SimulatedDisk {
    let copy = disk.after_power_cut(|| true);
    copy.tamper(Path::new(FILE), change);
    copy
}

fn ids(count: usize) -> Vec<String> {
    (1..=count).map(|number| format!("m{number}")).collect()
}

#[test]
fn a_log_torn_at_any_byte_of_its_last_batch_has_the_whole_batches_before() {
    let (disk, ends) = written();
    let last = ends[5];
    let end = ends[6];
    for torn_at in last..end {
        let disk = with(&disk, |bytes| bytes[torn_at..end].fill(b'\n'));
        let (waiting, torn) = open(&disk).unwrap_or_else(|error| panic!("torn at {torn_at}: {error}"));
        let whole = if torn_at + 1 == end { 6 } else { 5 };
        assert_eq!(waiting, ids(whole), "torn at {torn_at}");
        assert_eq!(torn.is_some(), whole == 5 && torn_at > last, "torn at {torn_at}");
        assert_eq!(open(&disk).unwrap(), (ids(whole), None), "once it is set aside, it is not said again");
    }
}

#[test]
fn every_bit_of_a_log_that_turns_is_seen() {
    let (disk, ends) = written();
    for at in 0..ends[6] {
        for bit in 0..8 {
            match open(&with(&disk, |bytes| bytes[at] ^= 1 << bit)) {
                Err(error) => assert!(error.to_string().contains("/home/ana/wal"), "{error}"),
                Ok(_) => panic!("bit {bit} of byte {at} was taken for good, or for a torn tail"),
            }
        }
    }
}
