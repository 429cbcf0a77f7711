//! The simulated disk keeps what its rules say, and nothing beyond.

use std::io;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::support::simulated_disk::{Fault, SimulatedDisk};
use wachat::disk::{Disk, RealDisk, read};

const FILE: &str = "/a";

fn content(disk: &SimulatedDisk) -> Vec<u8> {
    read(disk, Path::new(FILE)).unwrap()
}

/// A disk with a durable file of one sector of `a`.
fn with_a_sector() -> SimulatedDisk {
    let disk = SimulatedDisk::default();
    let file = disk.create(Path::new(FILE)).unwrap();
    file.write_at(&[b'a'; 512], 0).unwrap();
    file.sync().unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    disk
}

#[test]
fn synced_bytes_survive_and_unsynced_ones_may_be_lost() {
    let disk = with_a_sector();
    let file = disk.open(Path::new(FILE)).unwrap();
    file.write_at(&[b'b'; 512], 0).unwrap();
    assert_eq!(content(&disk.after_power_cut(|| false)), [b'a'; 512]);
    assert_eq!(content(&disk.after_power_cut(|| true)), [b'b'; 512]);
    file.sync().unwrap();
    assert_eq!(content(&disk.after_power_cut(|| false)), [b'b'; 512]);
}

#[test]
fn a_sync_that_failed_is_not_made_good_by_a_later_one() {
    let disk = with_a_sector();
    let file = disk.open(Path::new(FILE)).unwrap();
    file.write_at(&[b'b'; 512], 0).unwrap();
    disk.fail(disk.calls() + 1, Fault::Error(io::ErrorKind::Other));
    file.sync().unwrap_err();
    file.write_at(&[b'c'; 512], 512).unwrap();
    file.sync().unwrap();
    assert_eq!(content(&disk)[..512], [b'b'; 512], "the cache has it");
    let after = content(&disk.after_power_cut(|| false));
    assert_eq!(after[..512], [b'a'; 512], "the disk has not");
    assert_eq!(after[512..], [b'c'; 512], "what was written since, it has");
    // Written again, it is as good as anything.
    file.write_at(&[b'b'; 512], 0).unwrap();
    file.sync().unwrap();
    assert_eq!(content(&disk.after_power_cut(|| false))[..512], [b'b'; 512]);
}

#[test]
fn a_name_is_durable_with_its_directory_only() {
    let disk = with_a_sector();
    disk.rename(Path::new(FILE), Path::new("/b")).unwrap();
    assert!(disk.after_power_cut(|| false).exists(Path::new(FILE)).unwrap());
    disk.sync_dir(Path::new("/")).unwrap();
    assert!(disk.after_power_cut(|| false).exists(Path::new("/b")).unwrap());
}

/// Between its fork and its exec, a process has a copy of every descriptor.
#[test]
fn a_lock_ends_with_its_owner_also_while_other_threads_start_processes() {
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("lock");
    let starting = AtomicBool::new(true);
    thread::scope(|scope| {
        scope.spawn(|| {
            (0..300).for_each(|_| _ = Command::new("true").status().unwrap());
            starting.store(false, Ordering::Release);
        });
        let mut locked = 0;
        while starting.load(Ordering::Acquire) {
            drop(RealDisk.lock(&path).unwrap_or_else(|error| panic!("locked {locked} times, then: {error}")));
            locked += 1;
        }
    });
}
