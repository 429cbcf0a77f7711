//! Clients for scripts: `wachat send`, `receive`, `history`, `users` and `rooms`.
//!
//! They use the connections, the log and the dispatcher of [`crate::client`]. Results go to standard output, a line
//! each (`--json`: one JSON object a line, whose fields are those of the structs in `lines`); all else goes to
//! standard error. The exit codes are in [`Exit`].

mod args;
mod lines;
mod look;
mod receive;
mod send;
mod submission;

use std::io::{self, Write};
use std::process::ExitCode;

use crate::client::link::error::LinkError;
use crate::client::state::error::LogError;
use crate::client::texts::safe::safe;
use crate::client::{Exit, Failure};
use crate::protocol::Ko;

pub use args::{HistoryArgs, LookArgs, ReceiveArgs, SendArgs};
use lines::Line;

/// Sends one message. See [`SendArgs`].
pub fn send(args: &SendArgs) -> ExitCode {
    end(send::send(args))
}

/// Writes out the waiting messages. See [`ReceiveArgs`].
pub fn receive(args: &ReceiveArgs) -> ExitCode {
    end(receive::receive(args))
}

/// Writes out a conversation. See [`HistoryArgs`].
pub fn history(args: &HistoryArgs) -> ExitCode {
    end(look::history(args))
}

/// Lists all users.
pub fn users(args: &LookArgs) -> ExitCode {
    end(look::users(args))
}

/// Lists the rooms.
pub fn rooms(args: &LookArgs) -> ExitCode {
    end(look::rooms(args))
}

/// The reason why a tool stops.
enum Stop {
    Failed(Failure),
    /// The reader of the output has closed it (`| head -1`): no failure, and nothing to report.
    OutputClosed,
}

impl Stop {
    fn failed(exit: Exit, why: impl ToString) -> Self {
        Self::Failed((exit, why.to_string()))
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<LogError> for Stop {
    fn from(error: LogError) -> Self {
        Self::failed(Exit::Failed, error)
    }
}

impl From<LinkError> for Stop {
    fn from(error: LinkError) -> Self {
        let exit = match error {
            LinkError::Away(_) => Exit::Away,
            LinkError::Refused(_) => Exit::Refused,
            LinkError::Replaced => Exit::Failed,
        };
        Self::failed(exit, error)
    }
}

impl From<Ko> for Stop {
    fn from(ko: Ko) -> Self {
        Self::failed(Exit::Failed, ko.text)
    }
}

fn end(result: Result<Exit, Stop>) -> ExitCode {
    let exit = match result {
        Ok(exit) => exit,
        Err(Stop::OutputClosed) => Exit::Done,
        Err(Stop::Failed((exit, why))) => {
            note(&why);
            exit
        }
    };
    exit.into()
}

/// Writes a line to standard error, beside the data.
fn note(text: &str) {
    // Without standard error there is no place to report that.
    let _ = writeln!(io::stderr(), "wachat: {}", safe(text));
}

/// Writes lines to standard output. When this returns they have left this program.
fn print(lines: &[impl Line], json: bool) -> Result<(), Stop> {
    let mut text = Vec::new();
    for line in lines {
        if json {
            serde_json::to_writer(&mut text, line).map_err(|error| Stop::failed(Exit::Failed, error))?;
        } else {
            text.extend_from_slice(line.plain().as_bytes());
        }
        text.push(b'\n');
    }
    let mut out = io::stdout().lock();
    out.write_all(&text).and_then(|()| out.flush()).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Stop::OutputClosed,
        _ => Stop::failed(Exit::Failed, format!("cannot write to standard output: {error}")),
    })
}
