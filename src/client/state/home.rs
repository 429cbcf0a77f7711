//! The directory of a user's files, and its lock.
//!
//! ```text
//! <home>/<user>-<server>-<digest>/     one directory a user and server: the person's client's
//!     lock                             held while it runs
//!     log.csv                          the client's log
//!     pipe-1/ … pipe-8/                the same again, each for one pipe at a time
//! ```
//! Scripts may send while the client of the same user runs, and for as long as they like. They cannot share
//! its log, so each has its own; `take_over` brings together what they leave behind.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use blake2::Digest as _;

use super::machine::ClientState;
use super::error::LogError;
use super::log::Log;
use super::record::Record;
use super::take_over::take_over;
use crate::client::texts::words;
use crate::disk::Disk;
use crate::limits;
use crate::model::UserName;
use crate::protocol::Codec as _;

/// The kind of file, in its first line.
const KIND: &str = "wachat-client";

/// Returns the directory of a user and server, below the home: a readable part, and a digest that tells apart
/// what the readable part does not.
pub fn directory(home: &Path, user: &UserName, server: &str) -> PathBuf {
    let digest = blake2::Blake2s256::digest(format!("{}\n{}", user.mapped(), server.to_lowercase()));
    let digest: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    home.join(format!("{}-{}-{digest}", readable(user.mapped()), readable(server)))
}

fn readable(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    text.chars().take(32).map(plain).collect()
}

/// The two uses of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// A person's client: it alone receives.
    Person,
    /// A pipe: it only sends.
    Pipe,
}

/// The log of one client, open and locked.
pub struct Files {
    log: Log,
    /// A torn batch that was set aside; the user is told.
    pub torn: Option<PathBuf>,
    _lock: Box<dyn Send>,
}

impl Files {
    /// Appends the records that were applied to the state since the last commit: one write and one sync. When
    /// this returns they are durable.
    pub fn commit(&mut self, records: &[u8]) -> Result<(), LogError> {
        if records.is_empty() { Ok(()) } else { self.log.append(records) }
    }
}

/// The state of one client, and its files.
pub struct Home {
    pub state: ClientState,
    pub files: Files,
}

impl Home {
    /// Opens the log, or makes it, and takes over what other programs of the user left behind. `path` is the
    /// user's directory. [`LogError::InUse`]: another program has it; it may end soon.
    pub fn open(disk: &Arc<dyn Disk>, path: &Path, user: &UserName, how: Use) -> Result<Self, LogError> {
        let (own, mut home) = match how {
            Use::Person => (path.to_path_buf(), Self::open_directory(disk, path, user)?),
            Use::Pipe => Self::open_first_free(disk, path, user)?,
        };
        for other in std::iter::once(path.to_path_buf()).chain(pipes(path)).filter(|other| *other != own) {
            take_over(disk, &other, &mut home, how)?;
        }
        home.state.forget_settled();
        Ok(home)
    }

    fn open_first_free(disk: &Arc<dyn Disk>, path: &Path, user: &UserName) -> Result<(PathBuf, Self), LogError> {
        for pipe in pipes(path) {
            match Self::open_directory(disk, &pipe, user) {
                Err(LogError::InUse { .. }) => {}
                home => return Ok((pipe, home?)),
            }
        }
        Err(LogError::InUse { path: path.into() })
    }

    fn open_directory(disk: &Arc<dyn Disk>, path: &Path, user: &UserName) -> Result<Self, LogError> {
        make_directories(&**disk, path)?;
        let lock = lock(&**disk, path)?;
        let mut state = ClientState::new(user.clone());
        let (log, torn) = open_log(disk, path, &mut |record| _ = state.apply(record))?;
        Ok(Self { state, files: Files { log, torn, _lock: lock } })
    }

    /// Makes the records durable that were applied to the state.
    pub fn commit(&mut self) -> Result<(), LogError> {
        self.files.commit(&self.state.take_uncommitted())
    }
}

/// Opens the log in a directory, and hands each of its records to `apply`.
pub(super) fn open_log(
    disk: &Arc<dyn Disk>,
    directory: &Path,
    apply: &mut dyn FnMut(Record),
) -> Result<(Log, Option<PathBuf>), LogError> {
    Log::open(disk.clone(), log_file(directory), KIND, &mut |fields| Record::from_fields(fields).map(&mut *apply))
}

fn pipes(path: &Path) -> impl Iterator<Item = PathBuf> {
    (1..=limits::CLIENT_PIPES).map(move |number| path.join(format!("pipe-{number}")))
}

pub(super) fn log_file(directory: &Path) -> PathBuf {
    directory.join("log.csv")
}

/// Takes the lock of a directory. [`LogError::InUse`]: another program has it.
pub fn lock(disk: &dyn Disk, directory: &Path) -> Result<Box<dyn Send>, LogError> {
    let path = directory.join("lock");
    disk.lock(&path).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => LogError::InUse { path },
        _ => LogError::io(&path, words::LOCK)(error),
    })
}

/// Makes a directory and those above it, and their names durable: a synced file in a directory that a power cut
/// takes away is lost.
pub fn make_directories(disk: &dyn Disk, path: &Path) -> Result<(), LogError> {
    disk.create_dir(path).map_err(LogError::io(path, words::MAKE))?;
    for directory in path.ancestors() {
        let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        match disk.sync_dir(directory) {
            // Another user's directory, and so not made here.
            Err(error) if is_not_ours(error.kind()) => break,
            done => done.map_err(LogError::io(directory, words::SYNC))?,
        }
    }
    Ok(())
}

fn is_not_ours(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::InvalidInput)
}
