//! Where a user's files are, and who may use them.
//!
//! ```text
//! <home>/<user>-<server>-<digest>/     one directory a user and server: the person's client's
//!     lock                             held while it runs
//!     outbox_tmp.csv  history/messages.csv
//!     pipe-1/ … pipe-8/                the same again, each for one pipe at a time
//! ```
//! Scripts may send while the client of the same user runs, and for as long as they like. They
//! cannot share its files, so they have their own; `take_over` brings together what each
//! leaves behind.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use blake2::Digest as _;
use parking_lot::Mutex;

use super::error::LedgerError;
use super::history::History;
use super::outbox::{Outbox, Settled, Waiting};
use super::take_over::take_over;
use super::texts::words;
use crate::disk::Disk;
use crate::limits;
use crate::model::{Seq, State, Timestamp, UserName};
use crate::protocol::Ko;

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
    /// A person's client: it alone receives.
    Person,
    /// A pipe: it only sends.
    Pipe,
}

/// The files of one client, open and locked.
pub struct Home {
    pub outbox: Mutex<Outbox>,
    pub history: Mutex<History>,
    /// Torn ends that were set aside; a person is told.
    pub torn: Vec<PathBuf>,
    /// Held as long as this is. The mutex only lets threads share what holds it.
    _lock: Mutex<Box<dyn Send>>,
}

impl Home {
    /// Opens the files, or makes them, and settles what earlier deaths left between them. `path` is
    /// the user's directory. [`LedgerError::InUse`]: try again, or give up.
    pub fn open(disk: &Arc<dyn Disk>, path: &Path, user: &UserName, how: Use) -> Result<Self, LedgerError> {
        let (own, home) = match how {
            Use::Person => (path.to_path_buf(), Self::open_seat(disk, path, user)?),
            Use::Pipe => Self::first_free(disk, path, user)?,
        };
        for seat in std::iter::once(path.to_path_buf()).chain(pipes(path)).filter(|seat| *seat != own) {
            take_over(disk, &seat, &home, how)?;
        }
        home.history.lock().forget_settled();
        Ok(home)
    }

    fn first_free(disk: &Arc<dyn Disk>, path: &Path, user: &UserName) -> Result<(PathBuf, Self), LedgerError> {
        for seat in pipes(path) {
            match Self::open_seat(disk, &seat, user) {
                Err(LedgerError::InUse { .. }) => {}
                home => return Ok((seat, home?)),
            }
        }
        Err(LedgerError::InUse { path: path.into() })
    }

    fn open_seat(disk: &Arc<dyn Disk>, path: &Path, user: &UserName) -> Result<Self, LedgerError> {
        make_directories(&**disk, &path.join("history"))?;
        let lock = lock(&**disk, path)?;
        let (mut outbox, torn_outbox) = Outbox::open(disk.clone(), outbox_file(path))?;
        let (history, torn_history) = History::open(disk.clone(), history_file(path), user.clone())?;
        settle_known(&mut outbox, &history)?;
        let torn = torn_outbox.into_iter().chain(torn_history).collect();
        Ok(Self { outbox: Mutex::new(outbox), history: Mutex::new(history), torn, _lock: Mutex::new(lock) })
    }

    /// The server has this message: history synced, then outbox marked, then told. Cut in between,
    /// the next start finds it in the history and takes it out of the outbox.
    pub fn accepted(&self, message: &Waiting, at: Timestamp, seq: Seq) -> Result<State, LedgerError> {
        let state = self.history.lock().add_sent(message, at, seq)?;
        self.outbox.lock().settle(&message.id, Settled::Done)?;
        Ok(state)
    }

    /// The server will never take this message: the same, with the reason.
    pub fn failed(&self, message: &Waiting, why: &Ko) -> Result<(), LedgerError> {
        self.history.lock().add_failed(message, why)?;
        self.outbox.lock().settle(&message.id, Settled::Failed)
    }

    /// Ends all writing, and waits for what is being written: the program is about to end, and its
    /// files shall not end torn.
    pub fn close(&self) {
        self.outbox.lock().close();
        self.history.lock().close();
    }
}

/// Takes out of the outbox what the history knows: the history was synced, and the mark was not.
pub(super) fn settle_known(outbox: &mut Outbox, history: &History) -> Result<(), LedgerError> {
    let waiting: Vec<_> = outbox.waiting().map(|message| message.id.clone()).collect();
    waiting.iter().filter(|id| history.has_settled(id)).try_for_each(|id| outbox.settle(id, Settled::Done))
}

fn pipes(path: &Path) -> impl Iterator<Item = PathBuf> {
    (1..=limits::CLIENT_PIPES).map(move |number| path.join(format!("pipe-{number}")))
}

pub(super) fn outbox_file(path: &Path) -> PathBuf {
    path.join("outbox_tmp.csv")
}

pub(super) fn history_file(path: &Path) -> PathBuf {
    path.join("history").join("messages.csv")
}

pub(crate) fn lock(disk: &dyn Disk, path: &Path) -> Result<Box<dyn Send>, LedgerError> {
    let path = path.join("lock");
    disk.lock(&path).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => LedgerError::InUse { path },
        _ => LedgerError::io(&path, words::LOCK)(error),
    })
}

/// Makes the directories, and their names durable: a synced file in a directory that a power cut
/// takes away is lost.
pub(crate) fn make_directories(disk: &dyn Disk, path: &Path) -> Result<(), LedgerError> {
    disk.create_dir(path).map_err(LedgerError::io(path, words::MAKE))?;
    for directory in path.ancestors() {
        let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        match disk.sync_dir(directory) {
            // Somebody else's, and so not made by us.
            Err(error) if not_ours(error.kind()) => break,
            done => done.map_err(LedgerError::io(directory, words::SYNC))?,
        }
    }
    Ok(())
}

fn not_ours(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::InvalidInput)
}
