//! The exit codes: what scripts are told.

use std::process::ExitCode;

/// The exit codes of `wachat connect` and of the commands for scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Every message of a pipe was accepted; or a person has left.
    Done,
    /// A command or a message failed, and an error said why.
    Failed,
    /// Wrong arguments, or no password.
    Usage,
    /// The server refuses the login.
    Refused,
    /// No server, and nothing to queue.
    Away,
    /// Messages are in the outbox only: the next start sends them.
    Queued,
    /// Ctrl-C.
    Interrupted,
}

/// The reason why the program ends, in words, and its exit code.
pub type Failure = (Exit, String);

impl Exit {
    /// Returns the code of the process.
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
