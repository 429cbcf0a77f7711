//! Damage that a start must not paper over (promise 8): it stops, names file and line, and has
//! changed nothing.

mod checkpoint;
mod contradictions;
mod every_bit;
mod history;
mod long_history;
mod lost_history;
mod segments;
mod small_wal;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::support::group_commit_harness::GroupCommitHarness;
use crate::support::simulated_disk::SimulatedDisk;
use wachat::disk::{Disk, read};
use wachat::limits;
use wachat::model::{MessageId, Target, Text, UserName};
use wachat::server::GroupCommit;
use wachat::state_machine::{Command, ConnectionId, Now, Policy};
use wachat::store::{Sizes, Store};
use wachat::wal::make_segment;

/// Two of the longest messages fit into a segment; no checkpoint comes in between.
const SIZES: Sizes = Sizes { segment_bytes: 2 * limits::COMMAND_BYTES as u64, checkpoint_bytes: u64::MAX };

fn store(disk: &SimulatedDisk) -> Store {
    Store::new(Arc::new(disk.clone()), Path::new("/data"))
}

/// Without a lobby, so that a registration is one record.
fn policy() -> Policy {
    Policy { lobby: false, ..Policy::default() }
}

/// A store with three WAL segments, each message a batch of its own.
fn three_segments() -> SimulatedDisk {
    let disk = SimulatedDisk::default();
    let opened = store(&disk).open(policy(), SIZES).unwrap();
    let location = opened.location.clone();
    let mut group_commit = GroupCommit::new(opened, SIZES);
    let ana = UserName::new("ana").unwrap();
    let mut act = |command| {
        if !group_commit.has_room() {
            let number = group_commit.wants_segment().unwrap();
            group_commit.give_segment(make_segment(&location, number, SIZES.segment_bytes).unwrap());
            group_commit.switch_segment();
        }
        group_commit.execute(ConnectionId(1), command, Now::default()).unwrap();
        group_commit.commit().unwrap();
    };
    act(Command::Register { name: ana.clone(), password_hash: "x".into() });
    for number in 0..6 {
        act(Command::Send {
            user: ana.clone(),
            id: MessageId::new(&format!("m{number}")).unwrap(),
            to: Ok(Target::User(ana.clone())),
            text: Text::new(&"x".repeat(limits::TEXT_BYTES)).unwrap(),
        });
    }
    disk
}

fn wal(disk: &SimulatedDisk) -> Vec<(PathBuf, Vec<u8>)> {
    let directory = Path::new("/data/wal");
    let path = |name: String| directory.join(name);
    let files = disk.list(directory).unwrap().into_iter().map(path);
    files.map(|path| (path.clone(), read(disk, &path).unwrap())).collect()
}

/// Returns the error of a start on a changed write-ahead log. Asserts that the start changes nothing.
fn refusal(disk: &SimulatedDisk, segment: &str, change: impl FnOnce(&mut Vec<u8>)) -> String {
    disk.tamper(Path::new(segment), change);
    let before = wal(disk);
    let error = store(disk).open(policy(), SIZES).err().expect("it has to be refused").to_string();
    assert_eq!(wal(disk), before, "{error}");
    error
}

/// The last byte that was written into a segment.
fn last_byte(content: &mut [u8]) -> &mut u8 {
    let at = content.iter().rposition(|byte| *byte != b'\n').unwrap();
    &mut content[at]
}

#[test]
fn the_last_batch_of_a_closed_segment_is_no_torn_batch() {
    let disk = three_segments();
    let error = refusal(&disk, "/data/wal/000001.csv", |content| *last_byte(content) ^= 1);
    assert!(error.starts_with("/data/wal/000001.csv line 6: batch 3 is broken"), "{error}");
    assert!(error.contains("nothing was changed"), "{error}");
}

/// Returns what a start, a check, a backup and a checkpoint up to each of these segments say.
fn everybody_says(disk: &SimulatedDisk, checkpoints: std::ops::RangeInclusive<u64>) -> Vec<(String, String)> {
    let copy = || store(&disk.after_power_cut(|| true));
    let said = |result: Result<(), wachat::store::StoreError>| result.err().map_or("OK".into(), |e| e.to_string());
    let mut all = vec![
        ("a start".to_owned(), said(copy().open(policy(), SIZES).map(drop))),
        ("check".to_owned(), copy().check().unwrap().damage.concat()),
        ("a backup".to_owned(), said(copy().backup(Path::new("/backup")).map(drop))),
    ];
    all.extend(checkpoints.map(|upto| (format!("a checkpoint up to {upto}"), said(copy().checkpoint(upto).map(drop)))));
    all
}

/// A checkpoint that covered the rest would make the loss look like the end of the log, and remove what shows it.
#[test]
fn a_lost_last_batch_of_a_closed_segment_is_noticed_by_all_who_read_it() {
    for segment in 1..=2 {
        let disk = three_segments();
        let path = format!("/data/wal/{segment:06}.csv");
        disk.tamper(Path::new(&path), |content| {
            let marks: Vec<_> = (0..content.len()).filter(|at| content[*at..].starts_with(b"\nCOMMIT;")).collect();
            let before = marks[marks.len() - 2] + 1;
            let end = before + content[before..].iter().position(|byte| *byte == b'\n').unwrap() + 1;
            content[end..].fill(b'\n');
        });
        for (who, said) in everybody_says(&disk, segment..=2) {
            let next = format!("/data/wal/{:06}.csv line 2: ", segment + 1);
            assert!(said.contains(&next), "segment {segment}: {who} says {said:?}");
        }
    }
}

#[test]
fn a_broken_batch_with_a_whole_one_after_it_is_no_torn_batch() {
    let disk = three_segments();
    let error = refusal(&disk, "/data/wal/000003.csv", |content| content[1_000] ^= 1);
    assert!(error.starts_with("/data/wal/000003.csv line 2: batch 6 is broken, and batch 7"), "{error}");
}

#[test]
fn a_missing_segment_and_a_strange_head_are_said() {
    let disk = three_segments();
    let error = refusal(&disk, "/data/wal/000002.csv", |content| content[20] ^= 1);
    assert!(error.starts_with("/data/wal/000002.csv line 1: "), "{error}");
    disk.remove_file(Path::new("/data/wal/000002.csv")).unwrap();
    let error = refusal(&disk, "/nothing", |_| {});
    assert!(error.starts_with("/data/wal/000002.csv: the file is missing"), "{error}");
}

#[test]
fn a_last_batch_that_was_written_in_full_is_no_torn_batch() {
    for from_end in [0, 3, 10_000, 60_000] {
        let disk = three_segments();
        let error = refusal(&disk, "/data/wal/000003.csv", |content| {
            let last = content.iter().rposition(|byte| *byte != b'\n').unwrap();
            content[last - from_end] ^= 1;
        });
        assert!(
            error.starts_with("/data/wal/000003.csv line 4: batch 7 is broken, and was written in full"),
            "{error}"
        );
    }
}

/// Removes files of a store that was served, and returns the error of the next start.
fn refusal_without(disk: &SimulatedDisk, removed: &[&str]) -> String {
    let disk = disk.after_power_cut(|| false);
    for directory in removed.iter().map(Path::new) {
        for name in disk.list(directory).unwrap() {
            disk.remove_file(&directory.join(name)).unwrap();
        }
        if directory.to_string_lossy().contains("checkpoint") {
            disk.remove_dir(directory).unwrap();
        }
    }
    store(&disk).open(policy(), SIZES).err().expect("it has to be refused").to_string()
}

#[test]
fn an_emptied_store_is_not_taken_for_a_new_one() {
    let disk = three_segments();
    let gone = "there was a store here, and its checkpoint is gone; nothing was changed; put back a backup";
    let said = refusal_without(&disk, &["/data/wal"]);
    assert!(said.starts_with("/data/wal/000001.csv: the file is missing; nothing was changed"), "{said}");
    let said = refusal_without(&disk, &["/data/checkpoint-000000"]);
    assert!(said.contains(gone), "{said}");
    let said = refusal_without(&disk, &["/data/checkpoint-000000", "/data/wal", "/data/history"]);
    assert!(said.contains(gone), "{said}");
    // Nor if its lock's file is lost as well: a segment, or a history file, is of a store.
    disk.tamper(Path::new("/data/lock"), Vec::clear);
    let said = refusal_without(&disk, &["/data/checkpoint-000000", "/data/history"]);
    assert!(said.contains(gone), "{said}");
    wachat::disk::write(&disk, Path::new("/data/history/room-0.csv"), b"x").unwrap();
    disk.sync_dir(Path::new("/data/history")).unwrap();
    let said = refusal_without(&disk, &["/data/checkpoint-000000", "/data/wal"]);
    assert!(said.contains(gone), "{said}");
    // Not even after a clean stop is there a checkpoint without a segment after it.
    let disk = SimulatedDisk::default();
    let mut server = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new("/data"));
    server.register("ana");
    server.last_checkpoint();
    drop(server);
    assert_eq!(store(&disk).open(policy(), SIZES).unwrap().machine.stored.password_hashes().count(), 1);
    let said = refusal_without(&disk, &["/data/wal"]);
    assert!(said.starts_with("/data/wal/000002.csv: the file is missing"), "{said}");
}

#[test]
fn two_empty_directories_are_a_new_store() {
    let disk = SimulatedDisk::default();
    for directory in ["/data/wal", "/data/history"] {
        disk.create_dir(Path::new(directory)).unwrap();
    }
    assert_eq!(store(&disk).open(policy(), SIZES).unwrap().machine.stored.last.get(), 0);
}

#[test]
fn a_torn_last_batch_is_set_aside_and_said_so() {
    let disk = three_segments();
    disk.tamper(Path::new("/data/wal/000003.csv"), |content| {
        let last = content.iter().rposition(|byte| *byte != b'\n').unwrap();
        let sector = last / 512 - 10;
        content[512 * sector..512 * (sector + 1)].fill(b'\n');
    });
    let mut opened = store(&disk).open(policy(), SIZES).unwrap();
    let notice = opened.notice.take().expect("it has to be said");
    assert!(notice.contains("/data/wal/000003.csv") && notice.contains("-batch-7-1.broken"), "{notice}");
    assert_eq!(opened.machine.stored.last.get(), 5, "the batches before it are there");
    assert!(disk.exists(Path::new("/data/wal/000003-batch-7-1.broken")).unwrap());
    drop(opened);
    let again = store(&disk).open(policy(), SIZES).unwrap();
    assert_eq!((again.notice, again.machine.stored.last.get()), (None, 5), "it is not in the write-ahead log any more");
}
