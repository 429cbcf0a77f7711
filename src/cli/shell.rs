//! `wachat completions`: generated from the same description of the command line as `--help`.

use clap::{Args, Command};
use clap_complete::Shell;

use super::page::{DONE, Page, page};
use super::terminal::write_out;

pub(super) const PAGES: &[Page] = &[page(
    "completions",
    DONE,
    &[("wachat completions bash > ~/.local/share/bash-completion/completions/wachat", "For bash")],
    &["man"],
)];

#[derive(Args)]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints a completion script: `source <(wachat completions bash)`.
pub(super) fn completions(args: &CompletionsArgs, mut command: Command) -> Result<(), String> {
    let mut out = Vec::new();
    clap_complete::generate(args.shell, &mut command, "wachat", &mut out);
    write_out(&out)
}
