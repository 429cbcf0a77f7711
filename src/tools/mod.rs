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

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::Subcommand;
use crossbeam_channel::Receiver;
use signal_hook::consts::SIGINT;

use crate::client::exit::{Exit, Failure, failed, report};
use crate::signals;
use crate::texts::ascii::for_terminal;

use args::{HistoryArgs, LookArgs, ReceiveArgs, SendArgs};
use lines::Line;

/// A command for scripts.
#[derive(Subcommand)]
pub enum Tool {
    Send(SendArgs),
    Receive(ReceiveArgs),
    History(HistoryArgs),
    /// List all users and their presence
    Users(LookArgs),
    /// List the rooms
    Rooms(LookArgs),
}

/// Runs a command. A failure is reported on standard error.
pub fn run(tool: &Tool) -> ExitCode {
    report(match tool {
        Tool::Send(args) => send::send(args),
        Tool::Receive(args) => receive::receive(args),
        Tool::History(args) => look::history(args),
        Tool::Users(args) => look::users(args),
        Tool::Rooms(args) => look::rooms(args),
    })
}

/// Writes lines to standard output, to a terminal as it can show them. When this returns they have left this program. A reader that has closed the output
/// (`| head -1`) ends the program with [`Exit::Done`].
fn print(lines: &[impl Line], json: bool) -> Result<(), Failure> {
    let mut text = Vec::new();
    let at_terminal = io::stdout().is_terminal();
    for line in lines {
        if json {
            serde_json::to_writer(&mut text, line).map_err(failed)?;
        } else if at_terminal {
            text.extend_from_slice(for_terminal(&line.plain()).as_bytes());
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
    signals::receive(&[SIGINT]).map_err(failed)
}
