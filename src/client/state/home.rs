//! The directory of a user's files, and its lock.
//!
//! ```text
//! <home>/<user>-<server>-<digest>/     one directory a user and server: the person's client's
//!     lock                             held while it runs
//!     wal/                             the client's write-ahead log
//!     pipe-1/ … pipe-8/                the same again, each for one pipe at a time
//! ```
//! Scripts may send while the client of the same user runs, and for as long as they like. They cannot share
//! its log, so each has its own; `take_over` brings together what they leave behind.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use blake2::Digest as _;

use super::error::LogError;
use super::machine::ClientState;
use super::record::Record;
use super::take_over::take_over;
use crate::disk::{Disk, RealDisk};
use crate::limits;
use crate::model::UserName;
use crate::protocol::Codec as _;
use crate::wal::{Location, SmallWal, WalError};

/// The kind of log, in the head of its files.
const OWNER: &str = "client";

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
    log: SmallWal,
    /// A torn batch that was set aside; the user is told.
    pub torn: Option<PathBuf>,
    _lock: Box<dyn Send>,
}

impl Files {
    /// Appends the records that were applied to the state since the last commit: one write and one sync. When
    /// this returns they are durable.
    pub fn commit(&mut self, records: &[u8]) -> Result<(), LogError> {
        Ok(self.log.append_batch(records)?)
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

    /// Opens the user's directory on the real disk. Another client may be about to end: this
    /// one tries again for a moment.
    pub fn open_when_free(path: &Path, user: &UserName, how: Use) -> Result<Self, LogError> {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let timeout = if how == Use::Pipe { limits::PIPE_TIMEOUT } else { limits::QUIT_TIMEOUT };
        let start = Instant::now();
        loop {
            match Self::open(&disk, path, user, how) {
                Err(LogError::InUse { .. }) if start.elapsed() < timeout => thread::sleep(Duration::from_millis(20)),
                opened => return opened,
            }
        }
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
) -> Result<(SmallWal, Option<PathBuf>), LogError> {
    let location = Location { disk: disk.clone(), directory: log_directory(directory), owner: OWNER.into() };
    let (log, torn) = SmallWal::open(location, &mut |fields| Record::from_fields(fields).map(&mut *apply))?;
    Ok((log, torn.and_then(|torn| torn.moved_to)))
}

fn pipes(path: &Path) -> impl Iterator<Item = PathBuf> {
    (1..=limits::CLIENT_PIPES).map(move |number| path.join(format!("pipe-{number}")))
}

pub(super) fn log_directory(directory: &Path) -> PathBuf {
    directory.join("wal")
}

/// Takes the lock of a directory. [`LogError::InUse`]: another program has it.
pub fn lock(disk: &dyn Disk, directory: &Path) -> Result<Box<dyn Send>, LogError> {
    let path = directory.join("lock");
    disk.lock(&path).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => LogError::InUse { path },
        _ => WalError::io(&path)(error).into(),
    })
}

/// Makes a directory and those above it, and their names durable: a synced file in a directory that a power cut
/// takes away is lost.
pub fn make_directories(disk: &dyn Disk, path: &Path) -> Result<(), LogError> {
    disk.create_dir(path).map_err(WalError::io(path))?;
    for directory in path.ancestors() {
        let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        match disk.sync_dir(directory) {
            // Another user's directory, and so not made here.
            Err(error) if is_not_ours(error.kind()) => break,
            done => done.map_err(WalError::io(directory))?,
        }
    }
    Ok(())
}

fn is_not_ours(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::InvalidInput)
}
