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

use crossbeam_channel::Receiver;
use signal_hook::consts::SIGINT;

use crate::client::exit::{Exit, Failure, failed};
use crate::client::texts::safe::safe;
use crate::signals;

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

fn end(result: Result<Exit, Failure>) -> ExitCode {
    let exit = result.unwrap_or_else(|(exit, why)| {
        if exit != Exit::Done {
            note(&why);
        }
        exit
    });
    exit.into()
}

/// Writes a line to standard error, beside the data.
fn note(text: &str) {
    // Without standard error there is no place to report that.
    let _ = writeln!(io::stderr(), "wachat: {}", safe(text));
}

/// Writes lines to standard output. When this returns they have left this program. A reader that has closed the output
/// (`| head -1`) ends the program with [`Exit::Done`].
fn print(lines: &[impl Line], json: bool) -> Result<(), Failure> {
    let mut text = Vec::new();
    for line in lines {
        if json {
            serde_json::to_writer(&mut text, line).map_err(failed)?;
        } else {
            text.extend_from_slice(line.plain().as_bytes());
        }
        text.push(b'\n');
    }
    let mut out = io::stdout().lock();
    out.write_all(&text).and_then(|()| out.flush()).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => (Exit::Done, error.to_string()),
        _ => failed(format!("cannot write to standard output: {error}")),
    })
}

/// Returns Ctrl-C as a channel: the program goes on until it reads there.
fn receive_interrupts() -> Result<Receiver<()>, Failure> {
    signals::receive(&[SIGINT]).map_err(|error| failed(format!("cannot wait for signals: {error}")))
}
