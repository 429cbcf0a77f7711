//! The real disk does what the rules of `wachat::disk` say, and what the simulated one does: the same calls have the
//! same results and leave the same files. What it creates is private.

use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::support::random::Random;
use crate::support::simulated_disk::SimulatedDisk;
use tempfile::TempDir;
use wachat::disk::{Disk, File, RealDisk, free_name, read, replace, write};

/// A disk and the directory that is its root for a test.
struct Place {
    disk: Arc<dyn Disk>,
    root: PathBuf,
}

/// Names that a random call takes; the last two are in a directory that may be missing.
const NAMES: [&str; 6] = ["a", "b", "c.csv", "d", "d/e", "d/f"];

impl Place {
    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Does one call, and says what came of it.
    fn call(&self, number: u64, [one, other]: [&str; 2], random: &mut Random) -> Result<String, ErrorKind> {
        let disk = &self.disk;
        let path = self.path(one);
        let bytes: Vec<u8> = (0..=random.below(40)).map(|_| random.below(256) as u8).collect();
        let offset = random.below(60);
        let length = random.below(60);
        let file = || if number.is_multiple_of(2) { disk.open(&path) } else { disk.open_for_reading(&path) };
        let opened = |file: Arc<dyn File>| {
            let mut buffer = vec![0; length as usize];
            let read = file.read_at(&mut buffer, offset)?;
            buffer.truncate(read);
            assert_eq!(file.is_empty()?, file.len()? == 0);
            Ok(format!("{buffer:?} of {}", file.len()?))
        };
        let done = match number {
            0 | 1 => file().and_then(opened),
            2 => disk.create(&path).and_then(opened),
            3 => disk.create(&path).and_then(|file| file.write_at(&bytes, offset)).map(|()| "written".to_owned()),
            4 | 6 => file().and_then(|file| file.write_at(&bytes, offset).and_then(|()| opened(file))),
            8 => file().and_then(|file| file.set_len(length).and_then(|()| opened(file))),
            5 => disk.create_dir(&path).map(|()| "a directory".to_owned()),
            7 => disk.list(&path).map(|names| format!("{names:?}")),
            9 => disk.list(&self.root).map(|names| format!("{names:?}")),
            10 => disk.exists(&path).map(|exists| exists.to_string()),
            11 => disk.rename(&path, &self.path(other)).map(|()| "renamed".to_owned()),
            12 => disk.remove_file(&path).map(|()| "removed".to_owned()),
            13 => disk.remove_dir(&path).map(|()| "removed".to_owned()),
            14 => write(&**disk, &path, &bytes).map(|()| "written".to_owned()),
            15 => replace(&**disk, &path, &bytes).map(|()| "replaced".to_owned()),
            16 => disk.sync_dir(&path).map(|()| "synced".to_owned()),
            17 => free_name(&**disk, |number| self.path(&format!("free-{number}"))).map(|free| {
                disk.create(&free).expect("it is free");
                free.strip_prefix(&self.root).expect("below it").display().to_string()
            }),
            _ => read(&**disk, &path).map(|content| format!("{content:?}")),
        };
        done.map_err(|error| error.kind())
    }
}

/// Returns whether the disks may differ: a directory is no file, and the errors about that are not the same.
fn is_of_the_other_kind(place: &Place, number: u64, [one, other]: [&str; 2]) -> bool {
    let is_directory = |name: &str| place.disk.list(&place.path(name)).is_ok();
    let takes_directory = matches!(number, 5 | 7 | 13 | 16);
    let exists = place.disk.exists(&place.path(one)).unwrap_or(false);
    exists && is_directory(one) != takes_directory && number != 10
        || number == 11 && (is_directory(one) || is_directory(other) || one.contains('/') != other.contains('/'))
        || one.starts_with("d/") && place.disk.exists(&place.path("d")).unwrap_or(false) && !is_directory("d")
        || other.starts_with("d/") && !is_directory("d")
}

#[test]
fn the_real_disk_and_the_simulated_one_do_the_same() {
    let directory = TempDir::new().expect("a directory");
    let mut compared = 0;
    let mut worked = 0;
    for seed in 0..40 {
        let root = directory.path().join(seed.to_string());
        let real = Place { disk: Arc::new(RealDisk), root };
        let simulated = Place { disk: Arc::new(SimulatedDisk::default()), root: "/root".into() };
        [&real, &simulated].iter().for_each(|place| place.disk.create_dir(&place.root).expect("a directory"));
        let mut random = Random::new(seed);
        for step in 0..120 {
            let number = random.below(20);
            let names = [NAMES[random.below(6) as usize], NAMES[random.below(6) as usize]];
            let choices = random.below(u64::MAX);
            if is_of_the_other_kind(&simulated, number, names) {
                continue;
            }
            let [one, other] = [&real, &simulated].map(|place| place.call(number, names, &mut Random::new(choices)));
            assert_eq!(one, other, "seed {seed}, step {step}: call {number} of {names:?}");
            compared += 1;
            worked += usize::from(one.is_ok());
        }
    }
    assert!(compared > 2_000 && worked > 1_000, "{compared} {worked}");
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).expect("a file").mode() & 0o7777
}

/// A directory of this user's alone.
fn private() -> TempDir {
    let directory = TempDir::new().expect("a directory");
    fs::set_permissions(directory.path(), Permissions::from_mode(0o700)).expect("a mode");
    directory
}

#[test]
fn files_and_directories_are_created_private() {
    let directory = private();
    let at = |name: &str| directory.path().join(name);
    RealDisk.create_dir(&at("one/two/three")).expect("directories");
    RealDisk.create(&at("one/file")).expect("a file");
    write(&RealDisk, &at("one/written"), b"x").expect("a file");
    replace(&RealDisk, &at("one/replaced"), b"x").expect("a file");
    drop(RealDisk.lock(&at("one/lock")).expect("a lock"));
    for name in ["one", "one/two", "one/two/three"] {
        assert_eq!(mode(&at(name)), 0o700, "{name}");
    }
    for name in ["file", "written", "replaced", "lock"] {
        assert_eq!(mode(&at("one").join(name)), 0o600, "{name}");
    }
    let names = RealDisk.list(&at("one")).expect("names");
    assert_eq!(names, ["file", "lock", "replaced", "two", "written"]);
}

/// A path that is no file of this user's alone gives way to a new file.
#[test]
fn a_pipe_or_a_file_of_another_user_is_not_written_to() {
    let directory = private();
    let pipe = directory.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("it runs");
    assert!(made.success(), "mkfifo");
    let theirs = directory.path().join("theirs");
    fs::write(&theirs, "theirs").expect("a file");
    if std::os::unix::fs::chown(&theirs, Some(54_321), None).is_err() {
        println!("skipped for a file of another user: only root can give one away");
    }
    for path in [&pipe, &theirs] {
        RealDisk.create(path).expect("a file").write_at(b"mine", 0).expect("to write");
        let now = fs::metadata(path).expect("a file");
        assert!(now.is_file() && now.uid() == rustix::process::geteuid().as_raw(), "{}", path.display());
        assert_eq!(fs::read_to_string(path).expect("text"), "mine");
    }
}

/// A file that is created where another one is: the same file if it is this user's alone, or else another one.
#[test]
fn a_file_that_others_may_change_or_that_has_two_names_is_not_written_to() {
    for (what, mode_of_it, second_name, is_kept) in [
        ("private", 0o600, false, true),
        ("readable", 0o644, false, true),
        ("others may write", 0o602, false, false),
        ("two names", 0o600, true, false),
        ("two names and open", 0o646, true, false),
    ] {
        let directory = private();
        let path = directory.path().join("file");
        let second = directory.path().join("second");
        fs::write(&path, "theirs").expect("a file");
        fs::set_permissions(&path, Permissions::from_mode(mode_of_it)).expect("a mode");
        if second_name {
            fs::hard_link(&path, &second).expect("a second name");
        }
        let held = fs::File::open(&path).expect("the file");
        let number = |file: &fs::Metadata| file.ino();
        RealDisk.create(&path).expect("a file").write_at(b"mine", 0).expect("to write");
        let now = fs::metadata(&path).expect("the file");
        let same = number(&now) == number(&held.metadata().expect("the held one"));
        assert_eq!((same, fs::read_to_string(&path).expect("text").as_str()), (is_kept, "mine"), "{what}");
        if !is_kept {
            assert_eq!(mode(&path), 0o600, "{what}");
        }
        if second_name {
            assert_eq!(fs::read_to_string(&second).expect("text"), "theirs", "{what}");
        }
    }
}

#[test]
fn a_link_is_replaced_by_a_file_and_not_opened_for_writing() {
    let directory = private();
    let at = |name: &str| directory.path().join(name);
    fs::write(at("theirs"), "theirs").expect("a file");
    for target in ["theirs", "absent"] {
        symlink(at(target), at("link")).expect("a link");
        assert!(RealDisk.open(&at("link")).is_err() && RealDisk.lock(&at("link")).is_err(), "{target}");
        assert!(!at("absent").exists());
        RealDisk.create(&at("link")).expect("a file").write_at(b"mine", 0).expect("to write");
        assert!(!fs::symlink_metadata(at("link")).expect("a file").is_symlink() && !at("absent").exists(), "{target}");
        assert_eq!(fs::read_to_string(at("theirs")).expect("text"), "theirs");
        fs::remove_file(at("link")).expect("to remove it");
    }
}

#[test]
fn one_owner_writes_and_some_may_read() {
    let directory = private();
    let path = directory.path().join("lock");
    let kind = |result: std::io::Result<Box<dyn Send>>| result.err().map(|error| error.kind());
    assert_eq!(kind(RealDisk.lock_for_reading(&path)), Some(ErrorKind::NotFound), "it makes no file");
    let owner = RealDisk.lock(&path).expect("a lock");
    fs::write(&path, "the name\n").expect("to write");
    assert_eq!(kind(RealDisk.lock(&path)), Some(ErrorKind::WouldBlock));
    assert_eq!(kind(RealDisk.lock_for_reading(&path)), Some(ErrorKind::WouldBlock));
    drop(owner);
    let readers = [(); 2].map(|()| RealDisk.lock_for_reading(&path).expect("a reader"));
    assert_eq!(kind(RealDisk.lock(&path)), Some(ErrorKind::WouldBlock));
    drop(readers);
    drop(RealDisk.lock(&path).expect("a lock"));
    assert_eq!(fs::read_to_string(&path).expect("text"), "the name\n", "a lock changes nothing");
}

#[test]
fn the_free_space_is_that_of_the_file_system() {
    let directory = private();
    let told = || {
        let output = std::process::Command::new("df").args(["-B1", "--output=avail"]).arg(directory.path()).output();
        let text = String::from_utf8(output.ok()?.stdout).ok()?;
        text.lines().nth(1)?.trim().parse::<u64>().ok()
    };
    let Some(before) = told() else { return println!("skipped: there is no df that can tell") };
    let free = RealDisk.free_bytes(directory.path()).expect("a number");
    let after = told().expect("as before");
    let low = before.min(after);
    let high = before.max(after);
    // Others write meanwhile.
    assert!(free >= low / 2 && free / 2 <= high, "{free} is not between {low} and {high}");
    assert!(RealDisk.free_bytes(&directory.path().join("absent")).is_err());
}
