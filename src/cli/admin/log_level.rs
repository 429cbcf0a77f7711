//! `wachat log-level`: how much a running server writes to its log.

use clap::Args;
use log::LevelFilter;

use super::super::page::{DONE, Page, page};
use super::access::{StoreArgs, of_running_server};
use crate::protocol::control::ControlRequest;

pub(super) const PAGES: &[Page] = &[page(
    "log-level",
    DONE,
    &[("wachat log-level debug", "Log each login"), ("wachat log-level warn", "As a server starts")],
    &["status", "serve"],
)];

#[derive(Args)]
#[command(mut_arg("data", of_running_server))]
pub(in crate::cli) struct LogLevelArgs {
    /// off, error, warn, info, debug or trace; until the server is restarted. A server that was started with RUST_LOG for
    /// single modules writes no more than that
    level: LevelFilter,
    #[command(flatten)]
    store: StoreArgs,
}

pub(super) fn run(args: &LogLevelArgs) -> Result<(), String> {
    args.store.open_server()?.change(&ControlRequest::LogLevel { level: args.level })
}
