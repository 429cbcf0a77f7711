//! Errors of a store. Each says where, what is wrong, and what to do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::wal::WalError;

#[derive(Debug)]
pub struct StoreError {
    /// A file or a directory.
    pub path: PathBuf,
    pub problem: Problem,
}

#[derive(Debug)]
pub enum Problem {
    Io(io::Error),
    /// Another process holds the directory.
    Locked,
    /// A line (counted from 1; 0 where no line can be named) is not as it was written.
    Damaged {
        line: u64,
        what: String,
    },
    NoCheckpoint,
    /// Nothing in the directory belongs to a store.
    NoStore,
    Newer,
    /// A backup has its store's name and numbers: if it were served as it is, clients would mistake its messages
    /// for those that they have.
    IsBackup,
    /// A restore into this directory was interrupted.
    HalfRestored,
    /// The store, or the one that a backup is of, is one of a cluster's: alone it would become another one.
    OfCluster,
    /// The store is in no cluster.
    OfNoCluster,
    /// The directory is not a whole backup.
    NoBackup,
    /// A backup or a restore writes into an empty directory only.
    NotEmpty,
    /// The store was changing all the time while it was copied.
    TooBusy,
    /// Another process makes a backup in this folder.
    BackupRuns,
    /// The damage of a backup, a line each.
    DamagedBackup(Vec<String>),
}

impl Problem {
    pub(super) fn at(self, path: &Path) -> StoreError {
        StoreError { path: path.to_path_buf(), problem: self }
    }

    /// Says what to do. This program never guesses what a damaged line said.
    fn advice(&self) -> &'static str {
        match self {
            Self::Io(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                "; choose a directory that you may write to with --data"
            }
            Self::Io(error) if error.kind() == io::ErrorKind::StorageFull => "; free some space on the disk",
            Self::Io(_) => "; check the disk, then try again",
            Self::Damaged { .. } | Self::NoCheckpoint => {
                "; nothing was changed; put back a backup, or start with another --data"
            }
            Self::Locked => "; stop it, or choose another --data",
            Self::NoStore => "; name one with --data",
            Self::Newer => "; start that one",
            Self::IsBackup => "; put it back with wachat restore, or choose another --data",
            Self::HalfRestored => "; run the same wachat restore again",
            Self::NotEmpty => "; name a new directory",
            Self::OfCluster => "; start it with --cluster, or take it out for good with wachat cluster leave",
            Self::OfNoCluster => "; see wachat cluster init",
            Self::BackupRuns => "; wait for its end, or name another folder",
            Self::TooBusy => "; try again when it is less busy",
            Self::NoBackup | Self::DamagedBackup(_) => "",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Io(error) => return error.fmt(f),
            Self::Damaged { what, .. } => what,
            Self::Locked => "another wachat serves this directory",
            Self::NoCheckpoint => "there was a store here, and its checkpoint is gone",
            Self::NoStore => "there is no store",
            Self::Newer => "written by a newer version of wachat",
            Self::IsBackup => "this is a backup, or the beginning of one",
            Self::HalfRestored => "a restore into this directory was interrupted",
            Self::NoBackup => "this is no whole backup: there is no backup.csv, which wachat backup writes last",
            Self::NotEmpty => "the directory is not empty",
            Self::OfCluster => "this is a store of a server that is in a cluster",
            Self::OfNoCluster => "this store is in no cluster",
            Self::TooBusy => "the server made checkpoints faster than they could be copied",
            Self::BackupRuns => "another wachat makes a backup in this folder",
            Self::DamagedBackup(_) => "this backup is damaged and cannot be used",
        })
    }
}

impl StoreError {
    /// Adds to an error of the operating system which file it was.
    pub fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        |error| Problem::Io(error).at(path)
    }

    pub(super) fn damaged(path: &Path, line: u64, what: impl Into<String>) -> Self {
        Problem::Damaged { line, what: what.into() }.at(path)
    }

    /// Says where and what, without what to do.
    pub(super) fn what(&self) -> String {
        let path = self.path.display();
        let problem = &self.problem;
        match problem {
            Problem::Damaged { line, .. } if *line > 0 => format!("{path} line {line}: {problem}"),
            _ => format!("{path}: {problem}"),
        }
    }
}

impl From<WalError> for StoreError {
    fn from(error: WalError) -> Self {
        match error {
            WalError::Io { file, error } => Problem::Io(error).at(&file),
            WalError::Newer { file } => Problem::Newer.at(&file),
            WalError::Damaged { file, line, what } => Self::damaged(&file, line, what),
            WalError::Missing { file } => Self::damaged(&file, 0, "the file is missing"),
            WalError::Closed { file } => Problem::Io(io::Error::other("the log is closed")).at(&file),
            WalError::TooLong { file, .. } => Problem::Io(io::Error::other("a batch does not fit")).at(&file),
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.what(), self.problem.advice())?;
        match &self.problem {
            Problem::DamagedBackup(damage) => damage.iter().try_for_each(|line| write!(f, "\nwachat: {line}")),
            _ => Ok(()),
        }
    }
}
