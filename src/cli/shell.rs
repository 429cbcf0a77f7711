//! `wachat completions` and `wachat man`: generated from the same description of the command line as `--help`.

use std::process::ExitCode;

use clap::{Args, Command};
use clap_complete::Shell;

use super::print;

#[derive(Args)]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Args)]
pub(super) struct ManArgs {
    /// Command to describe [default: an overview of all commands]
    command: Option<String>,
}

/// Prints a completion script: `source <(wachat completions bash)`.
pub(super) fn completions(args: &CompletionsArgs, mut command: Command) -> ExitCode {
    let mut out = Vec::new();
    clap_complete::generate(args.shell, &mut command, "wachat", &mut out);
    print(&out)
}

/// Prints a manual page: `wachat man | man -l -`. Exit code 2: there is no such command.
pub(super) fn man(args: &ManArgs, mut command: Command) -> ExitCode {
    // Sets the full names of the subcommands.
    command.build();
    let page = match &args.command {
        Some(name) => command.find_subcommand(name).cloned(),
        None => Some(command),
    };
    let Some(page) = page else {
        eprintln!("wachat: there is no such command; wachat help lists the commands");
        return ExitCode::from(2);
    };
    let mut out = Vec::new();
    match clap_mangen::Man::new(page).render(&mut out) {
        Ok(()) => print(&out),
        Err(error) => {
            eprintln!("wachat: {error}");
            ExitCode::FAILURE
        }
    }
}
