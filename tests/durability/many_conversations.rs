//! A checkpoint with more history files than are synced one by one: all of them are synced at once.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use crate::support::group_commit_harness::{GroupCommitHarness, Sent};
use crate::support::random::Random;
use crate::support::simulated_disk::{Fault, SimulatedDisk};
use wachat::disk::{Disk, RealDisk};
use wachat::store::Row;

const DATA: &str = "/data";

const USERS: [&str; 13] = [
    "user0", "user1", "user2", "user3", "user4", "user5", "user6", "user7", "user8", "user9", "usera", "userb", "userc",
];

/// Calls of a checkpoint from one that fails to the next.
const STEP: usize = 7;

/// A message between any two users, and one of each to nobody else: 91 conversations, in a closed segment.
fn played(disk: &SimulatedDisk) -> GroupCommitHarness {
    let mut playing = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new(DATA));
    USERS.iter().for_each(|name| playing.register(name));
    for (index, from) in USERS.iter().enumerate() {
        for to in &USERS[index..] {
            playing.send(from, to, "hola");
        }
    }
    playing.close_segment();
    playing
}

fn check(disk: &SimulatedDisk, sent: &[Sent], how: &str) {
    let mut playing = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new(DATA));
    let store = playing.store.clone();
    let mut texts = 0;
    for (id, filed) in playing.group_commit.state().filed_conversations() {
        let participants = playing.group_commit.state().participants(id);
        let file = store.history(id, &participants, filed).expect("a file");
        let file = file.unwrap_or_else(|| panic!("{how}: {id} is not there"));
        let rows = file.newest_first(None).expect("rows");
        let rows = rows.filter(|row| matches!(row, Ok(Row::Message(_)))).count();
        assert_eq!(rows as u64, filed.rows, "{how}: {id} is not there");
        texts += rows;
    }
    texts += playing.group_commit.state().pending_history().map(|(_, _, rows)| rows.len()).sum::<usize>();
    assert_eq!(texts, sent.len(), "{how}");
    for one in [&sent[0], &sent[sent.len() - 1]] {
        assert_eq!(playing.send_as(one.from, one.to, &one.id, &one.text).0, one.seq, "{how}: a message is not there");
    }
}

#[test]
fn all_are_there_wherever_a_checkpoint_is_cut() {
    let mut random = Random::new(1);
    let mut calls = (1..).step_by(STEP);
    let mut is_done = false;
    while !is_done {
        let call = calls.next().expect("a call");
        let disk = SimulatedDisk::default();
        let playing = played(&disk);
        let upto = playing.group_commit.wants_segment().expect("no spare") - 2;
        disk.fail(
            disk.calls() + call,
            if call % 2 == 0 { Fault::Stop } else { Fault::Error(std::io::ErrorKind::Other) },
        );
        // After its commit point it does not fail.
        let _ = playing.store.checkpoint(upto);
        is_done = !disk.has_failed();
        let GroupCommitHarness { sent, group_commit, .. } = playing;
        drop(group_commit);
        disk.check_after_each_end(&mut random, &format!("call {call}"), |disk, how| check(disk, &sent, how));
    }
}

#[test]
fn a_failed_sync_of_all_is_a_failed_checkpoint() {
    let disk = SimulatedDisk::default();
    let directory = Path::new("/a");
    disk.create_dir(directory).expect("a directory");
    let all = disk.open_to_sync(directory).expect("a directory").expect("a disk that syncs all files at once");
    disk.create(&directory.join("b")).expect("a file").write_at(b"hola", 0).expect("to write");
    disk.fail(disk.calls() + 1, Fault::Error(std::io::ErrorKind::Other));
    all.sync_all().expect_err("it fails");
    all.sync_all().expect("the next one works");
    disk.sync_dir(directory).expect("to sync");
    disk.sync_dir(Path::new("/")).expect("to sync");
    let after = disk.after_power_cut(|| false);
    assert_eq!(wachat::disk::read(&after, &directory.join("b")).expect("a file"), b"", "no later sync makes it good");
}

#[test]
#[cfg(target_os = "linux")]
fn linux_syncs_all_at_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let all = RealDisk.open_to_sync(directory.path()).expect("a directory").expect("Linux 5.8 or newer");
    File::create(directory.path().join("a")).expect("a file");
    all.sync_all().expect("to sync");
    assert!(RealDisk.open_to_sync(&directory.path().join("b")).is_err(), "it is not there");
}
