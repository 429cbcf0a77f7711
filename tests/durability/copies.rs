//! Backups: what they wait for and refuse, and the detection of a missing part.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::group_commit_harness::GroupCommitHarness;
use crate::support::intercepted_disk::{Hook, InterceptedDisk};
use crate::support::simulated_disk::SimulatedDisk;
use crate::support::store_files::read_files;
use wachat::disk::Disk;
use wachat::store::Store;

const DATA: &str = "/data";
const BACKUP: &str = "/backup";
const RESTORED: &str = "/restored";

/// The segment after the checkpoint.
const SEGMENT: &str = "/data/wal/000002.csv";

fn store(disk: &SimulatedDisk, directory: &str) -> Store {
    Store::new(Arc::new(disk.clone()), Path::new(directory))
}

/// A store with a message in its checkpoint and two in the log.
fn played() -> SimulatedDisk {
    let disk = SimulatedDisk::default();
    let mut playing = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new(DATA));
    ["ana", "luis"].iter().for_each(|name| playing.register(name));
    playing.send("ana", "luis", "uno");
    playing.checkpoint();
    playing.send("ana", "luis", "dos");
    playing.send("ana", "luis", "tres");
    disk
}

/// While a batch is being written, a reader can see a later piece of the file and not yet an earlier one.
#[test]
fn a_segment_that_looks_damaged_for_a_moment_is_copied_again() {
    for (moments, is_waited_for) in [(0, true), (1, true), (5, true), (6, false), (1_000, false)] {
        let disk = played();
        let looks = AtomicUsize::new(0);
        let changing = disk.clone();
        let whole = read_files(&disk, DATA)[Path::new(SEGMENT)].clone();
        let hook: Hook = Arc::new(move |what, path| {
            if what == "open" && path == Path::new(SEGMENT) {
                let is_damaged = looks.fetch_add(1, Ordering::Relaxed) < moments;
                changing.tamper(path, |content| {
                    content.clone_from(&whole);
                    // In the first of two batches.
                    let at = content.windows(3).position(|text| text == b"dos").expect("a message");
                    content[at] ^= u8::from(is_damaged);
                });
            }
            Ok(())
        });
        let made = Store::new(Arc::new(InterceptedDisk { disk: disk.clone(), hook }), Path::new(DATA))
            .backup(Path::new(BACKUP));
        assert_eq!(made.is_ok(), is_waited_for, "{moments} moments: {made:?}");
        assert_eq!(disk.exists(Path::new(BACKUP)).unwrap(), is_waited_for, "{moments} moments");
    }
}

#[test]
fn a_store_that_has_lost_a_part_is_still_called_a_store() {
    for (lost, said) in [
        ("/data/checkpoint-000001", "/data: there was a store here, and its checkpoint is gone"),
        ("/data/wal", "/data/wal: the file is missing"),
    ] {
        let disk = played();
        disk.remove_dir(Path::new(lost)).unwrap();
        let error = store(&disk, DATA).backup(Path::new(BACKUP)).expect_err(lost).to_string();
        assert!(error.starts_with(said), "{error}");
    }
}

/// In a store the last batch may be torn. In a backup it was whole.
#[test]
fn a_backup_whose_last_batch_is_torn_is_damaged() {
    let disk = played();
    store(&disk, DATA).backup(Path::new(BACKUP)).expect("a backup");
    disk.tamper(Path::new("/backup/wal/000002.csv"), |content| {
        let mark = content.windows(6).rposition(|six| six == b"COMMIT").expect("a batch");
        content[mark..].fill(b'\n');
    });
    let damage = store(&disk, BACKUP).check().expect("a backup").damage;
    let [said] = &damage[..] else { panic!("{damage:?}") };
    assert!(said.starts_with("/backup/wal: the backup went to number 3 and batch 5, and"), "{said}");
    assert!(said.ends_with("ends at number 2 and batch 4"), "{said}");
    let refused = store(&disk, RESTORED).restore(&store(&disk, BACKUP)).expect_err("damaged").to_string();
    assert!(refused.ends_with(said) && !disk.exists(Path::new(RESTORED)).unwrap(), "{refused}");
}
