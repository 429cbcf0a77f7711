//! The time at which a message goes: not before its time, and at most a thirtieth of that (at least a day) after it;
//! how often a file is rewritten for that; when the clock is trusted; and what happens to a file that is damaged, or
//! too large for one step.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::{DATA, DAY, MONTH, assert_whole, found, id, played, store, texts, wait_days};
use crate::support::group_commit_harness::GroupCommitHarness;
use crate::support::random::Random;
use crate::support::simulated_disk::SimulatedDisk;
use crate::support::store_files::{read_files, replace_in_table};
use wachat::disk::{Disk, read};
use wachat::limits;
use wachat::model::Timestamp;
use wachat::record::{Writer, end_with_checksum};
use wachat::store::{CleanUp, Retention};

fn keep(direct: Option<Duration>, rooms: Option<Duration>) -> Retention {
    Retention { direct, rooms, trusts_clock: true }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).expect("a time")
}

/// A message to luis and one to the room, both acknowledged by all.
fn with_two(time: u64) -> (SimulatedDisk, GroupCommitHarness) {
    let disk = SimulatedDisk::default();
    let mut server = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new(DATA));
    server.time = time;
    ["ana", "luis"].iter().for_each(|name| server.register(name));
    // Both at one time.
    server.send("ana", "luis", "old 1");
    server.time -= 1;
    let last = server.send("ana", "#lobby", "old 2");
    ["ana", "luis"].iter().for_each(|name| server.acknowledge(name, last));
    (disk, server)
}

#[test]
fn a_message_goes_when_its_time_is_over_and_a_thirtieth_of_it_at_the_latest() {
    let mut random = Random::new(11);
    for round in 0..12 {
        let days = 1 + random.below([5, 60, 4_000][round % 3]);
        let time = DAY * u32::try_from(days).expect("days") + Duration::from_millis(random.below(millis(DAY)));
        let step = (time / 30).max(DAY);
        let begin = 1_800_000_000_000 + random.below(millis(DAY));
        // The end moves in steps: a message of the very time of one stays.
        let begin = if round % 2 == 0 { begin } else { begin.next_multiple_of(millis(step)) - 3 };
        for (age, is_gone) in [(time - Duration::from_millis(1), false), (time, false), (time + step, true)] {
            for (retention, goes) in [
                (keep(Some(time), None), "old 1"),
                (keep(None, Some(time)), "old 2"),
                (keep(Some(time), Some(time * 3)), "old 1"),
                (keep(Some(time * 3), Some(time)), "old 2"),
            ] {
                let (disk, mut server) = with_two(begin);
                // With the registrations and the message itself.
                server.time = begin + 3 + millis(age) + u64::from(is_gone);
                server.clean_up(retention);
                let left = found(&disk, DATA);
                let how = format!("{time:?}, after {age:?}: {left:?}");
                assert_eq!(left.contains(goes), !is_gone, "{how}");
                assert!(["old 1", "old 2"].iter().all(|text| *text == goes || left.contains(*text)), "{how}");
            }
        }
    }
}

/// Returns how often a conversation's file was rewritten.
fn rewritten(server: &GroupCommitHarness, name: &str) -> u32 {
    server.group_commit.state().conversation(id(name)).expect("a conversation").filed.rewritten
}

#[test]
fn a_file_is_rewritten_thirty_times_in_its_time_and_once_a_day_at_most() {
    for (days, least, most) in [(60_u32, 28, 31), (10, 8, 11)] {
        let disk = SimulatedDisk::default();
        let mut server = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new(DATA));
        server.register("ana");
        let retention = keep(Some(DAY * days), None);
        let steps = 2 * days;
        let mut begin = 0;
        for step in 0..2 * steps {
            if step == steps {
                begin = rewritten(&server, "direct-0-0");
            }
            let last = server.send("ana", "ana", "a note");
            server.acknowledge("ana", last);
            server.time += millis(DAY) / 2;
            if step >= steps {
                server.clean_up(retention);
            } else if step % 20 == 19 {
                server.checkpoint();
            }
        }
        let times = rewritten(&server, "direct-0-0") - begin;
        assert!((least..=most).contains(&times), "{days} days: {times} times");
        drop(server);
        assert_whole(&disk, DATA);
    }
}

/// Nothing of it goes, however old it is.
#[test]
fn a_file_of_which_everything_waits_is_not_rewritten() {
    let disk = SimulatedDisk::default();
    let mut server = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new(DATA));
    ["ana", "luis"].iter().for_each(|name| server.register(name));
    ["old 1", "old 2"].iter().for_each(|text| _ = server.send("ana", "luis", text));
    server.send("ana", "#lobby", "old 3");
    for _ in 0..3 {
        wait_days(&mut server, 40);
        server.clean_up(keep(MONTH.direct, MONTH.rooms));
        assert_eq!(["direct-0-1", "room-0"].map(|name| rewritten(&server, name)), [0, 0]);
    }
    assert_eq!(found(&disk, "/data/history").len(), 3);
}

/// Before the first clean-up the newest message tells whether the clock may have jumped; without a message nothing
/// does.
#[test]
fn the_first_clean_up_trusts_the_clock_by_the_newest_message() {
    let wary = Retention { trusts_clock: false, ..MONTH };
    for (later, is_done) in [(0, true), (1, false)] {
        let disk = SimulatedDisk::default();
        let mut server = played(&disk);
        server.acknowledge("luis", 20);
        server.send("luis", "ana", "young 8");
        server.time += millis(DAY * 30) + later;
        server.clean_up(wary);
        assert_eq!(!found(&disk, DATA).contains("old 1"), is_done, "{later} ms too late");
    }
    let disk = SimulatedDisk::default();
    let mut server = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new(DATA));
    ["ana", "luis"].iter().for_each(|name| server.register(name));
    server.clean_up(wary);
    let cleaned_at = Timestamp::from_millis(server.time).to_string();
    assert!(store_table(&disk).contains(&cleaned_at), "a store without messages is clean");
    wait_days(&mut server, 31);
    server.send("ana", "luis", "wrong time");
    wait_days(&mut server, 30);
    server.clean_up(wary);
    assert!(store_table(&disk).contains(&cleaned_at), "the last clean-up was 61 days ago");
}

/// Returns the only `store.csv`.
fn store_table(disk: &SimulatedDisk) -> String {
    let table = read_files(disk, DATA).into_iter().find(|(path, _)| path.ends_with("store.csv")).expect("a table").1;
    String::from_utf8(table).expect("text")
}

#[test]
fn messages_are_kept_for_ever_if_neither_time_is_given() {
    for (direct, rooms) in [(None, None), (Some(DAY), None), (None, Some(DAY)), (Some(DAY), Some(DAY))] {
        let is_for_ever = Retention { direct, rooms, trusts_clock: false }.is_for_ever();
        assert_eq!(is_for_ever, direct.is_none() && rooms.is_none(), "{direct:?} {rooms:?}");
    }
}

/// Of a damaged row the age is not known. The copy that was begun goes, too; the other conversations lose what is old.
#[test]
fn a_file_that_is_damaged_anywhere_stays_as_it_is_and_no_copy_of_it_is_left() {
    let file = Path::new("/data/history/direct-0-1.csv");
    let begin = SimulatedDisk::default();
    let mut server = played(&begin);
    server.checkpoint();
    let time = server.time;
    drop(server);
    let content = read(&begin, file).expect("a file");
    let text = |text: &str| content.windows(text.len()).position(|bytes| bytes == text.as_bytes()).expect("a text");
    let places =
        [0, 15, text("seq;id"), text("old 1"), text("old 3"), text("waits 4"), text("young 7"), content.len() - 1];
    let changes = places.into_iter().map(|at| (format!("byte {at}"), at, content.len()));
    let cuts = [1, text("old 3"), content.len() - 1].into_iter().map(|length| (format!("cut at {length}"), 0, length));
    for (how, at, length) in changes.chain(cuts) {
        let disk = begin.after_power_cut(|| true);
        disk.tamper(file, |content| {
            content[at] ^= u8::from(length == content.len());
            content.truncate(length);
        });
        let damaged = read(&disk, file).expect("a file");
        let mut server = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new(DATA));
        server.time = time;
        server.clean_up(keep(MONTH.direct, MONTH.rooms));
        assert!(read(&disk, file).expect("a file") == damaged, "{how}: it was changed");
        let names = disk.list(Path::new("/data/history")).expect("names");
        assert!(!names.contains(&"direct-0-1.1.csv".to_owned()), "{how}: {names:?}");
        assert_eq!((names.contains(&"room-0.csv".to_owned()), rewritten(&server, "room-0")), (false, 1), "{how}");
        drop(server);
        let report = store(&disk).check().expect("a report");
        let named = report.damage.iter().all(|line| line.starts_with("/data/history/direct-0-1.csv"));
        assert!(named && report.damage.len() == 1 && report.notes.is_empty(), "{how}: {report:?}");
    }
}

/// Makes a history file as large as one step rewrites, by rows as they are written: all but its first one are young.
fn enlarge(disk: &SimulatedDisk, path: &Path, at: Timestamp) -> u64 {
    let mut content = read(disk, path).expect("a file");
    let text = "x".repeat(limits::TEXT_BYTES);
    let mut seq = 1_000;
    while (content.len() as u64) < limits::CLEAN_UP_BYTES {
        seq += 1;
        let start = content.len();
        let mut row = Writer::new(&mut content);
        row.plain(seq).plain("m").plain("ana").plain("luis").plain(at.to_string()).text(&text);
        end_with_checksum(&mut content, start);
    }
    let length = content.len();
    let checksum = crc32fast::hash(&content);
    let rows = content.iter().filter(|byte| **byte == b'\n').count() - 2;
    disk.tamper(path, |now| *now = content);
    let tables = Path::new("/data/checkpoint-000001");
    let change = |table: &str, row: &str, new: String| {
        disk.tamper(&tables.join(table), |content| {
            let text = String::from_utf8(content.clone()).expect("text");
            let old = text.lines().find(|line| line.contains(row)).expect("a row").to_owned();
            *content =
                replace_in_table(&text, &old, &new.replace("{store}", old.split(';').next().unwrap())).into_bytes();
        });
    };
    change("conversations.csv", "direct-0-1;", format!("direct-0-1;{length};{checksum:08x};{seq};{rows};0;0"));
    let store = String::from_utf8(read(disk, &tables.join("store.csv")).expect("a table")).expect("text");
    let mut columns: Vec<_> = store.lines().nth(2).expect("a row").split(';').map(str::to_owned).collect();
    columns[1] = seq.to_string();
    change("store.csv", ";1;", columns.join(";"));
    seq
}

#[test]
fn a_step_ends_after_so_many_bytes_and_the_next_one_goes_on() {
    let disk = SimulatedDisk::default();
    let mut server = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new(DATA));
    ["ana", "luis"].iter().for_each(|name| server.register(name));
    for (to, text) in [("luis", "old 1"), ("#lobby", "old 2"), ("ana", "old 3")] {
        server.send("ana", to, text);
    }
    ["ana", "luis"].iter().for_each(|name| server.acknowledge(name, 3));
    server.last_checkpoint();
    let time = server.time + millis(DAY * 40);
    drop(server);
    let last = enlarge(&disk, Path::new("/data/history/direct-0-1.csv"), Timestamp::from_millis(time));
    let mut server = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new(DATA));
    server.time = time;
    let now = Timestamp::from_millis(time);
    let retention = keep(MONTH.direct, MONTH.rooms);
    let step = server.try_clean_up(&CleanUp { retention, now, after: None, is_last: false }).expect("a step");
    assert_eq!(step, Some(id("direct-0-1")), "it was the last one of this step");
    let left = found(&disk, "/data/history");
    assert_eq!(left, ["old 2".to_owned()].into(), "what is before it, and its own old row, are gone");
    assert_eq!(server.try_clean_up(&CleanUp { retention, now, after: step, is_last: false }).expect("a step"), None);
    assert!(found(&disk, "/data/history").is_empty());
    assert!(server.send_as("ana", "ana", "new", "young 8").0 > last);
    assert!(texts(&server, &server.store, "room-0").is_empty());
}
