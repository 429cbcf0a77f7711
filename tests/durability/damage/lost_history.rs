//! A history file that is lost or too short is made as long as it was by the next checkpoint: with zero bytes and a
//! line feed where rows were, and the next rows after them. Rows from a backup can be put back into their place.

use std::path::Path;
use std::sync::Arc;

use crate::support::group_commit_harness::GroupCommitHarness;
use crate::support::simulated_disk::SimulatedDisk;
use wachat::disk::{Disk, read};
use wachat::store::Store;

const FILE: &str = "/data/history/direct-0-1.csv";

fn store(disk: &SimulatedDisk) -> Store {
    Store::new(Arc::new(disk.clone()), Path::new("/data"))
}

fn content(disk: &SimulatedDisk) -> Vec<u8> {
    read(disk, Path::new(FILE)).expect("the file")
}

#[test]
fn what_is_lost_of_a_file_is_filled_up_and_can_be_put_back() {
    let begin = SimulatedDisk::default();
    let mut server = GroupCommitHarness::start(Arc::new(begin.clone()), Path::new("/data"));
    ["ana", "luis"].iter().for_each(|name| server.register(name));
    for text in ["uno", "dos", "tres"] {
        server.send("ana", "luis", text);
    }
    server.checkpoint();
    let before = content(&begin);
    for text in ["cuatro", "cinco"] {
        server.send("luis", "ana", text);
    }
    server.close_segment();
    let upto = server.group_commit.wants_segment().expect("no spare") - 2;
    drop(server);
    let whole = begin.after_power_cut(|| true);
    store(&whole).checkpoint(upto).expect("a checkpoint");
    let after = content(&whole);
    let head = before.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(1).expect("two lines").0 + 1;
    // Without the file, and with many lengths of it.
    let lengths =
        (0..=before.len()).filter(|length| length % 9 == 0 || length.abs_diff(head) < 3 || before.len() - length < 4);
    for length in std::iter::once(None).chain(lengths.map(Some)) {
        let disk = begin.after_power_cut(|| true);
        match length {
            None => disk.remove_file(Path::new(FILE)).expect("to remove it"),
            Some(length) => disk.tamper(Path::new(FILE), |content| content.truncate(length)),
        }
        store(&disk).checkpoint(upto).unwrap_or_else(|error| panic!("{length:?}: {error}"));
        let mut want = before.clone();
        // The head is known.
        let lost = length.unwrap_or(head);
        if lost < before.len() {
            want[lost..].fill(0);
            want[before.len() - 1] = b'\n';
        }
        want.extend_from_slice(&after[before.len()..]);
        assert!(content(&disk) == want, "{length:?}: {}", String::from_utf8_lossy(&content(&disk)));
        let damage = store(&disk).check().expect("a report").damage;
        let is_said = damage.iter().any(|line| line.starts_with(&format!("{FILE} line ")));
        // A line feed alone is put back as it was.
        assert_eq!(is_said, lost < before.len() - 1, "{length:?}: {damage:?}");
        disk.tamper(Path::new(FILE), |content| content[..before.len()].copy_from_slice(&before));
        let report = store(&disk).check().expect("a report");
        assert!(report.damage.is_empty() && report.messages == 5, "{length:?}: {report:?}");
    }
}
