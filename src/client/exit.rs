//! The exit codes: what scripts are told.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use crate::model::safe::safe;
use crate::protocol::Ko;
use crate::texts::Phrase;
use crate::texts::ascii::for_terminal;

/// The exit codes of `wachat connect` and of the commands for scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Every message of a pipe was accepted; or a person has left.
    Done = 0,
    /// A command or a message failed, and an error said why.
    Failed = 1,
    /// Wrong arguments, or no password.
    Usage = 2,
    /// The server refuses the login.
    Refused = 3,
    /// No server, and nothing to queue.
    Away = 4,
    /// Messages are in the outbox only: the next start sends them.
    Queued = 5,
    /// Ctrl-C.
    Interrupted = 130,
}

/// The reason why the program ends, in words, and its exit code.
pub type Failure = (Exit, String);

impl From<Ko> for Failure {
    fn from(ko: Ko) -> Self {
        failed(ko.text)
    }
}

/// Makes the failure with the exit code of most errors.
pub fn failed(why: impl ToString) -> Failure {
    (Exit::Failed, why.to_string())
}

/// Makes the failure of a screen that cannot be written or set up.
pub(super) fn no_screen(error: io::Error) -> Failure {
    failed(Phrase::NoScreen { error: &error })
}

/// Reports a failure on standard error, and returns the exit code. A failure with [`Exit::Done`] is none.
pub fn report(result: Result<Exit, Failure>) -> ExitCode {
    let exit = result.unwrap_or_else(|(exit, why)| {
        if exit != Exit::Done {
            note(&why);
        }
        exit
    });
    exit.into()
}

/// Writes a line to standard error, beside the data.
pub fn note(text: &str) {
    let mut out = io::stderr();
    let text = safe(text);
    let text = if out.is_terminal() { for_terminal(&text) } else { text.as_ref().into() };
    // Without standard error there is no place to report that.
    let _ = writeln!(out, "wachat: {text}");
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
