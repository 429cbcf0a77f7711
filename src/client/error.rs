//! What can go wrong in the client: one enum a layer.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::texts::{Phrase, Three, words};
use crate::protocol::{Code, Ko};

/// What can go wrong with the client's own files. Each says which file, and what to do.
#[derive(Debug)]
pub enum LedgerError {
    Io {
        path: PathBuf,
        doing: Three,
        source: io::Error,
    },
    /// What was once synced is no longer whole.
    Damaged {
        path: PathBuf,
        line: u64,
    },
    /// The file is of another kind, or of a later version.
    Version {
        path: PathBuf,
        found: String,
    },
    /// An earlier write failed, or the program is about to end.
    Closed {
        path: PathBuf,
    },
    /// Another client uses this directory.
    InUse {
        path: PathBuf,
    },
    /// The operating system gives no random numbers.
    Random,
}

impl LedgerError {
    /// Adds to an error of the operating system which file it was, and what was to be done.
    pub fn io(path: &Path, doing: Three) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { path, doing, source }
    }
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, doing, source } => Phrase::CannotDo { doing, path: &path.display(), error: source }.fmt(f),
            Self::Damaged { path, line } => Phrase::Damaged { path: &path.display(), line }.fmt(f),
            Self::Version { path, found } => {
                Phrase::OtherVersion { path: &path.display(), found: &format!("{found:?}") }.fmt(f)
            }
            Self::Closed { path } => Phrase::FileClosed { path: &path.display() }.fmt(f),
            Self::InUse { path } => Phrase::InUse { path: &path.display() }.fmt(f),
            Self::Random => Phrase::NoRandom.fmt(f),
        }
    }
}

impl std::error::Error for LedgerError {}

/// What can go wrong between the client and the server.
#[derive(Debug)]
pub enum LinkError {
    /// No connection, or it broke, or nothing came in time. Try again later.
    Away(String),
    /// The server does not let us in, and will not (protocol, section 3).
    Refused(Ko),
    /// Another session of this user took over (protocol, section 3).
    Replaced,
}

impl LinkError {
    /// What a KO to a login line means: most do not change by trying again, some do.
    pub fn from_login(ko: Ko) -> Self {
        match ko.code {
            Code::Full | Code::Timeout | Code::Shutdown | Code::Internal => Self::Away(words::ko(&ko)),
            Code::Replaced => Self::Replaced,
            _ => Self::Refused(ko),
        }
    }

    /// What a KO means that closes the connection and answers nothing (protocol, section 1).
    pub fn from_close(ko: Ko) -> Self {
        if ko.code == Code::Replaced { Self::Replaced } else { Self::Away(words::ko(&ko)) }
    }
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Away(why) => f.write_str(why),
            Self::Refused(ko) if ko.code == Code::Auth => Phrase::RefusedNew { why: &words::ko(ko) }.fmt(f),
            // Somebody has the name who has another password.
            Self::Refused(ko) if ko.code == Code::Exists => Phrase::Refused { why: &Phrase::NameTaken }.fmt(f),
            Self::Refused(ko) => Phrase::Refused { why: &words::ko(ko) }.fmt(f),
            Self::Replaced => Phrase::TookOver.fmt(f),
        }
    }
}

impl std::error::Error for LinkError {}

/// Why a thread of the client stopped its work.
#[derive(Debug)]
pub enum Stop {
    Link(LinkError),
    Files(LedgerError),
    /// The main thread takes no more events: the program is ending.
    NobodyListens,
}

impl From<LinkError> for Stop {
    fn from(error: LinkError) -> Self {
        Self::Link(error)
    }
}

impl From<LedgerError> for Stop {
    fn from(error: LedgerError) -> Self {
        Self::Files(error)
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link(error) => error.fmt(f),
            Self::Files(error) => error.fmt(f),
            Self::NobodyListens => Phrase::CloseReason.fmt(f),
        }
    }
}
