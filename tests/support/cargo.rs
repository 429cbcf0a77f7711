//! Cargo, run by a test.

use std::process::Command;

/// Returns a command that runs cargo as a shell would, without the variables that `cargo test` sets.
///
/// Build scripts that depend on those variables would run again, and all that depends on them be built again.
pub fn cargo() -> Command {
    let is_set_by_cargo = |name: &str| {
        ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"].iter().any(|start| name.starts_with(start))
    };
    let mut command = Command::new(env!("CARGO"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(is_set_by_cargo)) {
        command.env_remove(name);
    }
    command
}
