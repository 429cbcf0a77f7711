//! A table that several threads parse: its rows keep their order, and a damaged one is named.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::support::group_commit_harness::{GroupCommitHarness, SMALL, user};
use crate::support::simulated_disk::SimulatedDisk;
use crate::support::store_files::{read_files, replace_in_table};
use wachat::state_machine::{Command, Policy};
use wachat::store::Store;

const USERS: usize = 4_000;

/// A store whose table of users is about a megabyte.
fn played(disk: &SimulatedDisk) {
    let mut playing = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new("/data"));
    for number in 0..USERS {
        let password_hash = "x".repeat(200).as_str().into();
        playing.request(Command::Register { name: user(&format!("user{number}")), password_hash });
    }
    playing.last_checkpoint();
}

/// The table of users, and its text.
fn users(disk: &SimulatedDisk) -> (PathBuf, String) {
    let files = read_files(disk, "/data");
    let (path, bytes) = files.into_iter().find(|(path, _)| path.ends_with("users.csv")).expect("the table");
    (path, String::from_utf8(bytes).expect("a text"))
}

#[test]
fn its_rows_keep_their_order_and_a_damaged_one_is_named() {
    let disk = SimulatedDisk::default();
    played(&disk);
    let store = Store::new(Arc::new(disk.clone()), Path::new("/data"));
    let opened = store.open(Policy::default(), SMALL).expect("a store");
    let names = opened.machine.stored.accounts().map(|row| row.name.to_string());
    assert!(names.eq((0..USERS).map(|number| format!("user{number}"))), "the order has changed");
    drop(opened);
    let (path, content) = users(&disk);
    for damaged in [0, 1, 1_500, USERS - 1] {
        let row = format!("\nuser{damaged};");
        disk.tamper(&path, |bytes| {
            *bytes = replace_in_table(&content, &row, &format!("\nus;er{damaged};")).into_bytes()
        });
        let error = store.open(Policy::default(), SMALL).err().expect("a damaged row").to_string();
        // After the version and the names of the columns.
        let line = damaged + 3;
        assert!(error.contains(&format!("line {line}: not a row of this table")), "{error}");
        // A checksum that does not fit either is told first.
        disk.tamper(&path, |bytes| *bytes = content.replacen(&row, &format!("\nus;er{damaged};"), 1).into_bytes());
        let error = store.open(Policy::default(), SMALL).err().expect("a damaged row").to_string();
        assert!(error.contains("the checksum does not fit"), "{error}");
    }
    disk.tamper(&path, |bytes| *bytes = content.into_bytes());
    store.open(Policy::default(), SMALL).expect("as it was, it starts");
}

/// No row is as long as a block: what is must not be read into memory as a whole.
#[test]
fn a_line_without_end_is_damage() {
    let disk = SimulatedDisk::default();
    played(&disk);
    let (path, content) = users(&disk);
    disk.tamper(&path, |bytes| *bytes = content.replace("\nuser", " user").into_bytes());
    let store = Store::new(Arc::new(disk), Path::new("/data"));
    let error = store.open(Policy::default(), SMALL).err().expect("a damaged table").to_string();
    assert!(error.contains("users.csv") && error.contains("the checksum does not fit"), "{error}");
}
