//! A checkpoint that is interrupted between any two of its steps, or damaged anywhere.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::support::group_commit_harness::{GroupCommitHarness, SMALL};
use crate::support::intercepted_disk::{Hook, InterceptedDisk};
use crate::support::random::Random;
use crate::support::simulated_disk::{Fault, SimulatedDisk};
use wachat::disk::Disk;
use wachat::state_machine::Policy;
use wachat::store::Store;

const DATA: &str = "/data";

fn store(disk: &SimulatedDisk) -> Store {
    Store::new(Arc::new(disk.clone()), Path::new(DATA))
}

/// A correspondence with a checkpoint in the middle of it.
fn playing(disk: &SimulatedDisk) -> GroupCommitHarness {
    let mut server = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new(DATA));
    for name in ["ana", "luis", "eva"] {
        server.register(name);
    }
    for (from, to, text) in [("ana", "luis", "1"), ("luis", "ana", "2"), ("eva", "eva", "3"), ("ana", "#lobby", "3")] {
        server.send(from, to, text);
    }
    server.checkpoint();
    for (from, to, text) in
        [("ana", "luis", "4"), ("eva", "ana", "5"), ("luis", "#lobby", "5"), ("luis", "ana", &"6".repeat(3_000))]
    {
        server.send(from, to, text);
    }
    server
}

/// Up to which segment the next checkpoint is to be: one while the server runs, or the last one.
type Due = fn(&mut GroupCommitHarness) -> u64;

fn checkpoints_of_a_running_server(server: &mut GroupCommitHarness) -> u64 {
    server.close_segment();
    server.group_commit.wants_segment().expect("no spare") - 2
}

fn checkpoints_of_a_stopping_server(server: &mut GroupCommitHarness) -> u64 {
    server.group_commit.uncovered().expect("something new")
}

#[test]
fn a_checkpoint_that_is_interrupted_has_not_happened_or_has() {
    for due in [checkpoints_of_a_running_server as Due, checkpoints_of_a_stopping_server] {
        let disk = SimulatedDisk::default();
        let mut server = playing(&disk);
        let upto = due(&mut server);
        let before = disk.calls();
        server.store.checkpoint(upto).unwrap();
        let steps = disk.calls() - before;
        assert!(steps > 20, "{steps} steps");
        let mut made = 0;
        for step in 1..=steps {
            // Killed; then the power cut at that moment, with nothing, some or all of it on the disk.
            for share in [None, Some(0), Some(50), Some(100)] {
                made += u64::from(is_made(due, step, share));
            }
        }
        assert!(made > 0 && made < 4 * steps, "{made} of {}", 4 * steps);
    }
}

/// Interrupts a checkpoint. Returns whether it is made: only older files are left then.
fn is_made(due: Due, step: u64, share: Option<u64>) -> bool {
    let disk = SimulatedDisk::default();
    let mut server = playing(&disk);
    let upto = due(&mut server);
    disk.fail(disk.calls() + step, Fault::Stop);
    let is_made = server.store.checkpoint(upto).is_ok();
    drop(server);
    let mut random = Random::new(step);
    let disk = match share {
        Some(share) => disk.after_power_cut(|| random.chance(share)),
        None => {
            disk.heal();
            disk
        }
    };
    // It starts, knows every message and every id, and can make its next checkpoint.
    let mut server = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new(DATA));
    assert_eq!(server.group_commit.state().last.get(), 8, "step {step}, {share:?}");
    let (seq, _) = server.send_as("luis", "ana", "m2", "2");
    assert_eq!(seq, 2, "step {step}, {share:?}: the id is known");
    server.last_checkpoint();
    drop(server);
    let report = store(&disk).check().unwrap_or_else(|error| panic!("step {step}, {share:?}: {error}"));
    assert_eq!((report.damage.as_slice(), report.messages), ([].as_slice(), 8), "step {step}, {share:?}");
    is_made
}

#[test]
fn a_server_that_has_written_nothing_makes_no_checkpoint_when_it_stops() {
    let disk = SimulatedDisk::default();
    let mut server = playing(&disk);
    server.last_checkpoint();
    drop(server);
    let server = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new(DATA));
    assert_eq!(server.group_commit.uncovered(), None);
}

/// The tables of the only checkpoint.
fn tables(disk: &SimulatedDisk) -> Vec<PathBuf> {
    let names = disk.list(Path::new(DATA)).unwrap();
    let newest = names.iter().rfind(|name| name.starts_with("checkpoint-")).unwrap();
    let directory = Path::new(DATA).join(newest);
    disk.list(&directory).unwrap().into_iter().map(|name| directory.join(name)).collect()
}

#[test]
fn a_table_with_a_bit_turned_or_cut_anywhere_stops_the_start_and_is_named() {
    let disk = SimulatedDisk::default();
    let mut server = playing(&disk);
    server.last_checkpoint();
    drop(server);
    for table in tables(&disk) {
        let content = wachat::disk::read(&disk, &table).unwrap();
        for at in 0..content.len() {
            for bit in 0..8 {
                disk.tamper(&table, |content| content[at] ^= 1 << bit);
                refused(&disk, &table, &format!("bit {bit} of byte {at}"));
                disk.tamper(&table, |old| old.clone_from(&content));
            }
            disk.tamper(&table, |content| content.truncate(at));
            refused(&disk, &table, &format!("cut at {at}"));
            disk.tamper(&table, |old| old.clone_from(&content));
        }
    }
    store(&disk).open(Policy::default(), SMALL).map(drop).expect("as it was, it starts");
}

fn refused(disk: &SimulatedDisk, table: &Path, how: &str) {
    let error = store(disk).open(Policy::default(), SMALL).err().map(|error| error.to_string());
    let error = error.unwrap_or_else(|| panic!("{} with {how} was taken for good", table.display()));
    assert!(error.contains(&table.display().to_string()), "{how}: {error}");
}

const HISTORY: &str = "/data/history/direct-0-1.csv";

/// An error of a call says nothing about the file. It is not begun anew: that would empty it.
#[test]
fn a_history_file_that_cannot_be_opened_is_left_alone() {
    let disk = SimulatedDisk::default();
    let mut server = playing(&disk);
    let upto = checkpoints_of_a_stopping_server(&mut server);
    drop(server);
    let before = wachat::disk::read(&disk, Path::new(HISTORY)).unwrap();
    let hook: Hook = Arc::new(|what, path| match what {
        "open" if path == Path::new(HISTORY) => Err(std::io::Error::other("no more files can be opened")),
        _ => Ok(()),
    });
    let failing = InterceptedDisk { disk: disk.clone(), hook };
    let error = Store::new(Arc::new(failing), Path::new(DATA)).checkpoint(upto).expect_err("it has to be said");
    assert_eq!(error.path, Path::new(HISTORY), "{error}");
    assert!(wachat::disk::read(&disk, Path::new(HISTORY)).unwrap() == before, "it was changed");
    store(&disk).checkpoint(upto).expect("the next one is made");
    let report = store(&disk).check().unwrap();
    assert_eq!((report.damage.as_slice(), report.messages), ([].as_slice(), 8));
}

#[test]
fn what_an_interrupted_checkpoint_has_left_in_a_history_file_is_cut_off() {
    let disk = SimulatedDisk::default();
    let mut server = playing(&disk);
    let upto = checkpoints_of_a_stopping_server(&mut server);
    drop(server);
    // More than the rows that come in its place.
    disk.tamper(Path::new(HISTORY), |content| content.extend(b"half a row ".repeat(1_000)));
    assert_eq!(store(&disk).check().unwrap().notes.len(), 1);
    store(&disk).checkpoint(upto).unwrap();
    let report = store(&disk).check().unwrap();
    assert!(report.damage.is_empty() && report.notes.is_empty(), "{report:?}");
}

#[test]
fn the_size_of_a_checkpoint_is_that_of_its_tables() {
    let disk = SimulatedDisk::default();
    let mut server = playing(&disk);
    let upto = checkpoints_of_a_stopping_server(&mut server);
    drop(server);
    let made = store(&disk).checkpoint(upto).unwrap();
    let size = |table: &PathBuf| wachat::disk::read(&disk, table).unwrap().len() as u64;
    let sizes: u64 = tables(&disk).iter().map(size).sum();
    let opened = store(&disk).open(Policy::default(), SMALL).unwrap();
    assert_eq!((made.bytes, opened.checkpoint_bytes), (sizes, sizes));
}
