//! Files and directories that other users of the machine could have prepared: owner and mode are checked, and new files
//! are made exclusively, never through a link.
//!
//! Trusted owners are the user that runs the program, and root. Group write permission is accepted for the group that
//! has the user's own number: with umask 002 every directory of a user has it, and nobody else is in that group.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;
use rustix::process::geteuid;

/// Modes of files and directories: no other user of the machine can read them.
const FILE_MODE: u32 = 0o600;
const DIRECTORY_MODE: u32 = 0o700;

/// Owner that a container shows for directories of users that it does not know: those above what is mounted in it.
const UNMAPPED: u32 = 65_534;

const STICKY: u32 = 0o1000;
const GROUP_WRITE: u32 = 0o020;
const OTHERS_WRITE: u32 = 0o002;

/// Returns options that open a file for reading and writing; a link is refused, and a new file is private.
pub(super) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(FILE_MODE).custom_flags(flags(OFlags::NOFOLLOW));
    options
}

/// Creates an empty file. One that is trusted is emptied, and stays the same file: it may be locked. Another one, or a
/// link, is removed first, and not written to.
pub(super) fn create(path: &Path) -> io::Result<File> {
    let exclusive = || options().create_new(true).open(path);
    match exclusive() {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        created => return created,
    }
    if !is_own_file(&fs::symlink_metadata(path)?) {
        fs::remove_file(path)?;
        return exclusive();
    }
    let file = options().open(path)?;
    file.set_len(0)?;
    Ok(file)
}

/// Returns whether an entry of a directory is a file with this name alone, which no other user may change.
fn is_own_file(found: &Metadata) -> bool {
    found.is_file() && found.nlink() == 1 && check_owner(found).is_ok() && !is_shared(found)
}

/// Creates a directory and those above it, and checks that no other user can change it.
pub(super) fn create_directory(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path)?;
    check_directory(path)
}

/// Checks that no other user can change a directory, or put another one in its place.
pub fn check_directory(path: &Path) -> io::Result<()> {
    check_owner(&fs::symlink_metadata(path)?)?;
    let found = fs::metadata(path)?;
    check_owner(&found)?;
    if is_shared(&found) {
        return Err(refused("other users may write to it; take that permission away with chmod go-w"));
    }
    for above in fs::canonicalize(path)?.ancestors().skip(1) {
        let found = fs::metadata(above)?;
        if !is_trusted(&found) && found.uid() != UNMAPPED {
            let above = above.display();
            let uid = found.uid();
            return Err(refused(&format!(
                "{above}, above it, is another user's (number {uid}), who may rename what is in it; choose another directory"
            )));
        }
        // Root has chosen the group of its own directory.
        let is_open = found.mode() & OTHERS_WRITE != 0 || found.uid() != 0 && is_shared(&found);
        if is_open && found.mode() & STICKY == 0 {
            let above = above.display();
            return Err(refused(&format!(
                "other users may rename what is in {above}, above it; use chmod go-w or chmod +t there, or choose another \
                 directory"
            )));
        }
    }
    Ok(())
}

/// Opens a file to append to, or creates it. One that exists has to be this user's or root's; only root and this user
/// may write to it.
pub fn open_to_append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true);
    match options.clone().create_new(true).mode(FILE_MODE).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        created => return created,
    }
    // `/dev/stderr` is a link, which root has made.
    check_owner(&fs::symlink_metadata(path)?)?;
    let file = options.custom_flags(flags(OFlags::NONBLOCK)).open(path)?;
    let found = file.metadata()?;
    check_owner(&found)?;
    check_not_shared(&found)?;
    rustix::fs::fcntl_setfl(&file, OFlags::APPEND)?;
    Ok(file)
}

/// Opens a file as [`open_to_append`] does, and empties it.
pub fn open_to_replace(path: &Path) -> io::Result<File> {
    let file = open_to_append(path)?;
    if file.metadata()?.is_file() {
        file.set_len(0)?;
    }
    Ok(file)
}

/// Checks a server's socket before anything is sent there. Root administers the servers of other users, too.
pub fn check_socket(path: &Path) -> io::Result<()> {
    if geteuid().is_root() { Ok(()) } else { check_owner(&fs::symlink_metadata(path)?) }
}

/// Checks a file that is trusted: its owner, and that no other user may write to it.
pub fn check_file(path: &Path) -> io::Result<()> {
    let found = fs::metadata(path)?;
    check_owner(&found)?;
    check_not_shared(&found)
}

fn check_not_shared(found: &Metadata) -> io::Result<()> {
    match found.is_file() && is_shared(found) {
        true => Err(refused("other users may write to it; take that permission away with chmod go-w")),
        false => Ok(()),
    }
}

fn is_trusted(found: &Metadata) -> bool {
    found.uid() == 0 || found.uid() == geteuid().as_raw()
}

fn check_owner(found: &Metadata) -> io::Result<()> {
    if is_trusted(found) {
        return Ok(());
    }
    Err(refused(&format!(
        "it is another user's (number {}); run this as that user, give it to yours with chown, or choose another one",
        found.uid()
    )))
}

fn is_shared(found: &Metadata) -> bool {
    let is_private_group = found.gid() == geteuid().as_raw();
    found.mode() & OTHERS_WRITE != 0 || found.mode() & GROUP_WRITE != 0 && !is_private_group
}

fn refused(what: &str) -> io::Error {
    io::Error::other(what)
}

fn flags(flags: OFlags) -> i32 {
    // Flags of open(2) are an int.
    flags.bits().cast_signed()
}
