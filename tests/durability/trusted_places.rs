//! Which directories and files are trusted: those of this user or of root that no other user may change, below
//! directories in which no other user may rename. Each owner, group and mode is tried. Where the tests do not run as root,
//! nothing can be given to another user, and those cases are left out.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use wachat::disk::{check_directory, check_file, open_to_append, open_to_replace};

/// The owner that a container shows for directories of users that it does not know.
const UNKNOWN: u32 = 65_534;
const STRANGER: u32 = 54_321;

/// Owner, group and mode of a directory or a file.
#[derive(Clone, Copy, Debug)]
struct Kind {
    owner: u32,
    group: u32,
    mode: u32,
}

/// This user, whose group with the same number is its own.
fn me() -> u32 {
    rustix::process::geteuid().as_raw()
}

impl Kind {
    fn private() -> Self {
        Self { owner: me(), group: me(), mode: 0o700 }
    }

    fn all(owners: &[u32], modes: &[u32]) -> Vec<Self> {
        let groups = [me(), STRANGER];
        let owned = owners.iter().flat_map(|owner| groups.map(|group| (*owner, group)));
        owned.flat_map(|(owner, group)| modes.iter().map(move |mode| Self { owner, group, mode: *mode })).collect()
    }

    /// Gives a directory or a file this owner, group and mode; `false`: only root could.
    fn give(self, path: &Path) -> bool {
        let found = fs::metadata(path).expect("it is there");
        let is_other = (found.uid(), found.gid()) != (self.owner, self.group);
        if is_other && chown(path, Some(self.owner), Some(self.group)).is_err() {
            return false;
        }
        fs::set_permissions(path, Permissions::from_mode(self.mode)).is_ok()
    }

    fn is_trusted_owner(self) -> bool {
        self.owner == me() || self.owner == 0
    }

    fn others_write(self) -> bool {
        self.mode & 0o002 != 0
    }

    fn group_writes(self) -> bool {
        self.mode & 0o020 != 0 && self.group != me()
    }

    fn is_sticky(self) -> bool {
        self.mode & 0o1000 != 0
    }

    /// Nobody else may change what it is.
    fn is_private(self) -> bool {
        self.is_trusted_owner() && !self.others_write() && !self.group_writes()
    }

    /// Nobody else may rename what is in it. Root has chosen the group of its own directory.
    fn is_good_above(self) -> bool {
        let is_open = self.others_write() || self.group_writes() && self.owner != 0;
        (self.is_trusted_owner() || self.owner == UNKNOWN) && (!is_open || self.is_sticky())
    }
}

const MODES: [u32; 8] = [0o700, 0o755, 0o707, 0o702, 0o770, 0o720, 0o775, 0o777];

fn place() -> (TempDir, PathBuf) {
    let directory = TempDir::new().expect("a directory");
    let root = fs::canonicalize(directory.path()).expect("a path");
    (directory, root)
}

/// Counts the cases that were tried on each side.
#[derive(Default)]
struct Tried([usize; 2]);

impl Tried {
    #[track_caller]
    fn note(&mut self, is_good: bool, result: &std::io::Result<()>, advice: &[&str], how: &str) {
        self.0[usize::from(is_good)] += 1;
        match result {
            Ok(()) => assert!(is_good, "{how} was taken"),
            Err(error) => {
                assert!(!is_good, "{how}: {error}");
                assert!(advice.iter().any(|advice| error.to_string().contains(advice)), "{how}: {error}");
            }
        }
    }
}

#[test]
fn a_directory_is_trusted_if_no_other_user_may_change_it() {
    let (_directory, root) = place();
    let path = root.join("data");
    let mut tried = Tried::default();
    fs::create_dir(&path).expect("a directory");
    for kind in Kind::all(&[me(), 0, STRANGER, UNKNOWN], &MODES).into_iter().filter(|kind| kind.give(&path)) {
        let advice = if kind.is_trusted_owner() { "with chmod go-w" } else { "it is another user's (number " };
        tried.note(kind.is_private(), &check_directory(&path), &[advice], &format!("{kind:?}"));
    }
    assert!(tried.0.iter().all(|count| *count >= 2), "{:?}", tried.0);
}

/// Near it or far above it.
#[test]
fn a_directory_is_trusted_if_no_other_user_may_rename_what_is_above_it() {
    let (_directory, root) = place();
    let above = root.join("above");
    let mut tried = Tried::default();
    let modes: Vec<_> = MODES.into_iter().flat_map(|mode| [mode, mode | 0o1000]).collect();
    for below in ["data", "between/data"] {
        let path = above.join(below);
        fs::create_dir_all(&path).expect("directories");
        for directory in [&path, path.parent().expect("one above")] {
            fs::set_permissions(directory, Permissions::from_mode(0o700)).expect("a mode");
        }
        for kind in Kind::all(&[me(), 0, STRANGER, UNKNOWN], &modes).into_iter().filter(|kind| kind.give(&above)) {
            let said = check_directory(&path);
            let advice = ["above it, is another user's (number ", "use chmod go-w or chmod +t there"];
            tried.note(kind.is_good_above(), &said, &advice, &format!("{below} below {kind:?}"));
            if let Err(error) = said {
                assert!(error.to_string().contains(&above.display().to_string()), "{error}");
            }
        }
        assert!(Kind::private().give(&above), "it is this user's again");
        fs::remove_dir_all(&above).expect("to remove it");
    }
    assert!(tried.0.iter().all(|count| *count >= 4), "{:?}", tried.0);
}

/// A link to a directory is another user's if either is.
#[test]
fn a_link_is_trusted_with_what_it_names() {
    let (_directory, root) = place();
    let own = root.join("own");
    let link = root.join("link");
    fs::create_dir(&own).expect("a directory");
    std::os::unix::fs::symlink(&own, &link).expect("a link");
    fs::set_permissions(&own, Permissions::from_mode(0o700)).expect("a mode");
    check_directory(&link).expect("both are this user's");
    fs::set_permissions(&own, Permissions::from_mode(0o777)).expect("a mode");
    assert!(check_directory(&link).is_err(), "others may write to what it names");
    fs::set_permissions(&own, Permissions::from_mode(0o700)).expect("a mode");
    if std::os::unix::fs::lchown(&link, Some(STRANGER), None).is_ok() {
        assert!(check_directory(&link).is_err(), "the link is another user's");
    }
}

#[test]
fn a_file_is_trusted_and_appended_to_if_no_other_user_may_change_it() {
    let (_directory, root) = place();
    let path = root.join("file");
    let mut tried = Tried::default();
    fs::write(&path, "old\n").expect("a file");
    let modes: Vec<_> = MODES.iter().map(|mode| mode & 0o666).collect();
    for kind in Kind::all(&[me(), 0, STRANGER, UNKNOWN], &modes).into_iter().filter(|kind| kind.give(&path)) {
        let advice = if kind.is_trusted_owner() { "with chmod go-w" } else { "it is another user's (number " };
        let how = format!("{kind:?}");
        tried.note(kind.is_private(), &check_file(&path), &[advice], &how);
        fs::write(&path, "old\n").expect("to write");
        let write = |file: fs::File| (&file).write_all(b"new\n");
        tried.note(kind.is_private(), &open_to_append(&path).and_then(write), &[advice], &how);
        let appended = if kind.is_private() { "old\nnew\n" } else { "old\n" };
        assert_eq!(fs::read_to_string(&path).expect("text"), appended, "{how}");
        tried.note(kind.is_private(), &open_to_replace(&path).and_then(write), &[advice], &how);
        let replaced = if kind.is_private() { "new\n" } else { "old\n" };
        assert_eq!(fs::read_to_string(&path).expect("text"), replaced, "{how}");
    }
    assert!(tried.0.iter().all(|count| *count >= 3), "{:?}", tried.0);
}

/// Each line goes to the end, also when somebody has cut the file meanwhile, as `logrotate` does; and two programs that write
/// into one file do not write over each other's lines.
#[test]
fn what_is_appended_goes_to_the_end_of_the_file_as_it_is_then() {
    let (_directory, root) = place();
    for is_new in [true, false] {
        let path = root.join(format!("trace-{is_new}"));
        if !is_new {
            fs::write(&path, "before\n").expect("a file");
            fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("a mode");
        }
        let [mut one, mut other] = [(); 2].map(|()| open_to_append(&path).expect("a file"));
        assert_eq!(fs::metadata(&path).expect("a file").mode() & 0o077, if is_new { 0 } else { 0o044 });
        for file in [&one, &other] {
            let flags = rustix::fs::fcntl_getfl(file).expect("its flags");
            assert!(!flags.contains(rustix::fs::OFlags::NONBLOCK), "a pipe that is full would refuse a line");
        }
        for round in 0..3 {
            one.write_all(format!("one {round}\n").as_bytes()).expect("to write");
            other.write_all(format!("other {round}\n").as_bytes()).expect("to write");
            let text = fs::read_to_string(&path).expect("text");
            assert!(text.ends_with(&format!("one {round}\nother {round}\n")), "{text}");
        }
        fs::write(&path, "").expect("to cut it");
        one.write_all(b"after\n").expect("to write");
        assert_eq!(fs::read_to_string(&path).expect("text"), "after\n");
    }
}
