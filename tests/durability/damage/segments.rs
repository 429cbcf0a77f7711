//! A small write-ahead log of several segments, of which some are missing, or are not where they belong.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::support::simulated_disk::SimulatedDisk;
use wachat::disk::{Disk, read};
use wachat::wal::{Location, Wal, WalError, inspect, make_segment, recover, replay_closed};

const DIRECTORY: &str = "/wal";

/// Whole batches, each some lines.
type Batches = Vec<Vec<String>>;

/// A write-ahead log, and what was written into it.
struct Written {
    disk: SimulatedDisk,
    batches: Batches,
    size: u64,
}

fn location(disk: &SimulatedDisk) -> Location {
    Location { disk: Arc::new(disk.clone()), directory: DIRECTORY.into(), owner: "0123456789abcdef".into() }
}

fn path(number: u64) -> PathBuf {
    Path::new(DIRECTORY).join(format!("{number:06}.csv"))
}

/// Writes batches into segments of this size, this many into each.
fn write(disk: SimulatedDisk, at: &Location, size: u64, per_segment: usize, batches: Batches) -> Written {
    disk.create_dir(Path::new(DIRECTORY)).unwrap();
    let mut wal = Wal::new(make_segment(at, 1, size).unwrap(), None, 1);
    for (index, batch) in batches.iter().enumerate() {
        if index > 0 && index.is_multiple_of(per_segment) {
            wal.give_spare(make_segment(at, wal.segment() + 1, size).unwrap());
            wal.switch().unwrap();
        }
        batch.iter().for_each(|line| wal.append(|out| out.extend(format!("{line}\n").bytes())));
        wal.commit().unwrap();
    }
    Written { disk, batches, size }
}

fn three() -> Written {
    let disk = SimulatedDisk::default();
    let batches = (0..6).map(|batch| vec![format!("line {batch}"), "x".repeat(40)]).collect();
    write(disk.clone(), &location(&disk), 600, 2, batches)
}

/// Result of a recovery.
struct Back {
    /// The lines that were replayed; of a refused write-ahead log, too.
    lines: Vec<String>,
    /// The report of a torn batch, if there is one; or the error.
    end: Result<Option<String>, WalError>,
}

impl Written {
    fn content(&self, number: u64) -> Vec<u8> {
        read(&self.disk, &path(number)).unwrap()
    }

    /// The same write-ahead log with one segment changed, on a disk of its own.
    fn with(&self, number: u64, content: &[u8]) -> Written {
        let disk = self.disk.after_power_cut(|| true);
        disk.tamper(&path(number), |old| *old = content.to_vec());
        Written { disk, batches: self.batches.clone(), ..*self }
    }

    fn recover(&self) -> Back {
        let mut lines = Vec::new();
        let recovered = recover(&location(&self.disk), 0, 1, self.size, &mut |line: &[u8]| {
            lines.push(String::from_utf8_lossy(line).into_owned());
            Ok(())
        });
        Back { lines, end: recovered.map(|recovered| recovered.torn_tail.map(|torn| torn.to_string())) }
    }

    /// The lines of the first this many batches.
    fn lines(&self, batches: usize) -> Vec<String> {
        self.batches[..batches].concat()
    }

    fn every_file(&self) -> Vec<(String, Vec<u8>)> {
        let names = self.disk.list(Path::new(DIRECTORY)).unwrap();
        let content = |name: &String| read(&self.disk, &Path::new(DIRECTORY).join(name)).unwrap();
        names.iter().map(|name| (name.clone(), content(name))).collect()
    }

    /// It is refused with these words at the beginning, and nothing is changed.
    #[track_caller]
    fn assert_refused(&self, start: &str) {
        let before = self.every_file();
        let said = self.recover().end.expect_err("it has to be refused").to_string();
        assert!(said.starts_with(start), "{said:?} does not start with {start:?}");
        assert!(self.every_file() == before, "{said}: something was changed");
    }
}

#[test]
fn a_missing_segment_is_refused_and_a_missing_last_one_is_a_shorter_wal() {
    for number in 1..=2 {
        let written = three();
        written.disk.remove_file(&path(number)).unwrap();
        written.assert_refused(&format!("{}: the file is missing", path(number).display()));
    }
    let written = three();
    written.disk.remove_file(&path(3)).unwrap();
    assert_eq!(written.recover().lines, written.lines(4));
}

#[test]
fn segments_in_each_other_s_place_are_refused() {
    for (one, other) in [(1, 2), (2, 3), (1, 3)] {
        let written = three();
        let first = written.content(one);
        let second = written.content(other);
        // Swapped, and each of them twice.
        written.with(one, &second).with(other, &first).assert_refused(&strange(one, other));
        written.with(one, &second).assert_refused(&strange(one, other));
        written.with(other, &first).assert_refused(&strange(other, one));
    }
}

fn strange(target: u64, segment: u64) -> String {
    format!("{} line 1: this is segment {segment} of 0123456789abcdef", path(target).display())
}

#[test]
fn a_segment_behind_the_last_that_is_a_copy_is_refused() {
    let written = three();
    for number in 1..=3 {
        let content = written.content(number);
        let more = written.with(1, &written.content(1));
        more.disk.create(&path(4)).unwrap();
        more.with(4, &content).assert_refused(&strange(4, number));
    }
}

#[test]
fn a_segment_of_another_store_is_refused() {
    let written = three();
    let disk = SimulatedDisk::default();
    let elsewhere = Location { owner: "another".into(), ..location(&disk) };
    let other = write(disk, &elsewhere, 600, 2, written.batches.clone());
    for number in 1..=3 {
        let said = format!("{} line 1: this is segment {number} of another", path(number).display());
        written.with(number, &other.content(number)).assert_refused(&said);
    }
}

/// The very segment with the same batches, of another life of the store: another salt.
#[test]
fn batches_under_the_head_of_another_life_are_refused() {
    let written = three();
    let other = three();
    let head = |content: &[u8]| content.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for number in 1..=3 {
        let mine = written.content(number);
        let theirs = other.content(number);
        let mixed = [&theirs[..head(&theirs)], &mine[head(&mine)..]].concat();
        let changed = written.with(number, &mixed);
        changed.assert_refused(&format!("{} line 2: batch ", path(number).display()));
    }
}

/// In the last segment it would be a torn tail.
#[test]
fn a_torn_batch_before_another_segment_is_damage_of_its_own_segment() {
    for number in 1..=2 {
        let written = three();
        let mut content = written.content(number);
        let mark = content.windows(7).rposition(|bytes| bytes == b"COMMIT;").unwrap();
        content[mark..].fill(b'\n');
        let file = path(number);
        let next = path(number + 1);
        let what = format!("batch {} is broken, and there are later ones in {}", 2 * number, next.display());
        written.with(number, &content).assert_refused(&format!("{} line 5: {what}", file.display()));
    }
}

/// Batches of which each is the only one of its segment: its last, and its first.
#[test]
fn every_bit_that_turns_in_the_only_batch_of_a_segment_is_damage_and_its_cut_end_is_none() {
    let disk = SimulatedDisk::default();
    let lines = (0..3).map(|batch| vec![format!("line {batch}"), "x".repeat(60)]).collect();
    let written = write(disk.clone(), &location(&disk), 600, 1, lines);
    for segment in [1, 3] {
        let content = written.content(segment);
        let (begin, end) = batches(&content)[0];
        for at in begin..end {
            for bit in 0..8 {
                let mut changed = content.clone();
                changed[at] ^= 1 << bit;
                written.with(segment, &changed).assert_refused(&format!("{} line 2: ", path(segment).display()));
            }
        }
    }
    let content = written.content(3);
    let (begin, end) = batches(&content)[0];
    for at in begin..end - 1 {
        let mut cut = content.clone();
        cut[at..].fill(b'\n');
        let back = written.with(3, &cut).recover();
        assert_eq!(back.lines, written.lines(2), "cut at {at}");
        assert_eq!(back.end.expect("a torn tail").is_some(), at > begin, "cut at {at}");
    }
}

#[test]
fn a_recovery_goes_on_in_the_last_segment_that_has_a_batch() {
    let written = three();
    let at = location(&written.disk);
    drop(make_segment(&at, 4, written.size).unwrap());
    let recovered = recover(&at, 0, 1, written.size, &mut |_: &[u8]| Ok(())).unwrap();
    assert_eq!((recovered.wal.segment(), recovered.wal.wants_spare()), (3, None), "the fourth is the spare one");
}

/// The whole batches of a segment: where each begins, and where its commit mark ends.
fn batches(content: &[u8]) -> Vec<(usize, usize)> {
    let mut ends = Vec::new();
    let mut at = 0;
    for line in content.split_inclusive(|byte| *byte == b'\n') {
        at += line.len();
        if line.starts_with(b"wachat-wal") || line.starts_with(b"COMMIT;") {
            ends.push(at);
        }
    }
    ends.windows(2).map(|pair| (pair[0], pair[1])).collect()
}

/// The content without some bytes, as long as before: what follows moves up.
fn without(content: &[u8], from: usize, to: usize) -> Vec<u8> {
    let mut rest = [&content[..from], &content[to..]].concat();
    rest.resize(content.len(), b'\n');
    rest
}

/// Each commit mark is good, and only the numbers show that some batches are gone.
#[test]
fn a_gap_in_the_numbers_of_batches_is_damage_wherever_it_is_and_whoever_reads() {
    let disk = SimulatedDisk::default();
    let lines = (0..9).map(|batch| vec![format!("line {batch}"), "x".repeat(40)]).collect();
    let written = write(disk.clone(), &location(&disk), 600, 3, lines);
    for segment in 1..=3 {
        let content = written.content(segment);
        let there = batches(&content);
        assert_eq!(there.len(), 3);
        for (first, last) in [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)] {
            if segment == 3 && last == 2 {
                continue; // No reader can tell it from a shorter log.
            }
            let changed = written.with(segment, &without(&content, there[first].0, there[last].1));
            let at = location(&changed.disk);
            let what = format!("segment {segment} without {first} to {last}");
            changed.assert_refused("/wal/00000");
            let mut ignore = |_: &[u8]| Ok(());
            assert!(inspect(&at, 0, 1, &mut ignore).is_err(), "{what}: check");
            for upto in segment..=3 {
                let closed = replay_closed(&at, 0, upto, 1, &mut ignore);
                assert!(closed.is_err(), "{what}: a checkpoint up to segment {upto}");
            }
            // A checkpoint covers what comes before the segment: the first batch after it is known, too.
            let next = 3 * (segment - 1) + 1;
            assert!(inspect(&at, segment - 1, next, &mut ignore).is_err(), "{what}: after a checkpoint");
        }
    }
}

/// The segment after it may hold no batch yet, or may not be there: the broken bytes alone tell.
#[test]
fn a_closed_segment_whose_last_batch_is_broken_in_any_way_is_damage_for_a_checkpoint() {
    let written = three();
    let content = written.content(3);
    let (begin, end) = batches(&content)[1];
    let flipped = (begin..end).map(|at| {
        let mut changed = content.clone();
        changed[at] ^= 1;
        changed
    });
    let cut = (begin + 1..end).map(|at| {
        let mut changed = content.clone();
        changed[at..].fill(b'\n');
        changed
    });
    // Without its last line feed it is the same line, since the rest of the file is line feeds.
    for changed in flipped.chain(cut.take(end - begin - 2)) {
        for is_followed in [false, true] {
            let changed = written.with(3, &changed);
            let at = location(&changed.disk);
            if is_followed {
                drop(make_segment(&at, 4, written.size).unwrap());
            }
            let said = replay_closed(&at, 0, 3, 1, &mut |_: &[u8]| Ok(())).map_err(|error| error.to_string());
            let named = path(3).display().to_string();
            assert!(said.as_ref().is_err_and(|said| said.starts_with(&named)), "a checkpoint says {said:?}");
        }
    }
}
