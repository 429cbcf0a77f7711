//! The files in one directory: the log and its lock.

use std::io::ErrorKind::{InvalidInput, PermissionDenied, ReadOnlyFilesystem, WouldBlock};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::LogError;
use super::machine::ClientState;
use super::record::Record;
use crate::disk::Disk;
use crate::limits;
use crate::protocol::Codec as _;
use crate::wal::{Location, SmallWal, WalError};

/// The kind of log, in the head of its files.
const OWNER: &str = "client";

/// The log of one client, open and locked.
pub struct Files {
    pub(super) log: SmallWal,
    /// A torn batch that was set aside; the user is told.
    pub torn: Option<PathBuf>,
    pub(super) _lock: Box<dyn Send>,
}

impl Files {
    /// Appends records in one batch. When this returns they are durable.
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
    /// Makes the records durable that were applied to the state.
    pub fn commit(&mut self) -> Result<(), LogError> {
        self.files.commit(&self.state.take_uncommitted())
    }

    /// Begins the log of a pipe anew with its outbox alone, when it is large: the next start reads it. The server has the
    /// messages that were sent.
    pub(super) fn forget_settled(&mut self) -> Result<(), LogError> {
        let (bytes, lines) = (self.files.log.bytes(), self.state.outbox_lines());
        if bytes > limits::PIPE_LOG_BYTES.max(2 * lines.len() as u64) {
            self.files.log.compact(&lines)?;
        }
        Ok(())
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

pub(super) fn log_directory(directory: &Path) -> PathBuf {
    directory.join("wal")
}

/// Takes the lock of a directory. [`LogError::InUse`]: another program has it.
pub fn lock(disk: &dyn Disk, directory: &Path) -> Result<Box<dyn Send>, LogError> {
    let path = directory.join("lock");
    disk.lock(&path).map_err(|error| match error.kind() {
        WouldBlock => LogError::InUse { path },
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
            Err(error) if matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem | InvalidInput) => break,
            done => done.map_err(WalError::io(directory))?,
        }
    }
    Ok(())
}
