//! Failures of a write-ahead log.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Says what failed, in which file and line, and what to do. Recovery that ends in an error has changed nothing.
#[derive(Debug)]
pub enum WalError {
    /// The operating system refused a call.
    Io { file: PathBuf, error: io::Error },
    /// A line (counted from 1) is not as it was written.
    Damaged { file: PathBuf, line: u64, what: String },
    /// A segment between the first and the last one does not exist.
    Missing { file: PathBuf },
    /// The segment's version is higher than this program knows.
    Newer { file: PathBuf },
    /// A batch does not fit into the segment: a defect of this program. Nothing of it was written.
    TooLong { file: PathBuf, bytes: usize },
    /// The log was closed, by its owner or by an earlier failed write or sync.
    Closed { file: PathBuf },
}

impl WalError {
    /// Adds to an error of the operating system which file it was.
    pub fn io(file: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        |error| Self::Io { file: file.to_path_buf(), error }
    }
}

/// Tells a file that is missing from one that cannot be read.
pub(super) fn missing_or_io(path: &Path) -> impl FnOnce(io::Error) -> WalError + '_ {
    |error| match error.kind() {
        io::ErrorKind::NotFound => WalError::Missing { file: path.to_path_buf() },
        _ => WalError::io(path)(error),
    }
}

impl fmt::Display for WalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { file, error } if error.kind() == io::ErrorKind::StorageFull => {
                write!(f, "{}: {error}; free some space on the disk", file.display())
            }
            Self::Io { file, error } => write!(f, "{}: {error}; check the disk", file.display()),
            Self::Damaged { file, line, what } => {
                write!(f, "{} line {line}: {what}; nothing was changed; restore a backup", file.display())
            }
            Self::Missing { file } => {
                write!(f, "{}: the file is missing; nothing was changed; restore a backup", file.display())
            }
            Self::Newer { file } => {
                write!(f, "{}: written by a newer version of wachat; start that one", file.display())
            }
            Self::TooLong { file, bytes } => {
                write!(f, "{}: a batch of {bytes} bytes does not fit, and was not written; ", file.display())?;
                f.write_str("this is a defect of wachat, please report it")
            }
            Self::Closed { file } => {
                write!(f, "{}: nothing more is written after a failure; start again", file.display())
            }
        }
    }
}

impl std::error::Error for WalError {}
