//! `wachat completions` and `wachat man`: what the shell and the manual know of the command line, made
//! from the same description as `--help`.

use std::process::ExitCode;

use clap::{Args, Command};
use clap_complete::Shell;

use super::print;

#[derive(Args)]
pub(super) struct CompletionsArgs {
    /// Which shell's
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Args)]
pub(super) struct ManArgs {
    /// A command's own page
    command: Option<String>,
}

/// Writes what the shell is to read: `source <(wachat completions bash)`.
pub(super) fn completions(args: &CompletionsArgs, mut command: Command) -> ExitCode {
    let mut out = Vec::new();
    clap_complete::generate(args.shell, &mut command, "wachat", &mut out);
    print(&out)
}

/// Writes a manual page: `wachat man | man -l -`. Exit code 2: there is no such command.
pub(super) fn man(args: &ManArgs, mut command: Command) -> ExitCode {
    // Gives the inner commands their whole names.
    command.build();
    let page = match &args.command {
        Some(name) => command.find_subcommand(name).cloned(),
        None => Some(command),
    };
    let Some(page) = page else {
        eprintln!("wachat: there is no such command; wachat help lists those there are");
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
