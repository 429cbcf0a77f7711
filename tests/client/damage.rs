//! The client's outbox, cut at every byte and with every bit turned: whole batches are there, a torn last
//! one is set aside, and anything else is refused with file and line. (The history is such a file, too.)

use std::path::{Path, PathBuf};
use std::sync::Arc;

use wachat::client::error::LedgerError;
use wachat::client::outbox::{Outbox, Waiting};
use wachat::disk::{Disk, SimulatedDisk, read};
use wachat::model::{MessageId, Target, Text, Timestamp};

const FILE: &str = "/outbox_tmp.csv";

fn open(disk: &SimulatedDisk) -> Result<(Vec<String>, Option<PathBuf>), LedgerError> {
    let (outbox, torn) = Outbox::open(Arc::new(disk.clone()), PathBuf::from(FILE))?;
    Ok((outbox.waiting().map(|message| message.id.to_string()).collect(), torn))
}

/// A disk with this in the file.
fn with(bytes: &[u8]) -> SimulatedDisk {
    let disk = SimulatedDisk::default();
    disk.create(Path::new(FILE)).unwrap().write_at(bytes, 0).unwrap();
    disk
}

/// An outbox of six batches, a message each, and where each ends; before the first, the head does.
fn written() -> (Vec<u8>, Vec<usize>) {
    let disk = SimulatedDisk::default();
    let (mut outbox, _) = Outbox::open(Arc::new(disk.clone()), PathBuf::from(FILE)).unwrap();
    let len = || read(&disk, Path::new(FILE)).unwrap().len();
    let mut ends = vec![len()];
    for number in 1..=6 {
        let (id, to) = (MessageId::new(&format!("m{number}")).unwrap(), Target::parse("luis").unwrap());
        let text = Text::new(&format!("\"hola; {}", "x".repeat(number * 20))).unwrap();
        outbox.queue(Waiting { id, to, at: Timestamp::from_millis(1), text }).unwrap();
        ends.push(len());
    }
    (read(&disk, Path::new(FILE)).unwrap(), ends)
}

fn ids(count: usize) -> Vec<String> {
    (1..=count).map(|number| format!("m{number}")).collect()
}

#[test]
fn an_outbox_cut_at_every_byte_has_the_whole_batches_before() {
    let (bytes, ends) = written();
    for length in 0..=bytes.len() {
        let disk = with(&bytes[..length]);
        let opened = open(&disk);
        if length < ends[0] {
            let error = opened.err().unwrap_or_else(|| panic!("cut at {length}: taken for good"));
            assert!(error.to_string().contains(FILE), "{error}");
            continue;
        }
        let whole = ends.iter().filter(|end| **end <= length).count().saturating_sub(1);
        let (waiting, torn) = opened.unwrap_or_else(|error| panic!("cut at {length}: {error}"));
        assert_eq!(waiting, ids(whole), "cut at {length}");
        let tear = &bytes[ends[whole].min(length)..length];
        assert_eq!(torn.is_some(), !tear.is_empty(), "cut at {length}");
        if let Some(aside) = torn {
            assert_eq!(read(&disk, &aside).unwrap(), tear, "cut at {length}");
        }
        assert_eq!(open(&disk).unwrap(), (ids(whole), None), "once it is set aside, it is not said again");
    }
}

#[test]
fn every_bit_of_an_outbox_that_turns_is_seen() {
    let (bytes, ends) = written();
    let last_begins = ends[ends.len() - 2];
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut turned = bytes.clone();
            turned[at] ^= 1 << bit;
            match open(&with(&turned)) {
                Err(error) => assert!(error.to_string().contains(FILE), "{error}"),
                Ok((waiting, torn)) => {
                    assert!(at >= last_begins, "bit {bit} of byte {at} was taken for good: {waiting:?}");
                    assert_eq!(waiting, ids(5), "bit {bit} of byte {at}");
                    assert!(torn.is_some(), "bit {bit} of byte {at}: the tear is not said");
                }
            }
        }
    }
}

#[test]
fn a_second_tear_leaves_the_first_where_it_was_set_aside() {
    let (bytes, _) = written();
    let disk = with(&bytes[..bytes.len() - 3]);
    let first = open(&disk).unwrap().1.expect("a tear");
    let kept = read(&disk, &first).unwrap();
    disk.tamper(Path::new(FILE), |content| content.truncate(content.len() - 3));
    let second = open(&disk).unwrap().1.expect("another tear");
    assert_ne!(first, second);
    assert_eq!(read(&disk, &first).unwrap(), kept);
}
