//! Why a store cannot be opened or read. Each says what to do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::journal::JournalError;

#[derive(Debug)]
pub enum StoreError {
    Io { file: PathBuf, error: io::Error },
    Locked { directory: PathBuf },
    Damaged { file: PathBuf, line: u64, what: String },
    NoCheckpoint { directory: PathBuf },
    Newer { file: PathBuf },
    Journal(JournalError),
}

impl StoreError {
    pub fn io(file: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        |error| Self::Io { file: file.to_path_buf(), error }
    }
}

impl From<JournalError> for StoreError {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Io { file, error } => Self::Io { file, error },
            JournalError::Newer { file } => Self::Newer { file },
            damage => Self::Journal(damage),
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
            Self::Io { file, error } => write!(f, "{}: {error}", file.display()),
            Self::Locked { directory } => write!(
                f,
                "{}: another wachat serves this directory; stop it, or choose another --data",
                directory.display()
            ),
            Self::Damaged { file, line, what } => {
                write!(f, "{} line {line}: {what}; {RESTORE}", file.display())
            }
            Self::NoCheckpoint { directory } => {
                write!(f, "{}: there is a journal or a history, but no checkpoint; {RESTORE}", directory.display())
            }
            Self::Newer { file } => {
                write!(f, "{}: written by a newer version of wachat; start that one", file.display())
            }
            Self::Journal(damage) => write!(f, "{damage}; {RESTORE}"),
        }
    }
}
