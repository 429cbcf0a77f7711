//! What can be wrong with a write-ahead log.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Says which file, where in it, and what is wrong. Nothing was changed.
#[derive(Debug)]
pub enum WalError {
    Io {
        file: PathBuf,
        error: io::Error,
    },
    /// A line (counted from 1) that is not what was written.
    Damaged {
        file: PathBuf,
        line: usize,
        what: String,
    },
    Missing {
        file: PathBuf,
    },
    Newer {
        file: PathBuf,
    },
}

impl WalError {
    pub fn io(file: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        |error| Self::Io { file: file.to_path_buf(), error }
    }
}

impl fmt::Display for WalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { file, error } => write!(f, "{}: {error}", file.display()),
            Self::Damaged { file, line, what } => write!(f, "{} line {line}: {what}", file.display()),
            Self::Missing { file } => write!(f, "{}: the file is missing", file.display()),
            Self::Newer { file } => {
                write!(f, "{}: written by a newer version of wachat; start that one", file.display())
            }
        }
    }
}
