//! Errors of the client's own files.

use std::fmt;
use std::path::PathBuf;

use crate::client::exit::{Failure, failed};
use crate::texts::Phrase;
use crate::wal::WalError;

/// An error of the client's own files. Each says which file, and what to do.
#[derive(Debug)]
pub enum LogError {
    /// The write-ahead log.
    Wal(WalError),
    /// Another client uses this directory.
    InUse { path: PathBuf },
}

impl From<WalError> for LogError {
    fn from(error: WalError) -> Self {
        Self::Wal(error)
    }
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = match self {
            Self::Wal(error) => error,
            Self::InUse { path } => return Phrase::InUse { path: &path.display() }.fmt(f),
        };
        match error {
            WalError::Io { file, error } => Phrase::CannotUse { path: &file.display(), error }.fmt(f),
            WalError::Damaged { file, line, .. } => Phrase::Damaged { path: &file.display(), line }.fmt(f),
            WalError::Missing { file } => Phrase::Missing { path: &file.display() }.fmt(f),
            WalError::Newer { file } => Phrase::OtherVersion { path: &file.display() }.fmt(f),
            WalError::Closed { file } | WalError::TooLong { file, .. } => {
                Phrase::FileClosed { path: &file.display() }.fmt(f)
            }
        }
    }
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        failed(error)
    }
}
