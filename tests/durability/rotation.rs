//! `wachat backup --keep`: a folder of backups, each whole, of which the newest stay.

use std::ffi::OsStr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use crate::support::clients::{all_output, exit_code};
use crate::support::group_commit_harness::GroupCommitHarness;
use crate::support::random::Random;
use crate::support::simulated_disk::{Fault, SimulatedDisk};
use crate::support::{WACHAT, World};
use tempfile::TempDir;
use wachat::disk::Disk;
use wachat::store::Store;

fn back_up(data: &Path, folder: &Path, keep: &str) -> Output {
    let arguments =
        [OsStr::new("backup"), OsStr::new("--data"), data.as_os_str(), OsStr::new("--keep"), OsStr::new(keep)];
    Command::new(WACHAT).args(arguments).arg(folder).output().expect("it runs")
}

fn backups(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder").flatten().map(|entry| entry.path());
    let mut found: Vec<_> = entries.filter(|path| path.is_dir()).collect();
    found.sort();
    found
}

/// Gives a backup the name of an older one: they are at least a second apart.
fn rename(backup: &Path, day: u32) -> PathBuf {
    let older = backup.with_file_name(format!("2020-01-{day:02}T03-00-00Z"));
    std::fs::rename(backup, &older).expect("to rename");
    older
}

#[test]
fn the_newest_backups_stay_and_each_is_whole() {
    let world = World::new(&[]);
    let mut ana = world.register("ana");
    let directory = TempDir::new().unwrap();
    let mine = "2020-01-01 my own files";
    let folder = directory.path().join("backups");
    std::fs::create_dir_all(folder.join(mine)).unwrap();
    for day in 1..=5 {
        assert!(ana.request(&format!("SEND;m{day};#lobby;day {day}")).starts_with("OK;"));
        let made = back_up(&world.data(), &folder, "3");
        assert_eq!(exit_code(&made), 0, "{}", all_output(&made));
        let said = String::from_utf8(made.stdout).unwrap();
        assert!(said.contains("is a backup of") && said.contains(&format!("messages: {day}\n")), "{said}");
        assert_eq!(said.contains("removed: "), day > 3, "{said}");
        rename(backups(&folder).iter().rfind(|path| !path.ends_with(mine)).expect("the new one"), day);
    }
    let names: Vec<_> = backups(&folder).iter().map(|path| path.file_name().unwrap().to_owned()).collect();
    assert_eq!(names, [mine, "2020-01-03T03-00-00Z", "2020-01-04T03-00-00Z", "2020-01-05T03-00-00Z"]);
    for backup in backups(&folder).iter().skip(1) {
        let checked = Command::new(WACHAT).args(["check", "--data"]).arg(backup).output().unwrap();
        assert_eq!(exit_code(&checked), 0, "{}", all_output(&checked));
    }
}

/// The content of a folder: whole backups, and all that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Entry {
    Whole,
    /// A backup that was cut, at its begin or later; or its removal was.
    Begun,
    Copied,
    Empty,
    /// Nothing of a rotation.
    Foreign,
}

const ENTRIES: [Entry; 5] = [Entry::Whole, Entry::Begun, Entry::Copied, Entry::Empty, Entry::Foreign];

/// A folder with such entries, each at a day of its own: its disk and its names.
fn folder_with(entries: &[Entry]) -> (SimulatedDisk, Vec<String>) {
    let disk = SimulatedDisk::default();
    let mut playing = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new("/data"));
    playing.register("ana");
    playing.send("ana", "ana", "a note");
    drop(playing);
    disk.create_dir(Path::new("/backups")).unwrap();
    let mut names = Vec::new();
    for (day, entry) in (1..).zip(entries) {
        // Names that are nearly those of a backup.
        let foreign = [format!("2020-01-{day:02}"), format!("2020-01-{day:02}T03-00-00"), format!("x-{day}")];
        let name = match entry {
            Entry::Foreign => foreign[day % 3].clone(),
            _ => format!("2020-01-{day:02}T03-00-00Z"),
        };
        let path = Path::new("/backups").join(&name);
        if matches!(entry, Entry::Whole | Entry::Copied) {
            Store::new(Arc::new(disk.clone()), Path::new("/data")).backup(&path).unwrap();
        } else {
            disk.create_dir(&path).unwrap();
        }
        match entry {
            Entry::Copied => disk.rename(&path.join("backup.csv"), &path.join("backup.new")).unwrap(),
            Entry::Begun => drop(disk.create(&path.join("backup.new")).unwrap()),
            Entry::Foreign => drop(disk.create(&path.join("file")).unwrap()),
            Entry::Whole | Entry::Empty => {}
        }
        names.push(name);
    }
    (disk, names)
}

#[test]
fn the_newest_whole_ones_stay_whatever_else_is_in_the_folder() {
    let mut random = Random::new(3);
    for round in 0..120 {
        let entries: Vec<_> = (0..random.below(8)).map(|_| ENTRIES[random.below(5) as usize]).collect();
        let (disk, names) = folder_with(&entries);
        let keep = 1 + random.below(4) as usize;
        let store = Store::new(Arc::new(disk.clone()), Path::new("/data"));
        let rotated = store.backup_into(Path::new("/backups"), NonZeroUsize::new(keep).unwrap()).unwrap();
        let how = format!("round {round}, keep {keep} of {entries:?}");
        let mut stay = Vec::new();
        let mut go = Vec::new();
        let mut whole = 1;
        for (entry, name) in entries.iter().zip(&names).rev() {
            whole += usize::from(*entry == Entry::Whole);
            let stays = *entry == Entry::Foreign || *entry == Entry::Whole && whole <= keep;
            if stays { &mut stay } else { &mut go }.push(name.clone());
        }
        let new = rotated.backup.file_name().unwrap().to_str().unwrap().to_owned();
        stay.push(new);
        stay.sort();
        let mut left = disk.list(Path::new("/backups")).unwrap();
        left.retain(|name| name != "lock");
        left.sort();
        assert_eq!(left, stay, "{how}");
        let mut removed: Vec<_> =
            rotated.removed.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
        removed.sort();
        go.sort();
        assert_eq!(removed, go, "{how}: what is said");
        for name in stay.iter().filter(|name| name.ends_with('Z')) {
            let kept = Store::new(Arc::new(disk.clone()), &Path::new("/backups").join(name));
            assert!(kept.check().is_ok_and(|report| report.damage.is_empty()), "{how}: {name}");
        }
    }
}

#[test]
fn a_backup_that_fails_removes_none() {
    let mut world = World::new(&[]);
    assert!(world.register("ana").request("SEND;m;#lobby;hola").starts_with("OK;"));
    world.stop();
    let directory = TempDir::new().unwrap();
    let folder = directory.path().join("backups");
    assert_eq!(exit_code(&back_up(&world.data(), &folder, "1")), 0);
    let older = rename(&backups(&folder)[0], 1);
    let history = world.data().join("history/room-0.csv");
    let content = std::fs::read_to_string(&history).unwrap();
    std::fs::write(&history, content.replace("hola", "hole")).unwrap();
    let failed = back_up(&world.data(), &folder, "1");
    assert_eq!(exit_code(&failed), 1, "{}", all_output(&failed));
    assert_eq!(backups(&folder), [older]);
    let none = back_up(&world.data(), &folder, "0");
    assert_eq!(exit_code(&none), 2, "{}", all_output(&none));
}

/// A power cut while old backups are removed: what is left of one is not taken for a whole one, and the next run removes it.
#[test]
fn a_rotation_that_is_cut_at_any_call_leaves_whole_backups() {
    let begin = SimulatedDisk::default();
    let one = NonZeroUsize::MIN;
    let mut playing = GroupCommitHarness::start(Arc::new(begin.clone()), Path::new("/data"));
    playing.register("ana");
    playing.send("ana", "ana", "a note");
    playing.checkpoint();
    drop(playing);
    let old = Path::new("/backups/2020-01-01T03-00-00Z");
    let store = |disk: &SimulatedDisk, path: &Path| Store::new(Arc::new(disk.clone()), path);
    store(&begin, Path::new("/data")).backup(old).unwrap();
    let begin = begin.after_power_cut(|| true);
    let rotate = |disk: &SimulatedDisk| store(disk, Path::new("/data")).backup_into(Path::new("/backups"), one);
    let whole = begin.after_power_cut(|| true);
    rotate(&whole).unwrap();
    let calls = whole.calls();
    for call in 1..=calls {
        let disk = begin.after_power_cut(|| true);
        disk.fail(call, Fault::Stop);
        assert!(rotate(&disk).is_err(), "call {call}");
        let disk = disk.after_power_cut(|| call % 2 == 0);
        let names = || -> Vec<String> {
            let names = disk.list(Path::new("/backups")).unwrap_or_default().into_iter();
            names.filter(|name| name != "lock").collect()
        };
        let is_whole = |name: &String| {
            let backup = Path::new("/backups").join(name);
            disk.exists(&backup.join("backup.csv")).unwrap()
                && store(&disk, &backup).check().is_ok_and(|report| report.damage.is_empty())
        };
        assert!(names().iter().any(is_whole), "call {call}: {:?}", names());
        for name in &names() {
            let claims = disk.exists(&Path::new("/backups").join(name).join("backup.csv")).unwrap();
            assert!(!claims || is_whole(name), "call {call}: {name} claims to be whole");
        }
        // The next run, which is made at a later second.
        let cut = names().into_iter().find(|name| !old.ends_with(name));
        if let Some(cut) = cut {
            disk.rename(&Path::new("/backups").join(cut), Path::new("/backups/2020-01-02T03-00-00Z")).unwrap();
        }
        let made = rotate(&disk).unwrap_or_else(|error| panic!("call {call}: {error}"));
        let name = made.backup.file_name().unwrap().to_str().unwrap().to_owned();
        assert_eq!(names(), [name], "call {call}");
    }
}
