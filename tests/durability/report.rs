//! Counts of `wachat check` in a store, beside a model of what was done; and what it says of a backup that is not what
//! its manifest tells.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::support::group_commit_harness::{GroupCommitHarness, user};
use crate::support::random::Random;
use crate::support::simulated_disk::SimulatedDisk;
use crate::support::store_files::{read_files, replace_in_table};
use wachat::disk::{Disk, write};
use wachat::model::Target;
use wachat::state_machine::{Command, Policy};
use wachat::store::{Report, Retention, Store};

const DATA: &str = "/data";
const DAY: u64 = 24 * 3_600 * 1_000;
const USERS: [&str; 4] = ["ana", "luis", "eva", "nora"];

fn store(disk: &SimulatedDisk, directory: &str) -> Store {
    Store::new(Arc::new(disk.clone()), Path::new(directory))
}

/// Actions that a report counts.
#[derive(Default)]
struct Model {
    users: BTreeSet<&'static str>,
    /// Of each conversation the times of the messages that are kept.
    kept: BTreeMap<[&'static str; 2], Vec<u64>>,
}

impl Model {
    fn send(&mut self, server: &mut GroupCommitHarness, random: &mut Random) {
        let all: Vec<_> = self.users.iter().copied().collect();
        let mut one = || all[random.below(all.len() as u64) as usize];
        let from = one();
        let peer = one();
        let to = if random.chance(25) { "#lobby" } else { peer };
        let at = server.time + 1;
        server.send(from, to, "hola");
        let mut id = [from.min(to), from.max(to)];
        if to == "#lobby" {
            id = [to, to];
        }
        self.kept.entry(id).or_default().push(at);
    }

    /// All have acknowledged everything: what is older than a month goes, up to the first that is not.
    fn clean_up(&mut self, server: &mut GroupCommitHarness) {
        let last = server.group_commit.state().last.get();
        self.users.iter().for_each(|name| server.acknowledge(name, last));
        let month = Some(Duration::from_millis(30 * DAY));
        server.clean_up(Retention { direct: month, rooms: month, trusts_clock: true });
        let cutoff = (server.time - 30 * DAY) / DAY * DAY;
        for messages in self.kept.values_mut() {
            let old = messages.iter().position(|at| *at >= cutoff).unwrap_or(messages.len());
            messages.drain(..old);
        }
    }

    fn assert_counted(&self, report: &Report, how: &str) {
        assert!(report.damage.is_empty() && report.notes.is_empty(), "{how}: {report:?}");
        let messages = self.kept.values().map(Vec::len).sum::<usize>() as u64;
        let counted = (report.users, report.messages, report.conversations);
        assert_eq!(counted, (self.users.len(), messages, self.kept.len()), "{how}");
    }
}

/// Returns the length of all tables, of the valid parts of the history files, and of the segments after the checkpoint,
/// and the number of those.
fn sizes(disk: &SimulatedDisk, directory: &str) -> (u64, u64) {
    let files = read_files(disk, directory);
    let beside = |path: &PathBuf| path.ends_with("lock") || path.ends_with("backup.csv");
    let bytes = files.iter().filter(|(path, _)| !beside(path)).map(|(_, content)| content.len() as u64).sum();
    let segments = files.keys().filter(|path| path.parent().is_some_and(|above| above.ends_with("wal")));
    (bytes, segments.count() as u64)
}

#[test]
fn a_store_and_its_backups_and_restores_are_counted_as_a_model_counts_them() {
    for seed in 0..6 {
        let disk = SimulatedDisk::default();
        let mut random = Random::new(seed);
        let mut model = Model::default();
        let mut server = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new(DATA));
        for name in USERS {
            server.register(name);
            model.users.insert(name);
        }
        for step in 0..60 {
            match random.below(20) {
                0 => server.checkpoint(),
                1 => server.close_segment(),
                2 if model.users.len() > 2 => {
                    let name = USERS[random.below(4) as usize];
                    model.users.remove(name);
                    server.request(Command::Remove { user: user(name) });
                }
                3 => server.time += 8 * DAY,
                4 => model.clean_up(&mut server),
                _ => model.send(&mut server, &mut random),
            }
            if step % 6 == 0 {
                let how = format!("seed {seed}, step {step}");
                let state = server.group_commit.state();
                // The server has its own locked.
                let report = store(&disk.after_power_cut(|| true), DATA).check().expect("a report");
                model.assert_counted(&report, &how);
                assert_eq!(report.last, state.last, "{how}");
                assert_eq!((report.bytes, report.segments), sizes(&disk, DATA), "{how}");
                assert_eq!(report.store, *state.store, "{how}");
            }
        }
        let made = store(&disk, DATA).backup(Path::new("/backup")).expect("a backup");
        model.assert_counted(&made, "what a backup says");
        let checked = store(&disk, "/backup").check().expect("a report");
        model.assert_counted(&checked, "a backup");
        assert_eq!((checked.bytes, checked.segments), sizes(&disk, "/backup"));
        assert_eq!((checked.next_batch, &checked.store), (made.next_batch, &made.store));
        let told = store(&disk, "/restored").restore(&store(&disk, "/backup")).expect("a store");
        model.assert_counted(&told, "what a restore says");
        model.assert_counted(&store(&disk, "/restored").check().expect("a report"), "a restored store");
    }
}

/// A backup with messages in its log.
fn backed_up() -> SimulatedDisk {
    let disk = SimulatedDisk::default();
    let mut server = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new(DATA));
    USERS.iter().for_each(|name| server.register(name));
    server.send("ana", "luis", "hola");
    server.checkpoint();
    server.send("luis", "ana", "adiós");
    drop(server);
    store(&disk, DATA).backup(Path::new("/backup")).expect("a backup");
    disk
}

/// Returns the row of a manifest.
fn manifest(disk: &SimulatedDisk) -> (String, Vec<String>) {
    let content = read_files(disk, "/backup").remove(Path::new("/backup/backup.csv")).expect("a manifest");
    let table = String::from_utf8(content).expect("text");
    let row = table.lines().nth(2).expect("a row").split(';').map(str::to_owned).collect();
    (table, row)
}

fn refusal(disk: &SimulatedDisk) -> String {
    let error = store(disk, "/restored").restore(&store(disk, "/backup")).expect_err("it has to be refused");
    assert!(!disk.exists(Path::new("/restored")).expect("an answer"), "{error}: something was restored");
    error.to_string()
}

#[test]
fn a_manifest_that_tells_of_another_extent_is_damage() {
    let disk = backed_up();
    let (table, row) = manifest(&disk);
    let [last, next]: [u64; 2] = [1, 2].map(|column| row[column].parse().expect("a number"));
    let other = "0123456789abcdef".to_owned();
    let at = &row[3];
    let with = |store: &str, last: u64, next: u64| format!("{store};{last};{next};{at}");
    for forged in [
        with(&other, last, next),
        with(&row[0], last + 1, next),
        with(&row[0], last - 1, next),
        with(&row[0], last, next + 1),
        with(&row[0], last, next - 1),
    ] {
        let changed = replace_in_table(&table, &row.join(";"), &forged);
        disk.tamper(Path::new("/backup/backup.csv"), |content| *content = changed.into_bytes());
        let damage = store(&disk, "/backup").check().expect("a report").damage;
        assert!(damage.len() == 1 && damage[0].starts_with("/backup/wal: the backup went to number"), "{damage:?}");
        assert!(refusal(&disk).ends_with(&damage[0]), "{forged}");
    }
}

#[test]
fn a_manifest_without_its_row_or_with_a_strange_one_is_damage() {
    let disk = backed_up();
    let (table, row) = manifest(&disk);
    let row = row.join(";") + "\n";
    let fields: Vec<_> = row.trim_end().split(';').collect();
    for (forged, said) in [
        (String::new(), "line 3: there should be one row"),
        (format!("{};x;{};{}\n", fields[0], fields[2], fields[3]), "line 3: not a row of this table"),
        (format!("{};{};x;{}\n", fields[0], fields[1], fields[3]), "line 3: not a row of this table"),
    ] {
        let changed = replace_in_table(&table, &row, &forged);
        disk.tamper(Path::new("/backup/backup.csv"), |content| *content = changed.into_bytes());
        let damage = store(&disk, "/backup").check().expect("a report").damage;
        assert_eq!(damage, [format!("/backup/backup.csv {said}")]);
        assert!(refusal(&disk).contains(said), "{forged}");
    }
    disk.tamper(Path::new("/backup/backup.csv"), |content| content[0] ^= 1);
    assert!(refusal(&disk).contains("backup.csv line"), "a changed byte");
}

/// Files that may stand beside a store, and files that were left in it.
#[test]
fn each_name_in_a_store_that_is_not_its_own_is_a_note() {
    let disk = SimulatedDisk::default();
    let mut server = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new(DATA));
    server.register("ana");
    server.request(Command::Join { user: user("ana"), room: Ok(Target::parse("#sala").expect("a room")) });
    server.send("ana", "#sala", "hola");
    server.checkpoint();
    drop(server);
    let notes = || store(&disk, DATA).check().expect("a report").notes;
    let newest = store(&disk, DATA).open(Policy::default(), crate::support::group_commit_harness::SMALL);
    drop(newest.expect("a store"));
    assert_eq!(notes(), [""; 0]);
    for (name, is_known) in [
        ("README.md", true),
        ("roster.csv", true),
        ("passwords.csv", true),
        ("tls", true),
        ("control.sock", true),
        ("lock", true),
        ("readme.md", false),
        ("checkpoint.new", false),
        ("checkpoint-000000", false),
        ("checkpoint-000001.csv", false),
        ("restore.new", false),
        ("history.csv", false),
        ("wal/000001.csv", false),
        ("wal/000009.new", false),
        ("wal/2.csv", false),
        ("wal/000002.csv.gz", false),
        ("wal/000002-batch-7-1.broken", false),
        ("history/direct-0-1.csv", false),
        ("history/room-1.1.csv", false),
        ("history/room-1", false),
        ("history/x", false),
    ] {
        let path = Path::new(DATA).join(name);
        let before = disk.exists(&path).expect("an answer");
        if !before {
            write(&disk, &path, b"x").expect("to write");
        }
        let said = notes();
        let what = match name.ends_with(".broken") {
            true => "a torn batch that was moved aside; it may be deleted",
            false => "left by something that was interrupted, or not of the store's",
        };
        let want: Vec<_> = (!is_known).then(|| format!("{}: {what}", path.display())).into_iter().collect();
        assert_eq!(said, want, "{name}");
        if !before {
            disk.remove_file(&path).expect("to remove it");
        }
    }
}

/// Files that may exist before any store may exist before a restored one, and stay.
#[test]
fn a_restore_takes_a_directory_with_what_may_be_beside_a_store_and_nothing_else() {
    for (name, is_taken) in [
        ("README.md", true),
        ("roster.csv", true),
        ("passwords.csv", true),
        ("tls", true),
        ("lock", true),
        ("control.sock", true),
        ("letter.txt", false),
        ("wal", false),
        ("history", false),
        ("checkpoint.new", false),
        ("backup.csv", false),
    ] {
        let disk = backed_up();
        let path = Path::new("/restored").join(name);
        disk.create_dir(Path::new("/restored")).expect("a directory");
        write(&disk, &path, b"mine").expect("to write");
        let done = store(&disk, "/restored").restore(&store(&disk, "/backup")).map(drop);
        let said = done.as_ref().err().map(ToString::to_string).unwrap_or_default();
        assert_eq!(done.is_ok(), is_taken, "{name}: {said}");
        assert!(is_taken || said == "/restored: the directory is not empty; name a new directory", "{name}: {said}");
        assert_eq!(wachat::disk::read(&disk, &path).expect("it stays"), b"mine", "{name}");
    }
}
