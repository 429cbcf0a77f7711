//! Why a store cannot be opened or read. Each says what to do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::wal::WalError;

#[derive(Debug)]
pub enum StoreError {
    Io {
        file: PathBuf,
        error: io::Error,
    },
    Locked {
        directory: PathBuf,
    },
    /// A line (counted from 1; 0 where no line can be named) that is not what was written.
    Damaged {
        file: PathBuf,
        line: u64,
        what: String,
    },
    NoCheckpoint {
        directory: PathBuf,
    },
    /// Nothing in the directory is a store's.
    NoStore {
        directory: PathBuf,
    },
    Newer {
        file: PathBuf,
    },
    /// Of a form that no released version ever wrote.
    Development {
        file: PathBuf,
    },
    /// A backup keeps its store's name and its numbers: served as it stands, clients would take its
    /// messages for those that they have.
    IsBackup {
        directory: PathBuf,
    },
    /// A restore into this directory did not come to its end.
    HalfRestored {
        directory: PathBuf,
    },
    /// Not a whole backup.
    NoBackup {
        directory: PathBuf,
    },
    /// A backup or a restore does not write where something is already.
    NotEmpty {
        directory: PathBuf,
    },
    /// The store was changing all the time while it was copied.
    TooBusy {
        directory: PathBuf,
    },
    /// What was found wrong with a backup, a line each.
    DamagedBackup {
        directory: PathBuf,
        damage: Vec<String>,
    },
    Wal(WalError),
}

impl StoreError {
    pub fn io(file: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        |error| Self::Io { file: file.to_path_buf(), error }
    }

    /// What is wrong, without what to do about it.
    pub(super) fn what(&self) -> String {
        match self {
            Self::Damaged { file, line: 0, what } => format!("{}: {what}", file.display()),
            Self::Damaged { file, line, what } => format!("{} line {line}: {what}", file.display()),
            Self::Wal(damage) => damage.to_string(),
            Self::NoCheckpoint { directory } => {
                format!("{}: there is a write-ahead log or a history, but no checkpoint", directory.display())
            }
            Self::Io { file, error } => format!("{}: {error}", file.display()),
            other => other.to_string(),
        }
    }
}

impl From<WalError> for StoreError {
    fn from(error: WalError) -> Self {
        match error {
            WalError::Io { file, error } => Self::Io { file, error },
            WalError::Newer { file } => Self::Newer { file },
            damage => Self::Wal(damage),
        }
    }
}

/// What to do about damage: this program never guesses what a damaged line said.
const RESTORE: &str = "nothing was changed; put back a backup, or start with another --data";

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { file, error } if error.kind() == io::ErrorKind::PermissionDenied => {
                write!(f, "{}: {error}; choose a directory that you may write to with --data", file.display())
            }
            Self::Io { error, .. } if error.kind() == io::ErrorKind::StorageFull => {
                write!(f, "{}; free some space on the disk", self.what())
            }
            Self::Io { .. } => write!(f, "{}; look after the disk, then try again", self.what()),
            Self::Damaged { .. } | Self::NoCheckpoint { .. } | Self::Wal(_) => {
                write!(f, "{}; {RESTORE}", self.what())
            }
            Self::Locked { directory } => write!(
                f,
                "{}: another wachat serves this directory; stop it, or choose another --data",
                directory.display()
            ),
            Self::NoStore { directory } => {
                write!(f, "{}: there is no store; name one with --data", directory.display())
            }
            Self::Newer { file } => {
                write!(f, "{}: written by a newer version of wachat; start that one", file.display())
            }
            Self::Development { file } => write!(
                f,
                "{}: written by a development version of wachat, which this one cannot read; start that one, \
                 or begin anew with another --data",
                file.display()
            ),
            Self::IsBackup { directory } => write!(
                f,
                "{}: this is a backup, or the beginning of one; put it back with wachat restore, or choose another \
                 --data",
                directory.display()
            ),
            Self::HalfRestored { directory } => write!(
                f,
                "{}: a restore into this directory was interrupted; run the same wachat restore again",
                directory.display()
            ),
            Self::NoBackup { directory } => write!(
                f,
                "{}: this is no whole backup: there is no backup.csv, which wachat backup writes last",
                directory.display()
            ),
            Self::NotEmpty { directory } => {
                write!(f, "{}: there is something in it already; name a new directory", directory.display())
            }
            Self::TooBusy { directory } => write!(
                f,
                "{}: the server made checkpoints faster than they could be copied; try again when it is less busy",
                directory.display()
            ),
            Self::DamagedBackup { directory, damage } => {
                write!(f, "{}: this backup is damaged and cannot be used", directory.display())?;
                damage.iter().try_for_each(|line| write!(f, "\nwachat: {line}"))
            }
        }
    }
}
