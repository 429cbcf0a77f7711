//! The files in one directory: the log and its lock.

use std::io::ErrorKind::{InvalidInput, PermissionDenied, ReadOnlyFilesystem, WouldBlock};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::checkpoint;
use super::error::LogError;
use super::machine::ClientState;
use super::record::Record;
use super::removal;
use crate::disk::Disk;
use crate::limits;
use crate::model::UserName;
use crate::protocol::Codec as _;
use crate::record::Fields;
use crate::wal::{Covered, Location, SmallWal, WalError, is_covered, replay_all};

/// Bytes of the log of a pipe above which it forgets the messages that were sent: a few thousand, read in milliseconds.
const PIPE_LOG_BYTES: u64 = 256 << 10;

/// The kind of log, in the head of its files.
const OWNER: &str = "client";

/// The log of one client, open and locked.
pub struct Files {
    pub(super) log: SmallWal,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) directory: PathBuf,
    /// The part of the log of which memory may hold no rows.
    pub(super) covered: Option<Covered>,
    /// The bytes of the log that lead to a checkpoint.
    pub checkpoint_bytes: u64,
    /// The last checkpoint has found a damaged segment that may have texts which were taken back. The one that is due next by
    /// its bytes tries again, and the end of the program.
    pub(super) has_left_texts: bool,
    /// A torn batch that was set aside; the user is told.
    pub torn: Option<PathBuf>,
    pub(super) _lock: Box<dyn Send>,
}

impl Files {
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Appends records in one batch. When this returns they are durable.
    pub fn commit(&mut self, records: &[u8]) -> Result<(), LogError> {
        Ok(self.log.append_batch(records)?)
    }

    /// Makes a checkpoint when much was written since the last one, and removes old rows from memory.
    pub fn make_checkpoint_when_due(&mut self, state: &mut ClientState) -> Result<(), LogError> {
        let has_many_erased = state.erased_in_log >= limits::ERASURES_IN_LOG;
        let is_cleaning_due = has_many_erased && !self.has_left_texts && !self.is_of_pipe();
        if self.log.uncovered_bytes() >= self.checkpoint_bytes || is_cleaning_due {
            self.make_checkpoint(state)?;
        }
        Ok(())
    }

    fn make_checkpoint(&mut self, state: &mut ClientState) -> Result<(), LogError> {
        let covered = self.log.close_segment()?;
        state.remove_old_rows(limits::CLIENT_ROWS_BYTES);
        self.remove_erased_texts(state, &covered)?;
        if !state.has_earlier_store() {
            checkpoint::write(&*self.disk, &self.directory, state, &covered)?;
        }
        self.covered = Some(covered);
        Ok(())
    }

    /// Removes, at the end of the program, the texts that were taken back since the last checkpoint.
    pub fn clean_up(&mut self, state: &mut ClientState) -> Result<(), LogError> {
        if state.erased_in_log == 0 {
            return Ok(());
        }
        if self.is_of_pipe() {
            return self.keep_outbox_alone(&state.outbox_lines());
        }
        // Commit first: a checkpoint covers the records of the log alone.
        self.commit(&state.take_uncommitted())?;
        self.make_checkpoint(state)?;
        self.commit(&state.take_uncommitted())
    }

    /// Checks that no checkpoint is made: a pipe keeps only its outbox.
    fn is_of_pipe(&self) -> bool {
        self.checkpoint_bytes == u64::MAX
    }

    /// Begins the log anew with the lines of the outbox. The server has the messages that were sent.
    fn keep_outbox_alone(&mut self, outbox: &[u8]) -> Result<(), LogError> {
        self.log.compact(outbox)?;
        Ok(self.log.location().remove_set_aside()?)
    }

    /// Removes from the files the texts that were taken back. The checkpoint comes after that: until it is there, a start
    /// finds in the log that it is to be done.
    fn remove_erased_texts(&mut self, state: &mut ClientState, covered: &Covered) -> Result<(), LogError> {
        if state.erased_in_log > 0 {
            self.has_left_texts = !removal::remove_erased_texts(self.log.location(), covered, state.me())?;
            if self.has_left_texts {
                return Ok(());
            }
            // One from before messages of an earlier store were there is not replaced.
            if state.has_earlier_store() {
                checkpoint::remove(&*self.disk, &self.directory)?;
            }
            state.note_cleaned();
        }
        Ok(())
    }

    /// Reads the hashes that a state lacks from the log.
    pub fn restore_hashes(&self, state: &mut ClientState) -> Result<(), LogError> {
        if state.lacks_hashes() {
            let mut whole = ClientState::like(state);
            let apply = &mut |fields: &Fields| Record::from_fields(fields).map(|record| whole.replay(record));
            replay_all(self.log.location(), apply)?;
            state.take_hashes(whole);
        }
        Ok(())
    }

    /// Returns what a lookup in the log needs: its directory, and the part of it that memory does not hold.
    pub fn covered(&self) -> Option<(PathBuf, Covered)> {
        self.covered.map(|covered| (self.directory.clone(), covered))
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

    /// Begins the log of a pipe anew with its outbox alone, when it is large, as each start reads it, or has texts that were
    /// taken back.
    pub(super) fn forget_settled(&mut self) -> Result<(), LogError> {
        let bytes = self.files.log.bytes();
        let outbox = self.state.outbox_lines();
        if bytes > PIPE_LOG_BYTES.max(2 * outbox.len() as u64) || self.state.erased_in_log > 0 {
            self.files.keep_outbox_alone(&outbox)?;
        }
        Ok(())
    }
}

/// Opens the log in a directory, and hands each of its records that no checkpoint covers to `apply`.
pub(super) fn open_log(
    disk: &Arc<dyn Disk>,
    directory: &Path,
    covered: Option<Covered>,
    apply: &mut dyn FnMut(Record),
) -> Result<(SmallWal, Option<PathBuf>), LogError> {
    let apply = &mut |fields: &Fields| Record::from_fields(fields).map(&mut *apply);
    let (log, torn) = SmallWal::open_after(location_of(disk, directory), covered, apply)?;
    Ok((log, torn.and_then(|torn| torn.moved_to)))
}

pub(super) fn location_of(disk: &Arc<dyn Disk>, directory: &Path) -> Location {
    Location { disk: disk.clone(), directory: log_directory(directory), owner: OWNER.into() }
}

/// Reads the state that the checkpoint in a directory holds, if it is one of the log there.
pub(super) fn read_checkpoint(
    disk: &Arc<dyn Disk>,
    directory: &Path,
    user: &UserName,
) -> Result<(ClientState, Option<Covered>), LogError> {
    if let Some((state, covered)) = checkpoint::read(&**disk, directory, user)?
        && is_covered(&location_of(disk, directory), &covered)?
    {
        return Ok((state, Some(covered)));
    }
    checkpoint::remove(&**disk, directory)?;
    Ok((ClientState::new(user.clone()), None))
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
