//! Numbers of segments and checkpoints: they go on past six digits, where names are in another order than numbers; a
//! recovery counts what is closed; and nothing that was set aside is written over.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::support::group_commit_harness::{GroupCommitHarness, SMALL};
use crate::support::random::Random;
use crate::support::simulated_disk::SimulatedDisk;
use crate::support::store_files::{read_files, replace_in_table};
use wachat::disk::{Disk, RealDisk, read, write};
use wachat::state_machine::Policy;
use wachat::store::Store;
use wachat::wal::{Location, Wal, inspect, make_segment, recover, replay_closed};

const DATA: &str = "/data";

fn store(disk: &SimulatedDisk, directory: &str) -> Store {
    Store::new(Arc::new(disk.clone()), Path::new(directory))
}

/// A store whose checkpoint has nearly the last number of six digits.
fn old_store() -> SimulatedDisk {
    let disk = SimulatedDisk::default();
    let mut server = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new(DATA));
    ["ana", "luis"].iter().for_each(|name| server.register(name));
    server.last_checkpoint();
    let owner = server.group_commit.state().store.clone();
    drop(server);
    let table = PathBuf::from("/data/checkpoint-000001/store.csv");
    disk.tamper(&table, |content| {
        let text = String::from_utf8(content.clone()).expect("text");
        *content = replace_in_table(&text, ";0;1;", ";0;999997;").into_bytes();
    });
    let [old, new] = ["/data/checkpoint-000001", "/data/checkpoint-999997"].map(Path::new);
    disk.rename(old, new).expect("to rename");
    let location = Location { disk: Arc::new(disk.clone()), directory: "/data/wal".into(), owner };
    location.remove_upto(2).expect("to remove them");
    drop(make_segment(&location, 999_998, SMALL.segment_bytes).expect("a segment"));
    disk.sync_dir(Path::new(DATA)).expect("to sync");
    disk
}

#[test]
fn a_store_goes_on_past_its_millionth_segment() {
    let disk = old_store();
    let mut sent = 0;
    for round in 0..6 {
        let mut server = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new(DATA));
        assert_eq!(server.group_commit.state().last.get(), sent, "round {round}");
        for _ in 0..3 {
            server.send_as("ana", "luis", &format!("m{sent}"), "hola");
            server.close_segment();
            sent += 1;
        }
        if round % 2 == 1 {
            server.checkpoint();
        }
        drop(server);
        let report = store(&disk, DATA).check().expect("a report");
        assert!(report.damage.is_empty() && report.notes.is_empty(), "round {round}: {report:?}");
        assert_eq!((report.last.get(), report.messages), (sent, sent), "round {round}");
        let [backup, restored] = [format!("/backup-{round}"), format!("/restored-{round}")];
        store(&disk, DATA).backup(Path::new(&backup)).expect("a backup");
        let told = store(&disk, &restored).restore(&store(&disk, &backup)).expect("a store");
        assert_eq!((told.last.get(), told.messages), (sent, sent), "round {round}");
    }
    let names: Vec<_> = disk.list(Path::new(DATA)).expect("names");
    let checkpoints: Vec<_> = names.iter().filter(|name| name.starts_with("checkpoint-")).collect();
    assert_eq!(checkpoints.len(), 1, "{names:?}");
    assert!(checkpoints[0].len() > "checkpoint-999999".len(), "{names:?}");
}

fn location(disk: &SimulatedDisk) -> Location {
    Location { disk: Arc::new(disk.clone()), directory: "/wal".into(), owner: "test".into() }
}

/// A log of segments from this number on, with a batch of two lines in each.
fn log_from(first: u64, count: u64) -> SimulatedDisk {
    let disk = SimulatedDisk::default();
    disk.create_dir(Path::new("/wal")).expect("a directory");
    let at = location(&disk);
    let mut wal = Wal::new(make_segment(&at, first, 1_024).expect("a segment"), None, 1);
    for number in first..first + count {
        if number > first {
            wal.give_spare(make_segment(&at, number, 1_024).expect("a segment"));
            wal.switch().expect("a spare segment");
        }
        wal.append(|batch| batch.extend(format!("one {number}\ntwo {number}\n").bytes()));
        wal.commit().expect("a commit");
    }
    disk
}

#[test]
fn segments_are_read_and_removed_by_their_numbers_and_not_by_their_names() {
    let first = 999_997;
    let count = 8;
    let disk = log_from(first, count);
    let at = location(&disk);
    // Files that are no segments.
    for name in ["000001-batch-1-1.broken", "notes.csv.txt", "x.csv", ".csv", "1000001.new", "1000001"] {
        write(&disk, &Path::new("/wal").join(name), b"x").expect("to write");
    }
    for after in first - 1..first + count {
        let above: Vec<_> = (after + 1..first + count).collect();
        assert_eq!(at.segments_above(after).expect("numbers"), above);
        let next_batch = after + 2 - first;
        let mut lines = Vec::new();
        let mut note = |line: &[u8]| {
            lines.push(String::from_utf8_lossy(line).into_owned());
            Ok(())
        };
        let read = inspect(&at, after, next_batch, &mut note).expect("a whole log");
        assert_eq!(
            (read.segments, read.bytes, read.next_batch),
            (above.len() as u64, 1_024 * above.len() as u64, count + 1)
        );
        let want: Vec<_> = above.iter().flat_map(|number| [format!("one {number}"), format!("two {number}")]).collect();
        assert_eq!(lines, want, "after {after}");
        for upto in after..first + count {
            let next = replay_closed(&at, after, upto, next_batch, &mut |_: &[u8]| Ok(())).expect("closed segments");
            assert_eq!(next, next_batch + (upto - after), "after {after} up to {upto}");
        }
    }
    let upto = first + 4;
    let recovered = recover(&at, upto, 6, 1_024, &mut |_: &[u8]| Ok(())).expect("a log");
    assert_eq!(recovered.wal.segment(), first + count - 1);
    assert_eq!(at.segments_above(0).expect("numbers"), (upto + 1..first + count).collect::<Vec<_>>());
    assert!(!disk.exists(Path::new("/wal/1000001.new")).expect("an answer"), "it was never finished");
    for name in ["000001-batch-1-1.broken", "notes.csv.txt", "x.csv", ".csv", "1000001"] {
        assert!(disk.exists(&Path::new("/wal").join(name)).expect("an answer"), "{name}");
    }
}

/// A crash while a torn batch is set aside may leave it again, with fewer bytes.
#[test]
fn what_was_set_aside_before_is_not_written_over() {
    let disk = log_from(1, 2);
    let segment = Path::new("/wal/000002.csv");
    let content = read(&disk, segment).expect("a segment");
    let mark = content.windows(7).position(|bytes| bytes == b"COMMIT;").expect("a mark");
    let mut aside = Vec::new();
    for round in 1..=4 {
        disk.tamper(segment, |now| {
            now.clone_from(&content);
            now[mark + round..].fill(b'\n');
        });
        let torn = recover(&location(&disk), 0, 1, 1_024, &mut |_: &[u8]| Ok(()))
            .expect("a log")
            .torn_tail
            .expect("a torn batch");
        let copy = PathBuf::from(format!("/wal/000002-batch-2-{round}.broken"));
        assert_eq!((torn.moved_to.as_ref(), torn.batch, torn.line), (Some(&copy), 2, 2));
        let begin = mark - "one 2\ntwo 2\n".len();
        aside.push((copy, content[begin..mark + round].to_vec()));
        for (copy, bytes) in &aside {
            assert_eq!(&read(&disk, copy).expect("a copy"), bytes, "round {round}: {}", copy.display());
        }
    }
}

/// The bytes of the closed segments decide when a checkpoint is due: a restart does not forget them.
#[test]
fn a_start_counts_what_the_closed_segments_hold() {
    let mut random = Random::new(4);
    for round in 0..20 {
        let disk = SimulatedDisk::default();
        let mut server = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new(DATA));
        server.register("ana");
        for _ in 0..random.below(12) {
            match random.below(4) {
                0 => server.close_segment(),
                1 if round % 2 == 0 => server.checkpoint(),
                _ => _ = server.send("ana", "ana", &"x".repeat(1 + random.below(900) as usize)),
            }
        }
        drop(server);
        let written = |content: &Vec<u8>| content.iter().rposition(|byte| *byte != b'\n').map_or(0, |at| at as u64 + 2);
        let ends: Vec<_> = read_files(&disk, "/data/wal").into_values().collect();
        let last = ends.iter().rposition(|content| has_batch(content)).unwrap_or(0);
        let closed: u64 = ends.iter().take(last).map(written).sum();
        let opened = store(&disk, DATA).open(Policy::default(), SMALL).expect("a store");
        assert_eq!(opened.closed_bytes, closed, "round {round}");
        assert_eq!(opened.checkpoint_bytes, tables_bytes(&disk), "round {round}");
    }
}

fn has_batch(content: &[u8]) -> bool {
    content.windows(8).any(|bytes| bytes == b"\nCOMMIT;")
}

fn tables_bytes(disk: &SimulatedDisk) -> u64 {
    let tables = read_files(disk, DATA).into_iter().filter(|(path, _)| path.to_string_lossy().contains("/checkpoint-"));
    tables.map(|(_, content)| content.len() as u64).sum()
}

/// A checkpoint that is asked for once more is the one that exists.
#[test]
fn a_checkpoint_of_what_is_covered_changes_nothing() {
    let disk = SimulatedDisk::default();
    let mut server = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new(DATA));
    server.register("ana");
    for text in ["uno", "dos", "tres"] {
        server.send("ana", "ana", text);
        server.checkpoint();
    }
    let before = read_files(&disk, DATA);
    for upto in 0..=3 {
        let made = store(&disk, DATA).checkpoint(upto).expect("the one that is there");
        assert_eq!((made.covered_segment, made.bytes, made.filed.len()), (3, tables_bytes(&disk), 0), "up to {upto}");
        assert!(made.cleaned_upto.is_none() && read_files(&disk, DATA) == before, "up to {upto}");
    }
}

/// A file system refuses what the simulated disk allows: to put a directory into the place of another one.
#[test]
fn a_checkpoint_of_what_is_covered_is_made_on_a_real_disk_too() {
    let directory = tempfile::TempDir::new().expect("a directory");
    let data = directory.path().join("data");
    let mut server = GroupCommitHarness::start(Arc::new(RealDisk), &data);
    server.register("ana");
    server.send("ana", "ana", "uno");
    server.checkpoint();
    let made = Store::new(Arc::new(RealDisk), &data).checkpoint(1).expect("the one that is there");
    assert_eq!((made.covered_segment, made.filed.len()), (1, 0));
    server.send("ana", "ana", "dos");
    server.checkpoint();
    drop(server);
    let report = Store::new(Arc::new(RealDisk), &data).check().expect("a report");
    assert!(report.damage.is_empty() && report.notes.is_empty() && report.messages == 2, "{report:?}");
}
