//! Where a user's files are, and who may use them.
//!
//! ```text
//! <home>/<user>-<server>-<digest>/     one directory a user and server
//!     lock                             held while a client runs
//!     outbox_tmp.csv  history/messages.csv
//!     pipe/                            the same again, for a pipe beside a running client
//! ```
//! A script may send while a client of the same user runs. It cannot share that client's files, so
//! it has a directory of its own; the next client to start takes over what is in there.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use blake2::Digest as _;
use parking_lot::Mutex;

use super::entry::Entry;
use super::error::LedgerError;
use super::history::{self, History};
use super::ledger::Ledger;
use super::outbox::{Outbox, Settled};
use crate::disk::Disk;
use crate::model::{MessageId, UserName};

const OUTBOX: &str = "outbox_tmp.csv";

/// The directory of a user and server, below the home: a part that people can read, and a digest
/// that tells apart what the readable part does not.
pub fn directory(home: &Path, user: &UserName, server: &str) -> PathBuf {
    let digest = blake2::Blake2s256::digest(format!("{}\n{}", user.mapped(), server.to_lowercase()));
    let digest: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    home.join(format!("{}-{}-{digest}", readable(user.mapped()), readable(server)))
}

fn readable(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    text.chars().take(32).map(plain).collect()
}

/// Who asks for the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// A person, or a pipe while no person's client runs.
    Alone,
    /// A pipe: where the files are in use, beside them.
    Beside,
}

/// The files of one user at one server, open and locked.
pub struct Home {
    pub outbox: Mutex<Outbox>,
    pub history: Mutex<History>,
    /// Torn ends that were set aside; a person is told.
    pub torn: Vec<PathBuf>,
    /// Held as long as this is. The mutex only lets threads share what holds it.
    _lock: Mutex<Box<dyn Send>>,
}

impl Home {
    /// Opens the files, or makes them, and settles what an earlier death left between them.
    pub fn open(disk: &Arc<dyn Disk>, path: &Path, user: &UserName, how: Use) -> Result<Self, LedgerError> {
        make_directories(&**disk, path)?;
        match Self::open_alone(disk, path, user) {
            Err(LedgerError::InUse { .. }) if how == Use::Beside => {
                let pipe = path.join("pipe");
                make_directories(&**disk, &pipe)?;
                Self::open_files(disk, &pipe, user)
            }
            opened => opened,
        }
    }

    fn open_alone(disk: &Arc<dyn Disk>, path: &Path, user: &UserName) -> Result<Self, LedgerError> {
        let home = Self::open_files(disk, path, user)?;
        let settled = home.history.lock().take_settled();
        adopt(disk, &path.join("pipe"), &home, &settled)?;
        Ok(home)
    }

    fn open_files(disk: &Arc<dyn Disk>, path: &Path, user: &UserName) -> Result<Self, LedgerError> {
        let lock = lock(&**disk, &path.join("lock"))?;
        let (mut outbox, torn_outbox) = Outbox::open(disk.clone(), path.join(OUTBOX))?;
        let (history, torn_history) = History::open(disk.clone(), history_file(path), user.clone())?;
        // The history was synced, and the mark in the outbox was not.
        let waiting: Vec<_> = outbox.waiting().map(|message| message.id.clone()).collect();
        for id in waiting.iter().filter(|id| history.has_settled(id)) {
            outbox.settle(id, Settled::Done)?;
        }
        let torn = torn_outbox.into_iter().chain(torn_history).collect();
        Ok(Self { outbox: Mutex::new(outbox), history: Mutex::new(history), torn, _lock: Mutex::new(lock) })
    }

    /// Ends all writing, and waits for what is being written: the program is about to end, and its
    /// files shall not end torn.
    pub fn close(&self) {
        self.outbox.lock().close();
        self.history.lock().close();
    }
}

fn history_file(path: &Path) -> PathBuf {
    path.join("history").join("messages.csv")
}

fn lock(disk: &dyn Disk, path: &Path) -> Result<Box<dyn Send>, LedgerError> {
    disk.lock(path).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => LedgerError::InUse { path: path.into() },
        _ => LedgerError::io(path, "lock")(error),
    })
}

/// Makes the directories, and their names durable: a synced file in a directory that a power cut
/// takes away is lost.
fn make_directories(disk: &dyn Disk, path: &Path) -> Result<(), LedgerError> {
    let history = path.join("history");
    disk.create_dir(&history).map_err(LedgerError::io(&history, "make"))?;
    for directory in path.ancestors() {
        let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        match disk.sync_dir(directory) {
            // Somebody else's, and so not made by us.
            Err(error) if not_ours(error.kind()) => break,
            done => done.map_err(LedgerError::io(directory, "sync"))?,
        }
    }
    Ok(())
}

fn not_ours(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::InvalidInput)
}

/// Takes over what a pipe left behind: rows of what it sent, and what it could only queue. A row or
/// a message that is here already stays here once, so this may be cut anywhere and done again.
fn adopt(disk: &Arc<dyn Disk>, pipe: &Path, home: &Home, settled: &HashSet<MessageId>) -> Result<(), LedgerError> {
    if !disk.exists(&history_file(pipe)).map_err(LedgerError::io(pipe, "look for"))? {
        return Ok(());
    }
    let _lock = match lock(&**disk, &pipe.join("lock")) {
        Err(LedgerError::InUse { .. }) => return Ok(()),
        lock => lock?,
    };
    let mut rows = Vec::new();
    let (mut notes, _) = Ledger::open(disk.clone(), history_file(pipe), history::KIND, &mut |fields| {
        rows.push(Entry::read(fields)?);
        Some(())
    })?;
    let (mut outbox, _) = Outbox::open(disk.clone(), pipe.join(OUTBOX))?;
    let theirs: HashSet<_> = rows.iter().filter_map(|row| row.id().cloned()).collect();
    rows.retain(|row| row.id().is_some_and(|id| !settled.contains(id)));
    home.history.lock().adopt(rows)?;
    let mut mine = home.outbox.lock();
    let here = |id: &MessageId| theirs.contains(id) || settled.contains(id) || mine.waiting().any(|m| m.id == *id);
    let waiting = outbox.waiting().filter(|message| !here(&message.id)).cloned().collect();
    mine.queue_all(waiting)?;
    outbox.clear()?;
    notes.rewrite(&[])
}
