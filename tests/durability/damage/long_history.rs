//! A long history file with rows of all lengths: each page of it, and each of its rows, is found wherever it is; what is
//! damaged or cut off is a range of numbers in its place, and nothing else is.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::World;
use crate::support::group_commit_harness::{GroupCommitHarness, SMALL};
use crate::support::intercepted_disk::{Hook, InterceptedDisk};
use crate::support::process::Process;
use crate::support::random::Random;
use crate::support::simulated_disk::SimulatedDisk;
use crate::support::store_files::{newest_checkpoint, replace_in_table};
use crate::support::values::seq;
use wachat::disk::read;
use wachat::limits;
use wachat::state_machine::{ConversationId, HistoryPrefix, Participants, Policy};
use wachat::store::{HistoryFile, Problem, Row, Store, StoreError};

const FILE: &str = "/data/history/direct-0-1.csv";

/// Rows of the file. Every third number is another conversation's.
const ROWS: usize = 260;

/// Rows of the greatest length, and rows that are longer than one read.
const LONGEST: [usize; 4] = [50, 51, 120, 200];
const LONG: [usize; 3] = [90, 91, 180];

/// A long file, and the number and the text of each of its rows.
#[derive(Clone)]
struct Long {
    disk: SimulatedDisk,
    id: ConversationId,
    participants: Participants,
    filed: HistoryPrefix,
    rows: Vec<(u64, String)>,
}

fn long() -> Long {
    let disk = SimulatedDisk::default();
    let mut server = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new("/data"));
    ["ana", "luis"].iter().for_each(|name| server.register(name));
    let mut rows = Vec::new();
    for row in 0..ROWS {
        if row % 2 == 0 {
            server.send("ana", "ana", "another conversation");
        }
        let length = match row {
            _ if LONGEST.contains(&row) => limits::TEXT_BYTES - 10,
            _ if LONG.contains(&row) => 17_000,
            _ => row * 37 % 600,
        };
        let text = format!("{row} {}", "x".repeat(length));
        rows.push((server.send("ana", "luis", &text), text));
    }
    let upto = server.group_commit.uncovered().expect("a log");
    let store = server.store.clone();
    drop(server);
    let filed = store.checkpoint(upto).expect("a checkpoint").filed;
    let id = ConversationId::parse("direct-0-1").expect("an id");
    let filed = filed.into_iter().find(|(other, _)| *other == id).expect("its file").1;
    let participants = store.open(Policy::default(), SMALL).expect("a store").machine.stored.participants(id);
    Long { disk, id, participants, filed, rows }
}

impl Long {
    fn store(&self) -> Store {
        Store::new(Arc::new(self.disk.clone()), Path::new("/data"))
    }

    fn open<'a>(&'a self, store: &'a Store) -> Result<HistoryFile<'a>, StoreError> {
        Ok(store.history(self.id, &self.participants, self.filed)?.expect("a history"))
    }

    /// Returns the offset of each row, and of the end.
    fn offsets(&self) -> Vec<usize> {
        let content = read(&self.disk, Path::new(FILE)).expect("the file");
        let feeds = content.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        feeds.map(|(at, _)| at + 1).skip(1).collect()
    }

    /// Returns a page as it should be, newest first, if the rows from `end` on are cut off, and these are damaged.
    fn expected(&self, before: u64, end: usize, damaged: &[usize]) -> Vec<String> {
        let is_good = |row: usize| row < end && !damaged.contains(&row);
        let mut page = Vec::new();
        // The lowest number above the ones that are yet to come, and whether damage was met since.
        let mut last = before - 1;
        let mut met = false;
        last = last.min(self.filed.upto.get());
        let above = self.rows.iter().position(|(number, _)| *number >= before);
        let good_above = (above.unwrap_or(ROWS)..ROWS).find(|row| is_good(*row));
        for row in (0..good_above.unwrap_or(ROWS)).rev() {
            let (number, text) = &self.rows[row];
            if !is_good(row) {
                met = true;
                continue;
            }
            if met && *number < last {
                page.push(format!("damaged {}-{last}", number + 1));
            }
            page.push(format!("{number} {text}"));
            (last, met) = (number - 1, false);
        }
        if met && last > 0 {
            page.push(format!("damaged 1-{last}"));
        }
        page
    }

    /// Asserts that every page is as it should be.
    fn assert_pages(&self, end: usize, damaged: &[usize], how: &str) {
        let store = self.store();
        let file = self.open(&store).expect("the file");
        for before in 1..=self.filed.upto.get() + 2 {
            // Three of a page: the rest of it is the page of a lower number.
            let page: Vec<_> = file.newest_first(Some(seq(before))).expect("a page").take(3).map(shown).collect();
            let mut expected = self.expected(before, end, damaged);
            expected.truncate(3);
            assert!(page == expected, "{how}, before {before}: {} and not {}", short(&page), short(&expected));
        }
        let all: Vec<_> = file.newest_first(None).expect("all").map(shown).collect();
        let expected = self.expected(self.filed.upto.get() + 1, end, damaged);
        assert!(all == expected, "{how}: {} and not {}", short(&all), short(&expected));
    }

    /// Asserts that rows are found by their numbers.
    fn assert_rows(&self, damaged: &[usize]) {
        let store = self.store();
        let mut random = Random::new(5);
        let file = self.open(&store).expect("the file");
        for share in [1, 5, 40, 100] {
            let numbers: Vec<_> = (1..=self.filed.upto.get() + 1).filter(|_| random.chance(share)).map(seq).collect();
            let found = file.rows(&numbers).expect("rows");
            for (number, found) in numbers.iter().zip(found) {
                let row =
                    self.rows.iter().position(|(one, _)| *one == number.get()).filter(|row| !damaged.contains(row));
                let expected = row.map(|row| (*number, self.rows[row].1.clone()));
                let found = found.map(|message| (message.seq, message.text.as_str().to_owned()));
                assert!(found == expected, "{share} of 100, number {number}, damaged: {damaged:?}");
            }
        }
    }
}

fn shown(row: Result<Row, StoreError>) -> String {
    match row.expect("a row") {
        Row::Message(message) => format!("{} {}", message.seq, message.text.as_str()),
        Row::Damaged { first, last } => format!("damaged {first}-{last}"),
    }
}

fn short(page: &[String]) -> String {
    let short = page.iter().take(5).map(|row| row.chars().take(20).collect::<String>());
    format!("{:?}", short.collect::<Vec<_>>())
}

#[test]
fn every_page_of_a_whole_file_and_every_row_is_found() {
    let long = long();
    assert!(long.filed.bytes > 4 * limits::TEXT_BYTES as u64);
    long.assert_pages(ROWS, &[], "whole");
    long.assert_rows(&[]);
}

#[test]
fn a_damaged_row_is_a_range_in_its_place_on_every_page() {
    let long = long();
    let offsets = long.offsets();
    for row in [0, 1, 17, 49, 50, 51, 52, 91, 130, ROWS - 2, ROWS - 1] {
        long.disk.tamper(Path::new(FILE), |content| content[offsets[row] + 20] ^= 1);
        long.assert_pages(ROWS, &[row], &format!("row {row}"));
        long.assert_rows(&[row]);
        long.disk.tamper(Path::new(FILE), |content| content[offsets[row] + 20] ^= 1);
    }
}

/// Some rows side by side and some alone, and now and then a lost end as well.
#[test]
fn any_damaged_rows_are_ranges_in_their_places_on_every_page() {
    let whole = long();
    let mut random = Random::new(7);
    let offsets = whole.offsets();
    for round in 0..8 {
        let long = Long { disk: whole.disk.after_power_cut(|| true), ..whole.clone() };
        let end = if round % 2 == 0 { ROWS } else { 1 + random.below(ROWS as u64) as usize };
        let share = [2, 10, 60, 95][round / 2];
        let damaged: Vec<_> = (0..end).filter(|_| random.chance(share)).collect();
        long.disk.tamper(Path::new(FILE), |content| {
            damaged.iter().for_each(|row| content[offsets[*row] + 20] ^= 1);
            content.truncate(offsets[end]);
        });
        let how = format!("round {round}: up to row {end}, damaged {damaged:?}");
        long.assert_pages(end, &damaged, &how);
        let mut lost: Vec<_> = damaged.into_iter().collect();
        lost.extend(end..ROWS);
        long.assert_rows(&lost);
    }
}

#[test]
fn a_file_that_was_cut_anywhere_serves_the_rows_before_the_cut() {
    let long = long();
    let offsets = long.offsets();
    let content = read(&long.disk, Path::new(FILE)).expect("the file");
    for row in [0, 1, 49, 50, 51, 91, 150, ROWS - 1] {
        // Between two rows, after the next one's first byte, in its middle, before its line feed.
        let begin = offsets[row];
        let end = offsets[row + 1];
        for cut in [begin, begin + 1, (begin + end) / 2, end - 1] {
            long.disk.tamper(Path::new(FILE), |content| content.truncate(cut));
            long.assert_pages(row, &[], &format!("cut at {cut}, in row {row}"));
            long.disk.tamper(Path::new(FILE), |cut| cut.clone_from(&content));
        }
    }
}

#[test]
fn a_row_that_is_there_twice_is_served_once() {
    let whole = long();
    let offsets = whole.offsets();
    let content = read(&whole.disk, Path::new(FILE)).expect("the file");
    for row in (1..ROWS).step_by(7) {
        // In the place of the next one.
        let begin = offsets[row - 1];
        let doubled = [&content[..offsets[row]], &content[begin..offsets[row]], &content[offsets[row + 1]..]].concat();
        let filed = HistoryPrefix { bytes: doubled.len() as u64, ..whole.filed };
        let long = Long { filed, disk: whole.disk.after_power_cut(|| true), ..whole.clone() };
        long.disk.tamper(Path::new(FILE), |content| *content = doubled);
        let store = long.store();
        let rows: Vec<_> = long.open(&store).expect("the file").newest_first(None).expect("all").map(shown).collect();
        let number = |row: &String| row.split(' ').next().and_then(|number| number.parse::<u64>().ok());
        let numbers: Vec<_> = rows.iter().filter_map(number).collect();
        let expected: Vec<_> = whole.rows.iter().rev().map(|(number, _)| *number).collect();
        let expected: Vec<_> = expected.into_iter().filter(|number| *number != whole.rows[row].0).collect();
        assert_eq!(numbers, expected, "row {row} is another's copy");
    }
}

/// An error of a call is none of the file: what it would have read may be as it was written.
#[test]
fn a_file_that_cannot_be_opened_or_is_cut_meanwhile_is_an_error_and_no_damage() {
    let long = long();
    let open = |hook: Hook| Store::new(Arc::new(InterceptedDisk { disk: long.disk.clone(), hook }), Path::new("/data"));
    let store = open(Arc::new(|what, path| match what {
        "open" if path == Path::new(FILE) => Err(std::io::Error::other("a sector cannot be read")),
        _ => Ok(()),
    }));
    let error = long.open(&store).err().expect("it has to be said");
    assert!(matches!(error.problem, Problem::Io(_)), "{error}");

    let reads = AtomicUsize::new(0);
    let disk = long.disk.clone();
    let store = open(Arc::new(move |what, _| {
        if what == "read" && reads.fetch_add(1, Ordering::Relaxed) == 1 {
            disk.tamper(Path::new(FILE), |content| content.truncate(100));
        }
        Ok(())
    }));
    let file = long.open(&store).expect("the file");
    let row = file.newest_first(None).expect("all").next().expect("a row");
    assert!(matches!(row, Err(StoreError { problem: Problem::Io(_), .. })), "it was served as damaged");
}

#[test]
fn a_page_and_a_poll_take_few_reads() {
    let long = long();
    let reads = Arc::new(AtomicUsize::new(0));
    let counted = reads.clone();
    let hook: Hook = Arc::new(move |what, _| {
        counted.fetch_add(usize::from(what == "read"), Ordering::Relaxed);
        Ok(())
    });
    let store = Store::new(Arc::new(InterceptedDisk { disk: long.disk.clone(), hook }), Path::new("/data"));
    let file = long.open(&store).expect("the file");
    let mut most = 0;
    for (number, _) in &long.rows {
        reads.store(0, Ordering::Relaxed);
        let _ = file.newest_first(Some(seq(*number))).expect("a page").next();
        most = most.max(reads.load(Ordering::Relaxed));
    }
    assert!(most < 150, "{most} reads");
    // Rows that lie side by side are not searched one by one.
    reads.store(0, Ordering::Relaxed);
    let wanted: Vec<_> = long.rows.iter().step_by(2).map(|(number, _)| seq(*number)).collect();
    assert!(file.rows(&wanted).expect("rows").iter().all(Option::is_some));
    let all = reads.load(Ordering::Relaxed);
    assert!(all < 500, "{all} reads");
}

/// A part of a file that a disk has lost reads as zeros: a line that is longer than memory, if it were read as one.
#[test]
fn a_lost_part_of_any_length_takes_no_memory() {
    const LOST: usize = 96 << 20;
    // Without limits: what is read is charged, and the lost part is read.
    let mut world = World::new(&["--no-lobby", "--no-limits"]);
    let mut ana = world.register("ana");
    let _luis = world.register("luis");
    let text = "x".repeat(1_000);
    for number in 1..=9 {
        assert!(ana.request(&format!("SEND;m{number};luis;{text}")).starts_with("OK;"));
    }
    world.stop();
    let file = world.data().join("history/direct-0-1.csv");
    let content = std::fs::read(&file).expect("the file");
    let rows: Vec<_> = content.split_inclusive(|byte| *byte == b'\n').collect();
    let before = rows[..6].concat();
    let after = rows[6..].concat();
    let lost = std::fs::File::create(&file).expect("the file");
    std::os::unix::fs::FileExt::write_all_at(&lost, &before, 0).expect("to write");
    std::os::unix::fs::FileExt::write_all_at(&lost, &after, (before.len() + LOST) as u64).expect("to write");
    let table = newest_checkpoint(&world.data()).join("conversations.csv");
    let old = format!(";{};", content.len());
    let new = format!(";{};", content.len() + LOST);
    let changed = replace_in_table(&std::fs::read_to_string(&table).expect("a table"), &old, &new);
    std::fs::write(&table, changed).expect("to write");
    world.start();
    let process = Process::of(world.pid());
    let mut ana = world.login("ana");
    let begin = process.peak();
    let all = ana.list("HISTORY;luis;1000");
    // The first row after the lost part is of the same line.
    assert_eq!((all.len(), all[4].as_str()), (4 + 1 + 4, "DAMAGED;5;5"), "{all:?}");
    assert_eq!(ana.list("HISTORY;luis;1000;8").len(), 4 + 1 + 2);
    // Its beginning is before the lost part.
    assert_eq!(ana.list("HISTORY;luis;1000;6").len(), 4 + 1);
    let more = process.peak() - begin;
    assert!(more < 16 << 10, "{more} KiB for a line of {LOST} bytes");
}
