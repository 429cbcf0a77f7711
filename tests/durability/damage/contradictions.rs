//! Files that are whole by themselves, and are not what they should be: of another checkpoint, with a row too few or
//! too many, or of another conversation. A defect or a person who copies files would leave them so.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::support::group_commit_harness::{GroupCommitHarness, SMALL};
use crate::support::simulated_disk::SimulatedDisk;
use crate::support::store_files::{read_files, replace_in_table};
use wachat::disk::{Disk, read, write};
use wachat::state_machine::Policy;
use wachat::store::Store;

const DATA: &str = "/data";
const BACKUP: &str = "/backup";
const TABLES: &str = "/data/checkpoint-000001";

fn store(disk: &SimulatedDisk) -> Store {
    Store::new(Arc::new(disk.clone()), Path::new(DATA))
}

/// A store with a checkpoint of some messages, and two in the log.
fn played() -> SimulatedDisk {
    let disk = SimulatedDisk::default();
    let mut server = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new(DATA));
    ["ana", "luis", "eva"].iter().for_each(|name| server.register(name));
    for (from, to) in [("ana", "luis"), ("luis", "ana"), ("eva", "#lobby"), ("ana", "luis")] {
        server.send(from, to, "hola");
    }
    server.checkpoint();
    server.send("ana", "luis", "in the log");
    server.send("eva", "luis", "in the log");
    disk
}

fn change(disk: &SimulatedDisk, table: &str, old: &str, new: &str) {
    disk.tamper(&Path::new(TABLES).join(table), |content| {
        let text = String::from_utf8(content.clone()).expect("text");
        *content = replace_in_table(&text, old, new).into_bytes();
    });
}

fn content(disk: &SimulatedDisk, path: &str) -> String {
    String::from_utf8(read(disk, Path::new(path)).expect("a file")).expect("text")
}

/// A start, a check and a backup refuse it with these words at the beginning, and change nothing.
#[track_caller]
fn assert_refused_by_all(disk: &SimulatedDisk, start: &str) {
    let before = read_files(disk, DATA);
    let damage = store(disk).check().expect("a report").damage;
    assert!(damage.iter().any(|line| line.starts_with(start)), "check: {damage:?}");
    let refused = store(disk).open(Policy::default(), SMALL).err().map(|error| error.to_string());
    assert!(refused.as_ref().is_some_and(|said| said.starts_with(start)), "a start: {refused:?}");
    let refused = store(disk).backup(Path::new(BACKUP)).err().map(|error| error.to_string());
    assert!(refused.as_ref().is_some_and(|said| said.starts_with(start)), "a backup: {refused:?}");
    assert!(!disk.exists(Path::new(BACKUP)).expect("an answer"), "a backup was left");
    assert!(read_files(disk, DATA) == before, "something was changed");
}

#[test]
fn a_checkpoint_with_the_number_of_another_one_is_refused() {
    for name in ["checkpoint-000000", "checkpoint-000002", "checkpoint-000009"] {
        let disk = played();
        disk.rename(Path::new(TABLES), &Path::new(DATA).join(name)).expect("to rename");
        let what = "this is not the checkpoint that its directory is named for";
        assert_refused_by_all(&disk, &format!("{DATA}/{name}/store.csv line 3: {what}"));
    }
}

#[test]
fn a_checkpoint_whose_store_has_no_row_is_refused() {
    let disk = played();
    let table = content(&disk, "/data/checkpoint-000001/store.csv");
    let row = format!("{}\n", table.lines().nth(2).expect("a row"));
    change(&disk, "store.csv", &row, "");
    assert_refused_by_all(&disk, "/data/checkpoint-000001/store.csv line 3: ");
    // Not even under the number that a checkpoint without a row would have.
    disk.rename(Path::new(TABLES), Path::new("/data/checkpoint-000000")).expect("to rename");
    assert_refused_by_all(&disk, "/data/checkpoint-000000/store.csv line 3: ");
}

#[test]
fn a_table_that_is_not_utf_8_is_refused() {
    let disk = played();
    disk.tamper(&Path::new(TABLES).join("users.csv"), |content| {
        let end = content.windows(5).rposition(|bytes| bytes == b"\nend;").expect("an end") + 1;
        content.truncate(end);
        content[end - 20] = 0xff;
        let end = format!("end;3;{:08x}\n", crc32fast::hash(content));
        content.extend(end.bytes());
    });
    assert_refused_by_all(&disk, "/data/checkpoint-000001/users.csv line ");
}

/// The tables of a backup contradict the history: only the whole verification notices it.
#[test]
fn a_store_whose_tables_contradict_its_history_is_not_backed_up() {
    let disk = played();
    change(&disk, "offline.csv", "luis;1;MSG;ana;", "luis;1;MSG;eva;");
    let said = store(&disk).backup(Path::new(BACKUP)).expect_err("it has to be refused").to_string();
    assert!(said.starts_with("/backup: this backup is damaged and cannot be used\nwachat: "), "{said}");
    assert!(said.contains("direct-0-1.csv line 3: not the message that offline.csv has under this number"), "{said}");
    assert!(!disk.exists(Path::new(BACKUP)).expect("an answer"), "it was left");
}

/// Replaces columns in the row of a conversation.
fn forge_conversation(disk: &SimulatedDisk, name: &str, columns: &[(usize, String)]) {
    let table = content(disk, "/data/checkpoint-000001/conversations.csv");
    let row = table.lines().find(|row| row.starts_with(&format!("{name};"))).expect("a row");
    let mut forged: Vec<_> = row.split(';').map(str::to_owned).collect();
    columns.iter().for_each(|(column, field)| forged[*column].clone_from(field));
    change(disk, "conversations.csv", row, &forged.join(";"));
}

/// The number of the rows and the number of the last one are in the table: each alone tells.
#[test]
fn a_history_file_with_other_rows_than_its_table_says_is_damage() {
    for (columns, said) in [
        (vec![(4, "2".to_owned())], "the last of 3 rows is 4, and should be 4, the last of 2"),
        (vec![(4, "4".to_owned())], "the last of 3 rows is 4, and should be 4, the last of 4"),
        (vec![(3, "3".to_owned())], "number 4 is past the last, 3"),
        // A number that is of another conversation.
        (vec![(3, "5".to_owned())], "the last of 3 rows is 4, and should be 5, the last of 3"),
    ] {
        let disk = played();
        if said.contains("should be 5") {
            change(&disk, "store.csv", ";4;1;", ";5;1;");
        }
        forge_conversation(&disk, "direct-0-1", &columns);
        let damage = store(&disk).check().expect("a report").damage;
        let want = format!("/data/history/direct-0-1.csv line 5: {said}");
        assert!(damage.contains(&want), "{columns:?}: {damage:?}");
    }
}

/// A file whose last row is gone, and whose length, checksum and number of rows fit what is left.
#[test]
fn a_history_file_without_its_last_row_is_damage_although_all_else_fits() {
    let disk = played();
    let path = Path::new("/data/history/direct-0-1.csv");
    disk.tamper(path, |content| {
        let end = content[..content.len() - 1].iter().rposition(|byte| *byte == b'\n').expect("a row") + 1;
        content.truncate(end);
    });
    let left = read(&disk, path).expect("the file");
    let columns = [(1, left.len().to_string()), (2, format!("{:08x}", crc32fast::hash(&left))), (4, "2".to_owned())];
    forge_conversation(&disk, "direct-0-1", &columns);
    let damage = store(&disk).check().expect("a report").damage;
    let want = "/data/history/direct-0-1.csv line 4: the last of 2 rows is 2, and should be 4, the last of 2";
    assert!(damage.contains(&want.to_owned()), "{damage:?}");
}

/// A begun backup or restore, and a user of the directory, are looked for before anything is read.
#[test]
fn what_is_begun_or_used_is_refused_by_each_command_and_not_changed() {
    let refusal = |disk: &SimulatedDisk, said: &str, check: bool| {
        let before = read_files(disk, DATA);
        let one = |result: Result<(), wachat::store::StoreError>, who: &str| {
            let error = result.err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.starts_with(said), "{who}: {error:?} does not start with {said:?}");
        };
        one(store(disk).open(Policy::default(), SMALL).map(drop), "a start");
        one(store(disk).backup(Path::new(BACKUP)).map(drop), "a backup");
        if check {
            one(store(disk).check().map(drop), "check");
        }
        assert!(read_files(disk, DATA) == before, "{said}: something was changed");
        assert!(!disk.exists(Path::new(BACKUP)).expect("an answer"), "{said}: a backup was left");
    };
    let disk = played();
    write(&disk, Path::new("/data/backup.new"), b"").expect("to write");
    refusal(&disk, "/data: this is a backup, or the beginning of one; put it back with wachat restore", false);
    let said = store(&disk).check().expect_err("a begun backup").to_string();
    assert!(said.starts_with("/data: this is no whole backup: there is no backup.csv"), "{said}");

    let disk = played();
    write(&disk, Path::new("/data/restore.new"), b"").expect("to write");
    assert_eq!(store(&disk).check().expect("a store").notes.len(), 1, "with a checkpoint it is whole");
    disk.remove_dir(Path::new(TABLES)).expect("to remove it");
    refusal(&disk, "/data: a restore into this directory was interrupted; run the same wachat restore again", true);
}

#[test]
fn a_second_backup_into_a_folder_waits_for_the_first_one() {
    let disk = played();
    let keep = std::num::NonZeroUsize::MIN;
    disk.create_dir(Path::new("/folder")).expect("a directory");
    let held = disk.lock(&PathBuf::from("/folder/lock")).expect("a lock");
    let refused = store(&disk).backup_into(Path::new("/folder"), keep).err().map(|error| error.to_string());
    let said = "/folder: another wachat makes a backup in this folder; wait for its end, or name another folder";
    assert_eq!(refused.as_deref(), Some(said));
    drop(held);
    store(&disk).backup_into(Path::new("/folder"), keep).expect("it has ended");
}
