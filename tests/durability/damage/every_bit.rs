//! A small write-ahead log, cut at every byte, with every bit of it turned, and with every part of its last batch
//! missing: what was synced before is recovered, and nothing is ever taken for what it is not.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::support::simulated_disk::SimulatedDisk;
use wachat::disk::{Disk, read};
use wachat::wal::{Location, Wal, WalError, make_segment, recover};

/// Room for what is written, and line feeds after it.
const SEGMENT_BYTES: u64 = 11 << 10;
const SECTOR: usize = 512;

fn segment() -> PathBuf {
    PathBuf::from("/j/000001.csv")
}

fn location(disk: &SimulatedDisk) -> Location {
    Location { disk: Arc::new(disk.clone()), directory: PathBuf::from("/j"), owner: "store".into() }
}

/// A write-ahead log's bytes, and where each of its batches ends; before the first, the head does.
struct Written {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    batches: Vec<Vec<String>>,
}

/// A write-ahead log with batches of these lengths, in records of 100 bytes.
fn written(lengths: &[usize]) -> Written {
    let disk = SimulatedDisk::default();
    disk.create_dir(Path::new("/j")).unwrap();
    let mut wal = Wal::new(make_segment(&location(&disk), 1, SEGMENT_BYTES).unwrap(), None, 1);
    let end = |disk| {
        let bytes = read(disk, &segment()).unwrap();
        bytes.iter().rposition(|byte| *byte != b'\n').unwrap() + 2
    };
    let mut ends = vec![end(&disk)];
    let mut batches = Vec::new();
    for (number, length) in lengths.iter().enumerate() {
        let lines: Vec<_> = (0..*length).map(|line| format!("{number};{line};{}", "x".repeat(100))).collect();
        lines.iter().for_each(|line| wal.append(|out| out.extend_from_slice(format!("{line}\n").as_bytes())));
        wal.commit().unwrap();
        ends.push(end(&disk));
        batches.push(lines);
    }
    Written { bytes: read(&disk, &segment()).unwrap(), ends, batches }
}

/// Result of a recovery: the replayed lines, and whether a torn tail was reported and moved aside.
type Found = Result<(Vec<String>, bool), WalError>;

impl Written {
    /// Recovers the write-ahead log with other bytes in it.
    fn recover(&self, bytes: Vec<u8>) -> Found {
        let disk = SimulatedDisk::default();
        disk.create_dir(Path::new("/j")).unwrap();
        let file = disk.create(&segment()).unwrap();
        file.write_at(&bytes, 0).unwrap();
        let mut lines = Vec::new();
        let recovered = recover(&location(&disk), 0, 1, SEGMENT_BYTES, &mut |line: &[u8]| {
            lines.push(String::from_utf8(line.to_vec()).map_err(|error| error.to_string())?);
            Ok(())
        })?;
        let aside = disk.exists(Path::new(&format!("/j/000001-batch-{}-1.broken", self.batches_in(&lines) + 1)));
        assert_eq!(recovered.torn_tail.is_some(), aside.unwrap(), "what is set aside is said, and there");
        Ok((lines, recovered.torn_tail.is_some()))
    }

    /// Returns how many whole batches these lines are.
    fn batches_in(&self, lines: &[String]) -> usize {
        let mut rest = lines;
        let mut count = 0;
        while let Some(batch) = self.batches.get(count).filter(|batch| rest.starts_with(batch)) {
            (rest, count) = (&rest[batch.len()..], count + 1);
        }
        assert!(rest.is_empty(), "a part of a batch was recovered: {rest:?}");
        count
    }

    /// The batch that a byte belongs to: 0 is the head, one more than there are is the room after them.
    fn batch_at(&self, target: usize) -> usize {
        self.ends.partition_point(|end| *end <= target)
    }
}

fn refused_at(found: Found) -> (PathBuf, usize) {
    match found {
        Err(WalError::Damaged { file, line, .. }) => (file, line as usize),
        Err(WalError::Newer { file }) => (file, 1),
        Err(error) => panic!("{error}"),
        Ok(found) => panic!("taken for good: {found:?}"),
    }
}

#[test]
fn a_wal_torn_at_every_byte_gives_the_whole_batches_before_and_a_shorter_file_is_refused() {
    let wal = written(&[3, 1, 8, 2, 30, 12]);
    let end = *wal.ends.last().unwrap();
    for length in 0..end + 10 {
        assert_eq!(refused_at(wal.recover(wal.bytes[..length].to_vec())), (segment(), 1), "cut at {length}");
        let mut torn = wal.bytes.clone();
        torn[length..].fill(b'\n');
        let found = wal.recover(torn);
        // The line feed that ends a line exists in any case.
        let length = if wal.ends.contains(&(length + 1)) { length + 1 } else { length };
        if length < wal.ends[0] {
            assert_eq!(refused_at(found), (segment(), 1), "torn at {length}");
            continue;
        }
        let (lines, aside) = found.unwrap_or_else(|error| panic!("torn at {length}: {error}"));
        let whole = wal.ends.iter().filter(|end| **end <= length).count() - 1;
        assert_eq!(wal.batches_in(&lines), whole, "torn at {length}");
        assert_eq!(aside, length < end && !wal.ends.contains(&length), "torn at {length}");
    }
}

#[test]
fn every_bit_that_turns_is_seen() {
    let wal = Arc::new(written(&[3, 1, 8, 2, 30, 12, 35]));
    assert!(*wal.ends.last().unwrap() > 9 << 10, "about 10 KB");
    let lanes: Vec<_> = (0..2)
        .map(|lane| {
            let wal = wal.clone();
            std::thread::spawn(move || (0..wal.bytes.len()).skip(lane).step_by(2).for_each(|at| turn(&wal, at)))
        })
        .collect();
    for lane in lanes {
        lane.join().unwrap();
    }
}

fn turn(wal: &Written, at: usize) {
    let last = wal.batches.len();
    for bit in 0..8 {
        let mut bytes = wal.bytes.clone();
        bytes[at] ^= 1 << bit;
        let found = wal.recover(bytes);
        match wal.batch_at(at) {
            0 => assert_eq!(refused_at(found), (segment(), 1), "bit {bit} of byte {at}"),
            batch if batch <= last => {
                let lines_before: usize = wal.batches[..batch - 1].iter().map(|batch| batch.len() + 1).sum();
                assert_eq!(refused_at(found), (segment(), lines_before + 2), "bit {bit} of byte {at}");
            }
            _ => {
                // In the room after the last batch: it could be one that was being written.
                let (lines, aside) = found.unwrap_or_else(|error| panic!("bit {bit} of byte {at}: {error}"));
                assert_eq!((wal.batches_in(&lines), aside), (last, true), "bit {bit} of byte {at}");
            }
        }
    }
}

/// Whichever batch is the last one, also of a segment that has no other.
#[test]
fn every_bit_that_turns_in_the_last_batch_is_seen_wherever_that_batch_begins() {
    for lengths in [&[1][..], &[6], &[1, 1], &[3, 5]] {
        let wal = written(lengths);
        let start = wal.ends[lengths.len() - 1];
        let end = wal.ends[lengths.len()];
        (start..end).for_each(|at| turn(&wal, at));
    }
}

#[test]
fn any_sectors_of_the_last_batch_may_be_missing() {
    for lengths in [&[42][..], &[1, 40], &[3, 8, 42]] {
        any_sectors_may_be_missing(lengths);
    }
}

fn any_sectors_may_be_missing(lengths: &[usize]) {
    let wal = written(lengths);
    let last = wal.batches.len();
    let start = wal.ends[last - 1];
    let end = wal.ends[last];
    let sectors: Vec<_> = (start / SECTOR..=(end - 1) / SECTOR)
        .map(|sector| (sector * SECTOR).max(start)..((sector + 1) * SECTOR).min(end))
        .collect();
    assert!((8..=11).contains(&sectors.len()), "{} sectors", sectors.len());
    for missing in 1..1_u32 << sectors.len() {
        // The old content: line feeds, or nothing at all, which reads as zeros.
        for old in [b'\n', 0] {
            let mut bytes = wal.bytes.clone();
            let gone = sectors.iter().enumerate().filter(|(number, _)| missing & (1 << number) != 0);
            gone.for_each(|(_, sector)| bytes[sector.clone()].fill(old));
            let nothing_left = bytes[start..end].iter().all(|byte| *byte == b'\n');
            let (lines, aside) = wal.recover(bytes).unwrap_or_else(|error| panic!("{missing:b}: {error}"));
            assert_eq!((wal.batches_in(&lines), aside), (last - 1, !nothing_left), "{missing:b}");
        }
    }
}
