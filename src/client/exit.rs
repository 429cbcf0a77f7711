//! How the program ends: what scripts are told.

use std::process::ExitCode;

/// The exit codes of `wachat connect`.
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
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Refused => 3,
            Exit::Away => 4,
            Exit::Queued => 5,
        })
    }
}
