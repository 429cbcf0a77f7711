//! Errors of the client's own files.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::client::texts::{Phrase, Three};

/// An error of the client's own files. Each says which file, and what to do.
#[derive(Debug)]
pub enum LogError {
    Io {
        path: PathBuf,
        doing: Three,
        source: io::Error,
    },
    /// Bytes that were once synced are no longer whole.
    Damaged {
        path: PathBuf,
        line: u64,
    },
    /// The file is of another kind, or of a later version.
    Version {
        path: PathBuf,
        found: String,
    },
    /// An earlier write failed, so that the end of the file is not known.
    Closed {
        path: PathBuf,
    },
    /// Another client uses this directory.
    InUse {
        path: PathBuf,
    },
}

impl LogError {
    /// Adds to an error of the operating system the file, and the call that failed.
    pub fn io(path: &Path, doing: Three) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { path, doing, source }
    }
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, doing, source } => Phrase::CannotDo { doing, path: &path.display(), error: source }.fmt(f),
            Self::Damaged { path, line } => Phrase::Damaged { path: &path.display(), line }.fmt(f),
            Self::Version { path, found } => {
                Phrase::OtherVersion { path: &path.display(), found: &format!("{found:?}") }.fmt(f)
            }
            Self::Closed { path } => Phrase::FileClosed { path: &path.display() }.fmt(f),
            Self::InUse { path } => Phrase::InUse { path: &path.display() }.fmt(f),
        }
    }
}

impl std::error::Error for LogError {}
