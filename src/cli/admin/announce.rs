//! `wachat announce`: the administrator tells all users who are online.

use clap::Args;

use super::super::page::{DONE, Page, page};
use super::access::{StoreArgs, of_running_server};
use super::ban::short_text;
use crate::model::ShortText;
use crate::protocol::control::ControlRequest;

pub(super) const PAGES: &[Page] = &[page(
    "announce",
    DONE,
    &[("wachat announce 'the server stops at 18:00'", "Tell all who are online")],
    &["status", "session list"],
)];

#[derive(Args)]
#[command(mut_arg("data", of_running_server))]
pub(in crate::cli) struct AnnounceArgs {
    /// Text of one line; those who are offline never get it
    #[arg(value_parser = short_text)]
    text: ShortText,
    #[command(flatten)]
    store: StoreArgs,
}

pub(super) fn run(args: &AnnounceArgs) -> Result<(), String> {
    args.store.open_server()?.change(&ControlRequest::Announce { text: args.text.clone() })
}
