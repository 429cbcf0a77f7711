//! The parts of `--help` and of the manual page of a command beside its arguments. Each command's stand beside it.

/// The additions to the page of one command.
pub struct Page {
    /// The words of the command after `wachat`; empty: the program itself.
    pub command: &'static str,
    pub exits: &'static [(u8, &'static str)],
    /// A command line for a shell, and its purpose.
    pub examples: &'static [(&'static str, &'static str)],
    /// Related commands, in the same form as `command`.
    pub see: &'static [&'static str],
}

/// The exit codes of a command that does one thing.
pub(super) const DONE: &[(u8, &str)] = &[(0, "done"), (1, "not done; a line says why"), (2, "wrong arguments")];

pub(super) const fn page(
    command: &'static str,
    exits: &'static [(u8, &'static str)],
    examples: &'static [(&'static str, &'static str)],
    see: &'static [&'static str],
) -> Page {
    Page { command, exits, examples, see }
}
