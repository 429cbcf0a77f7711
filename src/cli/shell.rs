//! `wachat completions` and `wachat man`: generated from the same description of the command line as `--help`.

use clap::{Args, Command};
use clap_complete::Shell;

use super::write_out;
use crate::client::exit::{Exit, Failure, failed};

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
pub(super) fn completions(args: &CompletionsArgs, mut command: Command) -> Result<(), String> {
    let mut out = Vec::new();
    clap_complete::generate(args.shell, &mut command, "wachat", &mut out);
    write_out(&out)
}

/// Prints a manual page: `wachat man | man -l -`. Exit code 2: there is no such command.
pub(super) fn man(args: &ManArgs, mut command: Command) -> Result<(), Failure> {
    // Sets the full names of the subcommands.
    command.build();
    let page = match &args.command {
        Some(name) => command.find_subcommand(name).cloned(),
        None => Some(command),
    };
    let no_such = || (Exit::Usage, "there is no such command; wachat help lists the commands".to_owned());
    let mut out = Vec::new();
    clap_mangen::Man::new(page.ok_or_else(no_such)?).render(&mut out).map_err(failed)?;
    write_out(&out).map_err(failed)
}
