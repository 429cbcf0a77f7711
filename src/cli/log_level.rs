//! `wachat log-level`: how much a running server writes to its log.

use std::path::PathBuf;

use clap::Args;
use log::LevelFilter;

use super::admin::Admin;
use crate::protocol::control::ControlRequest;

#[derive(Args)]
pub(super) struct LogLevelArgs {
    /// off, error, warn, info, debug or trace; until the server is restarted. A server that was started with RUST_LOG for
    /// single modules writes no more than that
    level: LevelFilter,
    /// Directory of the store of the running server
    #[arg(long, default_value = "data")]
    data: PathBuf,
}

/// Runs the command. The error says why it was not done.
pub(super) fn run(args: &LogLevelArgs) -> Result<(), String> {
    Admin::running(&args.data)?.change(&ControlRequest::LogLevel { level: args.level })
}
