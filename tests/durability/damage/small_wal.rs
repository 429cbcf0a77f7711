//! The log of a client or a bridge (`SmallWal`): batches and compactions are there whole or not at all, wherever
//! a call fails, a process is killed or the power is cut; and damage is refused.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::support::random::Random;
use crate::support::simulated_disk::{Fault, SimulatedDisk};
use wachat::disk::{Disk, read};
use wachat::limits;
use wachat::wal::{Location, SmallWal, TornTail, WalError};

const DIRECTORY: &str = "/home/wal";

fn location(disk: &SimulatedDisk, owner: &str) -> Location {
    Location { disk: Arc::new(disk.clone()), directory: DIRECTORY.into(), owner: owner.into() }
}

fn path(number: u64) -> PathBuf {
    Path::new(DIRECTORY).join(format!("{number:06}.csv"))
}

fn home() -> SimulatedDisk {
    let disk = SimulatedDisk::default();
    disk.create_dir(Path::new("/home")).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    disk
}

type Records = Vec<String>;

fn open(disk: &SimulatedDisk) -> Result<(SmallWal, Records, Option<TornTail>), WalError> {
    let mut records = Records::new();
    let (log, torn) = SmallWal::open(location(disk, "test"), &mut |fields| {
        records.push((fields.get(0)? == "R").then_some(fields.get(1)?.to_owned())?);
        Some(())
    })?;
    Ok((log, records, torn))
}

fn lines(records: &[String]) -> Vec<u8> {
    records.iter().flat_map(|record| format!("R;{record}\n").into_bytes()).collect()
}

/// Records that are in the log whatever happens, and those that it may hold as well: of the call that failed.
struct Expected {
    sure: Records,
    possible: Records,
}

/// Appends batches and compacts now and then, until a call fails.
fn work(log: &mut SmallWal, sure: Records, random: &mut Random) -> Expected {
    let mut expected = Expected { possible: sure.clone(), sure };
    for step in 0..6 {
        let length = 20 << random.below(12);
        let batch: Records = (0..=random.below(2)).map(|i| format!("{step}-{i}-{}", "x".repeat(length))).collect();
        let done = if step % 3 == 2 {
            expected.possible.drain(..expected.sure.len() / 2);
            log.compact(&lines(&expected.possible))
        } else {
            expected.possible.extend(batch.clone());
            log.append_batch(&lines(&batch))
        };
        if done.is_err() {
            assert!(matches!(log.append_batch(b"R;more\n"), Err(WalError::Closed { .. })), "it is closed");
            assert!(matches!(log.compact(b""), Err(WalError::Closed { .. })), "it is closed");
            return expected;
        }
        expected.sure.clone_from(&expected.possible);
    }
    expected
}

/// Runs until a call fails, then cuts the power or goes on as after a kill; twice.
fn run(seed: u64, call: u64, fault: Fault) -> bool {
    let mut disk = home();
    let mut random = Random::new(seed);
    let mut sure = Records::new();
    let mut has_failed = false;
    for life in 0..3 {
        disk.fail(disk.calls() + call, if life < 2 { fault } else { Fault::Error(io::ErrorKind::NotFound) });
        let possible = match open(&disk) {
            Ok((mut log, records, _)) => {
                assert_eq!(records, sure, "seed {seed}, call {call}, {fault:?}, life {life}");
                let expected = work(&mut log, records, &mut random);
                sure = expected.sure;
                expected.possible
            }
            Err(_) => sure.clone(),
        };
        has_failed |= disk.has_failed();
        let share = [0, 50, 100][random.below(3) as usize];
        disk = disk.after_power_cut(|| random.chance(share));
        let (_, records, _) = open(&disk).unwrap_or_else(|error| panic!("seed {seed}, {call}, {fault:?}: {error}"));
        assert!(records == sure || records == possible, "seed {seed}, call {call}, {fault:?}, life {life}");
        sure = records;
    }
    has_failed
}

#[test]
fn batches_and_compactions_are_all_or_nothing_whatever_call_fails() {
    for fault in [Fault::Stop, Fault::Error(io::ErrorKind::StorageFull), Fault::ShortWrite] {
        let mut call = 1;
        while (0..4).map(|seed| run(seed * 1_000 + call, call, fault)).filter(|failed| *failed).count() > 0 {
            call += 1;
        }
        assert!(call > 40, "{call} calls");
    }
}

#[test]
fn a_log_is_few_files_which_a_compaction_makes_one() {
    let disk = home();
    let (mut log, ..) = open(&disk).unwrap();
    let batch = lines(&["x".repeat(1_000)]);
    (0..3_000).for_each(|_| log.append_batch(&batch).unwrap());
    let names = disk.list(Path::new(DIRECTORY)).unwrap();
    assert!(names.len() <= 7, "{names:?}");
    assert!(log.bytes() > 3_000_000, "{}", log.bytes());
    log.compact(&batch).unwrap();
    assert!(log.bytes() < 2_000, "{}", log.bytes());
    let name = path(names.len() as u64 + 1);
    assert_eq!(read(&disk, &name).unwrap().len() as u64, limits::SMALL_SEGMENT_BYTES);
    assert_eq!(disk.list(Path::new(DIRECTORY)).unwrap(), [name.file_name().unwrap().to_str().unwrap()]);
    // Larger than a segment is usually.
    let large = lines(&["y".repeat(5 << 20)]);
    log.append_batch(&large).unwrap();
    drop(log);
    assert_eq!(open(&disk.after_power_cut(|| false)).unwrap().1.len(), 2);
}

#[test]
fn a_compaction_leaves_room_for_as_much_again_and_takes_records_of_any_length() {
    let disk = home();
    let owner = "o".repeat(100);
    let open = || {
        let mut count = 0;
        let opened = SmallWal::open(location(&disk, &owner), &mut |_| {
            count += 1;
            Some(())
        });
        (opened.unwrap().0, count)
    };
    let (mut log, _) = open();
    let records = lines(&["x".repeat(100_000)]);
    log.compact(&records).unwrap();
    assert_eq!(read(&disk, &path(2)).unwrap().len(), 2 * records.len());
    // Larger than a segment is usually, under a long head.
    log.compact(&lines(&["y".repeat(5 << 20)])).unwrap();
    drop(log);
    assert_eq!(open().1, 1);
}

#[test]
fn a_checkpoint_covers_the_closed_segments_and_a_segment_without_a_batch_is_not_closed() {
    let disk = home();
    let (mut log, ..) = open(&disk).unwrap();
    let written = |number| {
        let content = read(&disk, &path(number)).unwrap();
        content.iter().rposition(|byte| *byte != b'\n').unwrap() as u64 + 2
    };
    log.append_batch(&lines(&["one".to_owned()])).unwrap();
    assert_eq!((log.bytes(), log.uncovered_bytes()), (written(1), written(1)));
    let covered = log.close_segment().unwrap();
    assert_eq!((covered.first, covered.segment, covered.next_batch), (1, 1, 2));
    assert_eq!(log.close_segment().unwrap(), covered);
    assert_eq!(disk.list(Path::new(DIRECTORY)).unwrap(), ["000001.csv", "000002.csv"]);
    log.append_batch(&lines(&["two".to_owned()])).unwrap();
    assert_eq!((log.bytes(), log.uncovered_bytes()), (written(1) + written(2), written(2)));
    log.close();
    assert!(matches!(log.append_batch(b"R;more\n"), Err(WalError::Closed { .. })));
}

/// A log of six batches in one segment, and where each ends; before the first, the head does.
fn written() -> (Vec<u8>, Vec<usize>) {
    let disk = home();
    let (mut log, ..) = open(&disk).unwrap();
    let mut ends = vec![log.bytes() as usize];
    for number in 1..=6 {
        log.append_batch(&lines(&[format!("{number}{}", "x".repeat(number * 20))])).unwrap();
        ends.push(log.bytes() as usize);
    }
    (read(&disk, &path(1)).unwrap(), ends)
}

fn with(bytes: &[u8]) -> SimulatedDisk {
    let disk = home();
    disk.create_dir(Path::new(DIRECTORY)).unwrap();
    disk.create(&path(1)).unwrap().write_at(bytes, 0).unwrap();
    disk
}

#[test]
fn a_batch_cut_at_the_end_is_a_torn_tail_and_a_shorter_file_is_damage() {
    let (bytes, ends) = written();
    let end = *ends.last().unwrap();
    for length in 0..=end {
        let cut = open(&with(&bytes[..length])).err().unwrap_or_else(|| panic!("cut at {length}: taken for good"));
        assert!(matches!(cut, WalError::Damaged { line: 1, .. }), "cut at {length}: {cut}");
        let mut torn = bytes.clone();
        torn[length..end].fill(b'\n');
        // The line feed that ends a line exists in any case.
        let length = if ends.contains(&(length + 1)) { length + 1 } else { length };
        if length < ends[0] {
            assert!(matches!(open(&with(&torn)), Err(WalError::Damaged { line: 1, .. })), "torn at {length}");
            continue;
        }
        let disk = with(&torn);
        let whole = ends.iter().filter(|end| **end <= length).count() - 1;
        let (mut log, records, tail) = open(&disk).unwrap_or_else(|error| panic!("torn at {length}: {error}"));
        assert_eq!(records.len(), whole, "torn at {length}");
        let rest = bytes[ends[whole]..length].strip_suffix(b"\n").unwrap_or(&bytes[ends[whole]..length]);
        assert_eq!(tail.is_some(), !rest.is_empty(), "torn at {length}");
        if let Some(TornTail { line, batch, bytes, moved_to, .. }) = tail {
            assert_eq!((line, batch, bytes), (2 * whole as u64 + 2, whole as u64 + 1, rest.len()), "torn at {length}");
            assert_eq!(read(&disk, &moved_to.unwrap()).unwrap(), rest, "torn at {length}");
        }
        log.append_batch(b"R;next\n").unwrap();
        drop(log);
        let (_, records, tail) = open(&disk).unwrap();
        assert_eq!(
            (records.len(), tail),
            (whole + 1, None),
            "torn at {length}: once it is moved, it is not said again"
        );
    }
}

#[test]
fn every_bit_that_turns_in_a_small_log_is_seen() {
    let (bytes, ends) = written();
    for at in 0..ends[6] {
        for bit in 0..8 {
            let mut turned = bytes.clone();
            turned[at] ^= 1 << bit;
            match open(&with(&turned)) {
                Err(WalError::Damaged { line, .. }) => assert_eq!(line == 1, at < ends[0], "bit {bit} of byte {at}"),
                Err(WalError::Newer { .. }) => assert!(at < ends[0], "bit {bit} of byte {at}"),
                Err(error) => panic!("bit {bit} of byte {at}: {error}"),
                Ok(_) => panic!("bit {bit} of byte {at} was taken for good, or for a torn tail"),
            }
        }
    }
}

#[test]
fn other_owners_records_versions_and_missing_segments_are_refused() {
    let disk = home();
    let (mut log, ..) = open(&disk).unwrap();
    (0..200).for_each(|_| log.append_batch(&lines(&["x".repeat(1_000)])).unwrap());
    drop(log);
    let other = SmallWal::open(location(&disk, "other"), &mut |_| Some(())).err();
    assert!(matches!(other, Some(WalError::Damaged { line: 1, .. })));
    let unknown = SmallWal::open(location(&disk, "test"), &mut |_| None).err();
    assert!(matches!(unknown, Some(WalError::Damaged { line: 2, .. })));
    let missing = disk.after_power_cut(|| true);
    missing.remove_file(&path(1)).unwrap();
    assert!(matches!(open(&missing), Err(WalError::Missing { file }) if file == path(1)));
    disk.tamper(&path(2), |bytes| bytes["wachat-wal;".len()] = b'2');
    assert!(matches!(open(&disk), Err(WalError::Newer { file }) if file == path(2)));
}
