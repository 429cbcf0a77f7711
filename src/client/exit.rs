//! How the program ends: what scripts are told.

use std::process::ExitCode;

/// The exit codes of `wachat connect` and of the commands for scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All that was piped in was accepted; or a person has left.
    Done,
    /// Something failed for good, and a message said what.
    Failed,
    /// Wrong arguments, or no password.
    Usage,
    /// The server does not let this user in.
    Refused,
    /// No server, and nothing to queue.
    Away,
    /// Some could only be queued: the outbox is kept, and the next start sends it.
    Queued,
    /// Ctrl-C, while something was waited for.
    Interrupted,
}

impl Exit {
    /// What the system is told.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Away => 4,
            Self::Queued => 5,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
