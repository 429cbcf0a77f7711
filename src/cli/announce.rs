//! `wachat announce`: the administrator tells all users who are online.

use std::path::PathBuf;

use clap::Args;

use super::admin::Admin;
use super::ban::short_text;
use crate::model::ShortText;
use crate::protocol::control::ControlRequest;

#[derive(Args)]
pub(super) struct AnnounceArgs {
    /// Text of one line; those who are offline never get it
    #[arg(value_parser = short_text)]
    text: ShortText,
    /// Directory of the store of the running server
    #[arg(long, default_value = "data")]
    data: PathBuf,
}

/// Runs the command. The error says why it was not done.
pub(super) fn run(args: &AnnounceArgs) -> Result<(), String> {
    Admin::running(&args.data)?.change(&ControlRequest::Announce { text: args.text.clone() })
}
